import { assert } from '../../base/assert.js';
import type { SegmentId } from '../../storage/ports.js';
import { WireViolation } from '../../wire/violation.js';
import { BLOCK, type BlockKeeper, type BlockSink, type EntryPlace, type FooterRow } from '../keeper.js';
import type { CommitNumber, GroupId, Sequence, SequenceIndex } from '../ports.js';
import type { StateTables } from '../state/state-tables.js';
import { Definitions } from './definitions.js';
import { type OpenFooters, scanIndexes } from './footer-rows.js';
import { IndexParts, type SealedRows } from './index-parts.js';
import { KeyIndex, type PendingIndexes } from './key-index.js';
import { NO_RUN, PendingRuns } from './pending-runs.js';
import { RowCache } from './row-cache.js';
import { RUN_BYTES_MAX, RunReader, writeInteger, writeRun } from './run-codec.js';

/*
  Body of an index block: what a commit adds to the indexes of its group (integers and runs of run-codec.ts).

    block  => base | part*
    part   => index number | run count | runs        gaps count from before `base`, the least sequence of the block
*/
const PART_HEAD_BYTES_MAX = 12;
const BLOCK_BYTES_FIRST = 1024;

/** A block that is under way: its own copy, because it becomes part of the index when it is durable and not before. */
interface Flight {
  commit: CommitNumber;
  segment: SegmentId;
  bytes: Uint8Array;
  length: number;
}

/**
 * The indexes of a group. At the start: tables are loaded, `onSealed` for each sealed segment, `replay` of the rest, then `onReplayed` when also
 * the tables have been replayed, which know what the numbers mean.
 */
export class SequenceIndexes implements BlockKeeper, PendingIndexes {
  readonly kind: typeof BLOCK.index = BLOCK.index;
  readonly pending: PendingRuns = new PendingRuns();
  readonly #sealedRows: SealedRows;
  readonly #definitions: Definitions;
  readonly #byKey = new Map<string, KeyIndex>();
  readonly #parts = new Map<number, IndexParts>();
  readonly #sealed = new Set<SegmentId>();
  readonly #reader = new RunReader();
  #isBound = false;
  /** Indexes that the open commit adds to. */
  #added: KeyIndex[] = [];
  readonly #flights: Flight[] = [];
  readonly #spare: Flight[] = [];

  /** @param tables of the same group, loaded. */
  constructor(group: GroupId, tables: StateTables, open: OpenFooters) {
    this.#sealedRows = { group, open, cache: new RowCache() };
    this.#definitions = new Definitions(tables);
  }

  get isDirty(): boolean {
    return this.pending.length > 0;
  }

  /** The least sequence that an index still wants; infinite if none wants any. */
  get firstWanted(): Sequence {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { parts } of this.#byKey.values()) lowest = Math.min(lowest, parts.firstWanted);
    return lowest;
  }

  find(key: string): SequenceIndex | undefined {
    assert(this.#isBound, 'indexes have keys when all is replayed');
    return this.#byKey.get(key);
  }

  /** Existing or new; new with the open commit. */
  open(key: string): SequenceIndex {
    const known = this.find(key);
    if (known !== undefined) return known;
    const parts = new IndexParts(this.#definitions.takeNumber(), this.#sealedRows);
    const index = new KeyIndex(key, parts, this);
    this.#parts.set(parts.number, parts);
    this.#byKey.set(key, index);
    this.#definitions.write(key, parts);
    return index;
  }

  drop(key: string): void {
    const index = this.#byKey.get(key);
    if (index === undefined) return;
    index.isDropped = true;
    this.#byKey.delete(key);
    this.#parts.delete(index.parts.number);
    this.#definitions.delete(key);
  }

  keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }

  noteAdded(index: KeyIndex): void {
    this.#added.push(index);
  }

  collect(sink: BlockSink, commit: CommitNumber): void {
    const flight = this.#spare.pop() ?? { commit: 0, segment: 0, bytes: new Uint8Array(BLOCK_BYTES_FIRST), length: 0 };
    this.#encode(flight);
    flight.commit = commit;
    flight.segment = sink.place.segment;
    this.#flights.push(flight);
    const at = sink.begin(BLOCK.index, flight.length);
    sink.bytes.set(flight.bytes.subarray(0, flight.length), at);
  }

  onDurable(commit: CommitNumber): void {
    while (this.#flights.length > 0 && this.#flights[0].commit <= commit) {
      const flight = this.#flights.shift();
      assert(flight !== undefined, 'only what is under way lands');
      this.#take(flight.segment, flight.bytes, 0, flight.length);
      this.#spare.push(flight);
    }
  }

  /** None of its records exist, so nothing of it is kept. */
  onLost(commit: CommitNumber): void {
    const at = this.#flights.findIndex((flight) => flight.commit === commit);
    if (at >= 0) this.#spare.push(...this.#flights.splice(at, 1));
  }

  replay(place: EntryPlace, bytes: Uint8Array, from: number, to: number): void {
    assert(!this.#isBound, 'replay comes before onReplayed');
    if (!this.#sealed.has(place.segment)) this.#take(place.segment, bytes, from, to);
  }

  /** Tables are replayed too: numbers get their keys, and those without one are of indexes that were dropped. @throws StoreError corrupt. */
  onReplayed(): void {
    assert(!this.#isBound, 'indexes are bound once');
    const found = new Map(this.#parts);
    this.#parts.clear();
    for (const { key, number, trimmed, last } of this.#definitions.read()) {
      const parts = found.get(number) ?? new IndexParts(number, this.#sealedRows);
      parts.trim(trimmed);
      parts.last = Math.max(parts.last, last);
      this.#parts.set(number, parts);
      this.#byKey.set(key, new KeyIndex(key, parts, this));
    }
    this.#isBound = true;
  }

  footersOf(segment: SegmentId): FooterRow[] {
    const rows: FooterRow[] = [];
    for (const [key, { parts }] of this.#byKey) {
      const before = rows.length;
      parts.footersOf(segment, rows);
      if (rows.length > before) this.#definitions.write(key, parts); // Its trim and last sequence, of now.
    }
    return rows;
  }

  /** The rows are durable, or were found at the start. */
  onSealed(segment: SegmentId): void {
    this.#sealed.add(segment);
    if (this.#isBound) for (const parts of this.#parts.values()) parts.seal(segment);
    else {
      const { open, group } = this.#sealedRows;
      scanIndexes(open(segment), group, (number, first, last, count) => this.#partsOf(number)?.restore(segment, first, last, count));
    }
  }

  onRemoved(segment: SegmentId): void {
    this.#sealed.delete(segment);
    for (const parts of this.#parts.values()) parts.remove(segment);
  }

  /** A segment was rewritten. Its index rows are those of the old one. */
  onReplaced(segment: SegmentId, fresh: SegmentId): void {
    this.#sealed.delete(segment);
    this.#sealed.add(fresh);
    for (const parts of this.#parts.values()) parts.renumber(segment, fresh);
  }

  #encode(flight: Flight): void {
    const { pending } = this;
    const bytesMax = RUN_BYTES_MAX + this.#added.length * PART_HEAD_BYTES_MAX + pending.length * RUN_BYTES_MAX;
    if (flight.bytes.length < bytesMax) flight.bytes = new Uint8Array(bytesMax * 2);
    const { bytes } = flight;
    const base = pending.lowest();
    let at = writeInteger(bytes, 0, base);
    for (const index of this.#added) {
      const count = index.isDropped ? 0 : pending.gather(index, base);
      index.head = NO_RUN;
      index.tail = NO_RUN;
      if (count === 0) continue;
      at = writeInteger(bytes, at, index.parts.number);
      at = writeInteger(bytes, at, count);
      let next = base;
      for (let i = 0; i < count; i += 1) {
        at = writeRun(bytes, at, pending.starts[i] - next, pending.counts[i]);
        next = pending.starts[i] + pending.counts[i];
      }
    }
    flight.length = at;
    this.#added.length = 0;
    pending.clear();
  }

  /** A block is durable. */
  #take(segment: SegmentId, bytes: Uint8Array, from: number, to: number): void {
    const reader = this.#reader;
    reader.reset(bytes, from, to, 0);
    const base = reader.readInteger();
    while (!reader.isAtEnd) {
      const parts = this.#partsOf(reader.readInteger());
      reader.restart(base - 1);
      for (let runs = reader.readInteger(); runs > 0; runs -= 1) {
        if (!reader.next()) throw new WireViolation('an index block ends within its runs');
        parts?.append(segment, reader.first, reader.count);
      }
    }
  }

  /** Undefined: the index was dropped. Before the tables are replayed nobody knows, so every number counts. */
  #partsOf(number: number): IndexParts | undefined {
    const known = this.#parts.get(number);
    if (known !== undefined || this.#isBound) return known;
    const parts = new IndexParts(number, this.#sealedRows);
    this.#parts.set(number, parts);
    return parts;
  }
}
