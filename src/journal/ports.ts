import type { BatchView } from './batch/batch-view.js';
import type { BatchWriter } from './batch/batch-writer.js';

/*
  What the broker, the protocols and the runtime see of the journal. One journal per shard, called on its shard's thread only.

    stream       named log of a tenant, with partitions; settings: flush policy, retention, compaction, storage
    partition    ordered records with offsets; belongs to a group by hash, for good
    group        unit of order, flush and replication: the records of all its partitions in one sequence. A shard owns some groups
    commit       what one turn of the shard appended to all its groups; durable at once, by one flush. Numbered from 1
    index        of a group: the sequences of the records that somebody will want, by key (MQTT: the filter of durable subscriptions)
    table        of a group: small durable state by key; every change rides in the commit of its turn
*/

/** One record batch, positioned at one of its records; the batch room reads it, others see it under this name. */
export type RecordBatch = BatchView;

export type StreamId = number;
export type GroupId = number;
/** Place of a record in its partition, from 0. Gaps are legal. */
export type Offset = number;
/** Place of a record in its group, from 1. Given when the commit is closed, not when the record is appended. Gaps are legal. */
export type Sequence = number;
export type CommitNumber = number;
/** Stream and partition in one number, fit for a Map: stream * 2^20 + partition. */
export type PartitionKey = number;

export const PARTITIONS_PER_STREAM_MAX: number = 2 ** 20;

/**
 * commit: acknowledged when flushed. interval: acknowledged when appended, flushed within `journal.interval_flush` ms.
 * none: memory only, gone with the process.
 */
export type FlushPolicy = 'commit' | 'interval' | 'none';

/** 0 means no limit, everywhere. */
export interface RetentionLimits {
  readonly timeMs: number;
  readonly bytes: number;
  readonly records: number;
}

export interface PartitionSettings {
  readonly flush: FlushPolicy;
  readonly retention: RetentionLimits;
  /** Only the last record of each key is kept; a record without value (tombstone) goes too after `tombstoneMs`. */
  readonly isCompacted: boolean;
  readonly tombstoneMs: number;
}

/** The records that this turn appends to one partition: one record batch of the commit. */
export interface OpenBatch {
  readonly partition: PartitionLog;
  readonly commit: CommitNumber;
  /** Append records here, then tell `count` by `added`. Key, value and headers as the stream's readers expect them. */
  readonly writer: BatchWriter;
  /** Of the first record of this batch. */
  readonly baseOffset: Offset;
  /** Records so far; the index of the next one. */
  readonly count: number;
  /** Of the first record; 0 until the commit is closed, so use it from `onCommitted` on. */
  readonly baseSequence: Sequence;
  added(count: number): void;
}

export type ReadStatus = 'ok' | 'out-of-range' | 'corrupt';

export interface PartitionLog {
  readonly key: PartitionKey;
  readonly group: GroupLog;
  readonly settings: PartitionSettings;
  /** First offset that can be read. */
  readonly logStart: Offset;
  /** Readers see records below it: the end of what is committed. */
  readonly highWatermark: Offset;
  /** The offset the next record will get. */
  readonly nextOffset: Offset;
  /** Bytes of batches between logStart and highWatermark. */
  readonly bytes: number;
  /** The batch of this partition in the open commit, made at first use. `nowMs` becomes its base timestamp. Only while the journal is `writable`. */
  open(nowMs: number): OpenBatch;
  /** A whole batch as a producer sent it, validated by the caller; stored untouched but for its base offset. @returns its base offset. */
  appendBatch(bytes: Uint8Array, from: number, to: number, recordCount: number): Offset;
  /**
   * Committed batches from the one that contains `offset` on, whole, until `bytesMax` is passed (the first comes in any case) or `visit`
   * returns false. The view is valid during the call of `visit`.
   */
  read(offset: Offset, bytesMax: number, visit: (batch: BatchView) => boolean): ReadStatus;
  /** Brings what `read` would read into memory without blocking the thread. Never rejects. */
  prefetch(offset: Offset, bytesMax: number): Promise<void>;
  /** The first record with this timestamp or a later one; null if there is none. */
  offsetForTimestamp(timestampMs: number): { readonly offset: Offset; readonly timestampMs: number } | null;
  /** Calls back once when highWatermark passes `offset`. @returns what takes the waiter away. */
  whenPast(offset: Offset, done: () => void): () => void;
}

/** Durable sequences of one key in one group. Made by the first who wants it, dropped by the last. */
export interface SequenceIndex {
  readonly key: string;
  /** Committed entries that can still be read. */
  readonly count: number;
  /** How many of them are `from` or later: exact but for the sealed segment that `from` falls into, where they count as if they lay evenly. */
  countFrom(from: Sequence): number;
  /** Last committed sequence; 0 if there was none. */
  readonly last: Sequence;
  /** The records `from` to `from + count - 1` of the batch, which is of the open commit, belong to this index. In rising order within a batch. */
  add(batch: OpenBatch, from: number, count: number): void;
  /** Committed sequences >= `from` in rising order, at most `into.length`. @returns how many. */
  read(from: Sequence, into: Float64Array): number;
  /** Entries below are not wanted by anybody any more: they need not survive. */
  trim(below: Sequence): void;
}

export interface StateTable {
  readonly name: string;
  readonly size: number;
  get(key: string): Uint8Array | undefined;
  /** Takes effect here at once, and durably with the open commit. The bytes are the table's from now on. */
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  entries(): IterableIterator<[string, Uint8Array]>;
}

export type RecordVisitor = (sequence: Sequence, partition: PartitionKey, batch: BatchView) => boolean;

export interface GroupLog {
  readonly id: GroupId;
  /** Sequence that the next committed record will get at least: everything below is committed. */
  readonly nextSequence: Sequence;
  index(key: string): SequenceIndex | undefined;
  /** Existing or new; new with the open commit. */
  openIndex(key: string): SequenceIndex;
  dropIndex(key: string): void;
  indexKeys(): IterableIterator<string>;
  table(name: string): StateTable;
  /**
   * The records of `sequences[from..to)`, rising. `batch` is positioned at the record and valid during the call. Records that are gone (retention,
   * corruption) are skipped: the caller sees which did not come. Ends when `visit` returns false or after about `bytesMax` of batches were
   * read. @returns how many of the sequences were dealt with. @throws StoreError busy: ask again later.
   */
  readRecords(sequences: Float64Array, from: number, to: number, bytesMax: number, visit: RecordVisitor): number;
  /** Brings the records into memory in the background. Never rejects. */
  prefetchRecords(sequences: Float64Array, from: number, to: number): Promise<void>;
}

/**
 * writable: all is well. full: the disk is; nothing is appended until there is room again, reads go on. failed: a flush failed; nothing
 * is acknowledged any more and the shard ends.
 */
export type JournalState = 'writable' | 'full' | 'failed';

export interface Journal {
  readonly state: JournalState;
  /** This shard's, ascending. */
  readonly groups: readonly GroupLog[];
  /** Groups without records, for what is of this shard alone: the first is its own, others are of shards that are no more. */
  readonly sessionGroups: readonly GroupLog[];
  /** Number of the shard that has the group. */
  ownerOf(group: GroupId): number;
  /** Its records are gone, and its sequences begin anew, with the shard that has it. */
  isVolatile(group: GroupId): boolean;
  /** Whose partition of a stream is; the same on every shard. */
  groupOf(stream: StreamId, partition: number): GroupId;
  /** The group, if this shard owns it. */
  group(id: GroupId): GroupLog | undefined;
  /** Opened at first use. The group must be this shard's. Settings of an open partition are replaced. */
  partition(stream: StreamId, partition: number, settings: PartitionSettings): PartitionLog;
  /** Partition that is known (has data or was opened); undefined else. */
  find(key: PartitionKey): PartitionLog | undefined;
  /** Forgets a partition and its records. */
  deletePartition(key: PartitionKey): void;
  /** Records before `below` are not wanted by anybody: segments of the partition that have no others may go. */
  trim(key: PartitionKey, below: Offset): void;
  /** The commit that collects what is appended now. */
  readonly openCommit: CommitNumber;
  /** Every commit up to this one is durable (or failed and told). */
  readonly closedCommit: CommitNumber;
  /** Bytes appended and not yet durable. Above `journal.pending_bytes_max` stop reading who feeds it. */
  readonly pendingBytes: number;
  /** End of a turn: what it appended goes to the disk, together. Nothing to do costs a comparison. */
  flush(): void;
  /** Set once. A commit became durable: in order, each once, never within `flush`. */
  onCommitted: (commit: CommitNumber) => void;
  /** Set once. A commit failed: none of its records exist. State of tables is kept and tried again. */
  onFailed: (commit: CommitNumber, why: 'full' | 'failed') => void;
  /** Set once. */
  onStateChanged: (state: JournalState) => void;
  /** Every 100 ms: interval flushes, rotation, retention, compaction, free space. Bounded work. */
  onTick(nowMs: number): void;
  close(): Promise<void>;
}
