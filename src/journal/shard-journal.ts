import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { SegmentStore, StoreError } from '../storage/ports.js';
import { Compaction } from './log/compaction.js';
import type { Group } from './log/group.js';
import { Lane, type LaneLimits } from './log/lane.js';
import type { Partition } from './log/partition.js';
import type { PendingBytes } from './log/pending-batch.js';
import { Retention } from './log/retention.js';
import { partitionKeyOf, partitionOf, streamOf } from './partition-key.js';
import { groupOf, isMemoryGroup, isSessionGroup, type JournalShape, shardOf } from './placement.js';
import type { CommitNumber, GroupId, Journal, JournalState, Offset, PartitionKey, PartitionSettings, StreamId } from './ports.js';

/** A second commit may be under way only when so much waits: below, waiting for the first costs less than a flush of its own. */
const OVERLAP_BYTES = 128 * 1024;
const FLIGHTS_MAX = 4;
/** So much is flushed without waiting for the interval. */
const INTERVAL_BYTES_MAX = 1024 * 1024;
const FREE_SPACE_MS = 1000;
/** And each time that a fast disk has taken such a part of the least: what is left must be enough to go on as a full one. */
const FREE_SPACE_PART = 8;
/** A full disk is in use again when so much more than the least is free. */
const FREE_SPACE_MARGIN = 1.1;

export interface ShardJournalOptions {
  /** The lanes of this shard. */
  readonly lanes: readonly LaneParts[];
  /** Of the node. */
  readonly shape: JournalShape;
  readonly shardCount: number;
  readonly intervalFlushMs: number;
  /** With less the journal is full. */
  readonly freeSpaceMin: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface LaneParts {
  readonly store: SegmentStore;
  readonly groups: readonly GroupId[];
  readonly limits: LaneLimits;
}

interface Commit {
  readonly number: CommitNumber;
  lanes: number;
  /** When it was sent; 0: nothing of it goes to a disk. */
  sentMs: number;
  why: 'full' | 'failed' | null;
}

/** The journal of one shard: its lanes, and the commits that cover all of them. */
export class ShardJournal implements Journal {
  readonly shape: JournalShape;
  readonly groups: readonly Group[];
  readonly sessionGroups: readonly Group[];
  openCommit: CommitNumber = 1;
  closedCommit: CommitNumber = 0;
  state: JournalState = 'writable';
  onCommitted: (commit: CommitNumber) => void = () => {};
  onFailed: (commit: CommitNumber, why: 'full' | 'failed') => void = () => {};
  onStateChanged: (state: JournalState) => void = () => {};
  /** A commit reached the disk, or failed: so long after it was sent. */
  onFlushed: (milliseconds: number) => void = () => {};
  readonly #options: ShardJournalOptions;
  readonly #pending: PendingBytes = { pendingBytes: 0, isAwaited: false };
  /** Flushes what nobody waits for. */
  #intervalTimer: NodeJS.Timeout | null = null;
  readonly #lanes: readonly Lane[];
  readonly #byId = new Map<GroupId, Group>();
  readonly #retention: Retention;
  readonly #compaction: Compaction;
  #commits: Commit[] = [];
  #nextFreeSpaceMs = 0;
  #sentSinceLook = 0;
  /** The store said so; the tick finds out whether it still is. */
  #isStoreFull = false;
  /** Why it failed. */
  fault: StoreError | null = null;
  #onIdle: () => void = () => {};
  #isClosed = false;

  /** Opens what is there. @throws StoreError. */
  constructor(options: ShardJournalOptions) {
    const { lanes, shape, clock, log } = options;
    this.#options = options;
    this.shape = shape;
    this.#lanes = lanes.map(({ store, groups, limits }) => {
      return new Lane({
        store,
        groups,
        limits,
        clock,
        log,
        pending: this.#pending,
        openCommit: () => this.openCommit,
        onDone: (commit, error) => this.#onDone(commit, error),
        onFault: (error) => this.#onFault(error),
      });
    });
    const all = this.#lanes.flatMap((lane) => lane.groups).sort((a, b) => a.id - b.id);
    this.groups = all.filter(({ id }) => !isSessionGroup(id));
    this.sessionGroups = all.filter(({ id }) => isSessionGroup(id));
    for (const group of all) this.#byId.set(group.id, group);
    this.#retention = new Retention(this.#lanes, log);
    this.#compaction = new Compaction(this.#lanes, () => clock.nowMs(), log);
  }

  get pendingBytes(): number {
    return this.#pending.pendingBytes;
  }

  /** Entries and segments that were found corrupt since the start. */
  get corruptEntries(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.segments.corruptEntries, 0);
  }

  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  ownerOf(group: GroupId): number {
    return shardOf(group, this.shape, this.#options.shardCount);
  }

  isVolatile(group: GroupId): boolean {
    return isMemoryGroup(group);
  }

  groupOf(stream: StreamId, partition: number): GroupId {
    return groupOf(stream, partition, this.shape);
  }

  group(id: GroupId): Group | undefined {
    return this.#byId.get(id);
  }

  partition(stream: StreamId, partition: number, settings: PartitionSettings): Partition {
    const group = this.#byId.get(this.groupOf(stream, partition));
    assert(group !== undefined, 'a partition is opened on the shard that owns its group');
    return group.partition(partitionKeyOf(stream, partition), settings);
  }

  find(key: PartitionKey): Partition | undefined {
    return this.#byId.get(this.#groupOfKey(key))?.find(key);
  }

  deletePartition(key: PartitionKey): void {
    const partition = this.find(key);
    if (partition !== undefined) this.#retention.truncate(partition, partition.nextOffset);
  }

  trim(key: PartitionKey, below: Offset): void {
    const partition = this.find(key);
    const first = partition?.sealed.at(0);
    if (partition !== undefined && first !== undefined && first.end <= below) this.#retention.truncate(partition, below);
  }

  flush(): void {
    const commits = this.#commits;
    if (this.state === 'failed' || (this.#isStoreFull && !this.#mayRefuse)) return;
    const flights = commits.length;
    if (flights >= FLIGHTS_MAX || (flights > 0 && this.#pending.pendingBytes < OVERLAP_BYTES)) return;
    if (this.#mayWait()) return;
    this.#send();
  }

  /** Whoever waits for what was appended before the store was full is told by a commit that fails. What nobody waits for waits for room. */
  get #mayRefuse(): boolean {
    return this.#pending.isAwaited && this.#pending.pendingBytes > 0 && this.#commits.length === 0;
  }

  /** Only streams with an interval have something to flush, and little of it. */
  #mayWait(): boolean {
    if (this.#pending.isAwaited || this.#pending.pendingBytes >= INTERVAL_BYTES_MAX) return false;
    for (const { groups } of this.#lanes) for (const { tables } of groups) if (tables.isDirty) return false;
    if (this.#pending.pendingBytes > 0)
      this.#intervalTimer ??= setTimeout(() => {
        this.#intervalTimer = null;
        if (!this.#isClosed && this.state === 'writable' && this.#commits.length < FLIGHTS_MAX) this.#send();
      }, this.#options.intervalFlushMs);
    return true;
  }

  #send(): void {
    const commit: Commit = { number: this.openCommit, lanes: 0, sentMs: 0, why: null };
    let isDirty = false;
    for (const lane of this.#lanes) if (lane.isDirty) isDirty = true;
    if (!isDirty) return;
    this.#sentSinceLook += this.#pending.pendingBytes;
    this.#commits.push(commit);
    this.openCommit += 1;
    this.#pending.isAwaited = false;
    const nowMs = this.#options.clock.monotonicMs();
    for (const lane of this.#lanes) {
      if (!lane.send(commit.number)) continue;
      commit.lanes += 1;
      if (lane.store.kind !== 'memory') commit.sentMs = nowMs;
    }
    if (this.#sentSinceLook * FREE_SPACE_PART >= this.#options.freeSpaceMin && this.#options.freeSpaceMin > 0) this.#watchSpace();
  }

  onTick(nowMs: number): void {
    if (this.state === 'failed' || this.#isClosed) return;
    if (nowMs >= this.#nextFreeSpaceMs || nowMs < this.#nextFreeSpaceMs - FREE_SPACE_MS) {
      this.#nextFreeSpaceMs = nowMs + FREE_SPACE_MS;
      this.#watchSpace();
    }
    for (const lane of this.#lanes) lane.onTick(nowMs);
    this.#retention.onTick(nowMs);
    if (this.state === 'writable') this.#compaction.onTick(nowMs);
  }

  /** What was appended is flushed before the stores close. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    while (this.state === 'writable' && (this.#commits.length > 0 || this.#lanes.some(({ isDirty }) => isDirty))) {
      this.#send();
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#isClosed = true;
    if (this.#intervalTimer !== null) clearTimeout(this.#intervalTimer);
    await this.#compaction.close();
    for (const lane of this.#lanes) await lane.store.close();
  }

  #groupOfKey(key: PartitionKey): GroupId {
    return this.groupOf(streamOf(key), partitionOf(key));
  }

  #onDone(number: CommitNumber, error: StoreError | null): void {
    const commit = this.#commits.find((it) => it.number === number);
    assert(commit !== undefined, 'what is done was under way');
    commit.lanes -= 1;
    if (error !== null) {
      commit.why = error.fault === 'disk-full' && commit.why !== 'failed' ? 'full' : 'failed';
      this.#onFault(error);
    }
    while (this.#commits.length > 0 && this.#commits[0].lanes === 0) {
      const first = this.#commits.shift() as Commit;
      this.closedCommit = first.number;
      if (first.sentMs > 0) this.onFlushed(this.#options.clock.monotonicMs() - first.sentMs);
      if (first.why === null) this.onCommitted(first.number);
      else this.onFailed(first.number, first.why);
    }
    this.#onIdle();
  }

  #onFault(error: StoreError): void {
    if (error.fault === 'closed' && this.#isClosed) return;
    if (error.fault === 'disk-full') {
      this.#isStoreFull = true;
      this.#setState('full');
      return;
    }
    if (this.fault === null) {
      this.fault = error;
      this.#options.log.error('journal.failed', 'the journal cannot be written: nothing is acknowledged any more', {
        code: 'RMQ-1020',
        fault: error.fault,
        why: error.message,
      });
    }
    this.#setState('failed');
  }

  #watchSpace(): void {
    const { freeSpaceMin } = this.#options;
    this.#sentSinceLook = 0;
    let free = Number.POSITIVE_INFINITY;
    for (const { store } of this.#lanes) free = Math.min(free, store.freeBytes());
    if (this.state === 'writable' && free < freeSpaceMin) this.#setState('full');
    else if (this.state === 'full' && free >= freeSpaceMin * FREE_SPACE_MARGIN) {
      this.#isStoreFull = false;
      this.#setState('writable');
    }
  }

  #setState(state: JournalState): void {
    if (this.state === state || this.state === 'failed') return;
    this.state = state;
    if (state === 'full')
      this.#options.log.error('journal.full', 'the disk is full: publishes are refused until there is room again, reads go on', {
        code: 'RMQ-1019',
      });
    else if (state === 'writable') this.#options.log.info('journal.writable', 'there is room on the disk again: publishes are taken', {});
    this.onStateChanged(state);
  }
}
