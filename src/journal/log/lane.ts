import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { SegmentEntry, SegmentId, SegmentStore, StoreError, WritableSegment } from '../../storage/ports.js';
import type { EntryPlace, FooterRow } from '../keeper.js';
import type { CommitNumber, GroupId } from '../ports.js';
import { ENTRY_HEAD_BYTES } from './entry.js';
import { EntryBuilder, EntryMemory } from './entry-builder.js';
import { Group, type GroupHost } from './group.js';
import { type PendingBytes, Writers } from './pending-batch.js';
import { recover } from './recovery.js';
import { finishRewrite } from './rewrite.js';
import { isBusy, Segments } from './segments.js';
import { Tail } from './tail.js';

/** Bytes of an entry beside its batches, at most, as a first guess. */
const ENTRY_SPARE_BYTES = 1024;
const PAGE_BYTES = 4096;

export interface LaneLimits {
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  readonly tailBytes: number;
  readonly cacheBytes: number;
}

export interface LaneOptions {
  readonly store: SegmentStore;
  readonly groups: readonly GroupId[];
  readonly limits: LaneLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pending: PendingBytes;
  readonly openCommit: () => CommitNumber;
  /** What `send` sent is durable, or lost. In order. */
  readonly onDone: (commit: CommitNumber, error: StoreError | null) => void;
  /** A segment could not be sealed. */
  readonly onFault: (error: StoreError) => void;
}

/** What one commit wrote to this lane. */
interface Flight {
  readonly commit: CommitNumber;
  readonly segment: OpenSegment;
  readonly groups: readonly Group[];
  readonly places: readonly EntryPlace[];
  readonly recordBytes: number;
}

interface OpenSegment {
  readonly segment: WritableSegment;
  readonly createdMs: number;
  bytes: number;
  flights: number;
}

/*
  One store, one active segment, one flush for all its groups.

    turn:   append ... append | send: an entry per dirty group, one transaction | done: keepers hear of it, in order
                                                                                | or lost: what must not be lost goes into the next
    a full segment drains: what is under way lands, then its footers are written and it is sealed. The next one is in use meanwhile.
*/
export class Lane implements GroupHost {
  readonly groups: readonly Group[];
  readonly clock: Clock;
  readonly segments: Segments;
  readonly writers: Writers = new Writers();
  readonly pending: PendingBytes;
  readonly store: SegmentStore;
  /** By retention, since the start. */
  segmentsRemoved = 0;
  /** The segment that compaction reads now: it must not go meanwhile. */
  rewriting: SegmentId | null = null;
  /** By compaction, since the start. */
  segmentsRewritten = 0;
  readonly #options: LaneOptions;
  readonly #tail: Tail;
  readonly #builder: EntryBuilder;
  #active: OpenSegment;
  #draining: OpenSegment[] = [];
  #flights: Flight[] = [];
  #idLast: SegmentId = 0;

  /** Opens what is there and reads what a start needs. @throws StoreError. */
  constructor(options: LaneOptions) {
    const { store, groups, limits, clock, log } = options;
    this.#options = options;
    this.store = store;
    this.clock = clock;
    this.pending = options.pending;
    const memory = new EntryMemory(Math.max(limits.tailBytes, 1 << 22));
    this.#builder = new EntryBuilder(memory);
    this.#tail = new Tail(memory, limits.tailBytes);
    this.segments = new Segments(store, this.#tail, memory, limits.cacheBytes, log);
    this.groups = groups.map((id) => new Group(id, store.table, this));
    finishRewrite(store);
    const unsealed = recover(store, this.segments, this.groups, log).map((segment) => this.#track(segment));
    this.#active = unsealed.pop() ?? this.#create();
    this.#draining = unsealed;
    for (const draining of this.#draining.slice()) this.#maybeSeal(draining);
  }

  get openCommit(): CommitNumber {
    return this.#options.openCommit();
  }

  get isDirty(): boolean {
    const { groups } = this;
    for (let i = 0; i < groups.length; i += 1) if (groups[i].isDirty) return true;
    return false;
  }

  get isIdle(): boolean {
    return this.#flights.length === 0;
  }

  /** Closes the commit here: everything dirty goes to the store. @returns false if there was nothing. */
  send(commit: CommitNumber): boolean {
    const entries: SegmentEntry[] = [];
    const groups: Group[] = [];
    const places: EntryPlace[] = [];
    const active = this.#active;
    let recordBytes = 0;
    for (const group of this.groups) {
      if (!group.isDirty) continue;
      const place: EntryPlace = { segment: active.segment.id, group: group.id, index: group.nextIndex };
      group.nextIndex += 1;
      const hasRecords = group.records.isDirty;
      const bytes = this.#build(group, place, commit);
      if (hasRecords) recordBytes += group.records.closedBytes;
      entries.push({ group: group.id, index: place.index, bytes });
      groups.push(group);
      places.push(place);
      this.#tail.add(group.id, place.index, bytes);
      active.bytes += bytes.length < PAGE_BYTES / 2 ? bytes.length + 24 : Math.ceil((bytes.length + 16) / PAGE_BYTES) * PAGE_BYTES;
    }
    if (entries.length === 0) return false;
    this.#flights.push({ commit, segment: active, groups, places, recordBytes });
    active.flights += 1;
    active.segment.append(entries, (error) => this.#onDone(error));
    if (active.bytes >= this.#options.limits.segmentBytes) this.#rotate();
    return true;
  }

  onTick(nowMs: number): void {
    for (const { tables } of this.groups) tables.onTick(nowMs);
    const active = this.#active;
    if (active.bytes > 0 && nowMs - active.createdMs > this.#options.limits.segmentAgeMs) this.#rotate();
    for (const draining of this.#draining.slice()) this.#maybeSeal(draining);
  }

  /** What is written from now on goes to a new segment. */
  rotate(): void {
    if (this.#active.bytes > 0) this.#rotate();
  }

  /** For a segment that is not there yet. */
  takeSegmentId(): SegmentId {
    let id = this.#idLast + 1;
    for (const { id: taken } of this.store.list()) id = Math.max(id, taken + 1);
    this.#idLast = id;
    return id;
  }

  /** Whether the changes of tables in it are in their checkpoints; if not, they soon will be. */
  isCheckpointed(id: SegmentId): boolean {
    const lastIndexOf = (group: GroupId): number => this.segments.guarded(id, group, () => this.segments.reader(id).lastIndexOf(group), 0);
    const waiting = this.groups.filter(({ id: group, tables }) => tables.checkpointedIndex < lastIndexOf(group));
    for (const { tables } of waiting) tables.requestCheckpoint();
    return waiting.length === 0;
  }

  isSealed(id: SegmentId): boolean {
    return id !== this.#active.segment.id && !this.#draining.some(({ segment }) => segment.id === id);
  }

  #build(group: Group, place: EntryPlace, commit: CommitNumber): Uint8Array {
    const builder = this.#builder;
    const first = group.records.nextAssigned;
    builder.start(place, ENTRY_SPARE_BYTES + group.records.pendingLength());
    for (const keeper of group.keepers) if (keeper.isDirty) keeper.collect(builder, commit);
    assert(builder.length > ENTRY_HEAD_BYTES, 'a dirty group has something to write');
    return builder.finish(commit, first, group.records.nextAssigned - first);
  }

  #onDone(error: StoreError | null): void {
    const flight = this.#flights.shift();
    assert(flight !== undefined, 'the store answers once');
    const { commit, segment, groups, places } = flight;
    for (let i = 0; i < groups.length; i += 1) {
      const { keepers, id } = groups[i];
      for (const keeper of keepers) {
        if (error === null) keeper.onDurable(commit, places[i]);
        else keeper.onLost(commit);
      }
      if (error !== null) this.#tail.lose(id, places[i].index);
    }
    this.#tail.settle(groups.length);
    this.pending.pendingBytes -= flight.recordBytes;
    segment.flights -= 1;
    this.#options.onDone(commit, error);
    if (segment !== this.#active) this.#maybeSeal(segment);
  }

  #create(): OpenSegment {
    return this.#track(this.store.create(this.takeSegmentId()));
  }

  #track(segment: WritableSegment): OpenSegment {
    this.segments.addWritable(segment);
    return {
      segment,
      createdMs: this.clock.nowMs(),
      bytes: segment.bytes > this.#options.limits.segmentBytes ? segment.bytes : 0,
      flights: 0,
    };
  }

  #rotate(): void {
    const full = this.#active;
    try {
      this.#active = this.#create();
    } catch (error) {
      if (!isBusy(error)) this.#options.onFault(error as StoreError);
      return; // No descriptor is free: it grows until there is one.
    }
    this.#draining.push(full);
    this.#maybeSeal(full);
  }

  #maybeSeal(draining: OpenSegment): void {
    // One after the other, and only when nothing is under way to it. Its flights count: sealing is one of them.
    if (draining.flights > 0 || this.#draining[0] !== draining) return;
    const { segment } = draining;
    const { id } = segment;
    const rows: FooterRow[] = [];
    for (const { keepers } of this.groups) for (const keeper of keepers) for (const row of keeper.footersOf(id)) rows.push(row);
    draining.flights += 1;
    segment.seal(rows, (error) => {
      draining.flights -= 1;
      if (error !== null) {
        this.#options.onFault(error); // If the disk is full, the tick tries again.
        return;
      }
      this.#draining.shift();
      this.segments.seal(id);
      for (const { keepers } of this.groups) for (const keeper of keepers) keeper.onSealed(id);
      if (this.#draining.length > 0) this.#maybeSeal(this.#draining[0]);
    });
  }
}
