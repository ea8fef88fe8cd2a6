import type { Clock } from '../../base/clock.js';
import type { SegmentId, StateTableStore } from '../../storage/ports.js';
import { BatchView } from '../batch/batch-view.js';
import type { BatchWriter } from '../batch/batch-writer.js';
import { SequenceIndexes } from '../index/sequence-indexes.js';
import type { BlockKeeper, EntryPlace } from '../keeper.js';
import type {
  CommitNumber,
  GroupId,
  GroupLog,
  PartitionKey,
  PartitionSettings,
  RecordVisitor,
  Sequence,
  SequenceIndex,
  StateTable,
} from '../ports.js';
import { StateTables } from '../state/state-tables.js';
import type { BatchRows } from './batch-rows.js';
import { ENTRY_HEAD_BYTES, forEachBlock } from './entry.js';
import { Partition, type RowVisitor } from './partition.js';
import type { PendingBatch, PendingBytes, Writers } from './pending-batch.js';
import { type Footers, readBatches } from './record-footers.js';
import { BlockFinder, type EntryLocation, Records, type RecordsOwner } from './records.js';
import type { Segments } from './segments.js';

/** What a group needs of its lane. */
export interface GroupHost {
  readonly clock: Clock;
  readonly segments: Segments;
  readonly writers: Writers;
  readonly pending: PendingBytes;
  readonly openCommit: CommitNumber;
}

/** Of a partition that was found on the disk and not opened yet. */
const UNKNOWN_SETTINGS: PartitionSettings = {
  flush: 'commit',
  retention: { timeMs: 0, bytes: 0, records: 0 },
  isCompacted: false,
  tombstoneMs: 0,
};

/** One group on its shard: its keepers, its partitions, and the ways to its records. */
export class Group implements GroupLog, RecordsOwner {
  readonly id: GroupId;
  readonly records: Records;
  readonly indexes: SequenceIndexes;
  readonly tables: StateTables;
  /** In the order of their blocks in an entry. */
  readonly keepers: readonly BlockKeeper[];
  /** Of the entry that the next commit will write. */
  nextIndex = 1;
  readonly #host: GroupHost;
  readonly #partitions = new Map<PartitionKey, Partition>();
  /** Offsets that a partition may have had in a segment that was set aside. */
  #lostOffsets = 0;
  readonly #finder = new BlockFinder();
  readonly #view = new BatchView();
  readonly #location: EntryLocation = { segment: 0, index: 0, first: 0, end: 0 };

  /** Loads the checkpoint of its tables. @throws StoreError. */
  constructor(id: GroupId, table: StateTableStore, host: GroupHost) {
    this.id = id;
    this.#host = host;
    this.records = new Records(this);
    this.tables = new StateTables(id, table, host.clock);
    this.tables.loadCheckpoint();
    this.indexes = new SequenceIndexes(id, this.tables, (segment) => this.#guardedFooters(segment));
    this.keepers = [this.records, this.indexes, this.tables];
  }

  get nextSequence(): Sequence {
    return this.records.committed;
  }

  get openCommit(): CommitNumber {
    return this.#host.openCommit;
  }

  get writers(): Writers {
    return this.#host.writers;
  }

  get pendingBytes(): PendingBytes {
    return this.#host.pending;
  }

  get isDirty(): boolean {
    return this.records.isDirty || this.indexes.isDirty || this.tables.isDirty;
  }

  index(key: string): SequenceIndex | undefined {
    return this.indexes.find(key);
  }

  openIndex(key: string): SequenceIndex {
    return this.indexes.open(key);
  }

  dropIndex(key: string): void {
    this.indexes.drop(key);
  }

  indexKeys(): IterableIterator<string> {
    return this.indexes.keys();
  }

  table(name: string): StateTable {
    return this.tables.table(name);
  }

  partitions(): Iterable<Partition> {
    return this.#partitions.values();
  }

  find(key: PartitionKey): Partition | undefined {
    return this.#partitions.get(key);
  }

  partition(key: PartitionKey, settings: PartitionSettings): Partition {
    const known = this.#partitions.get(key);
    if (known !== undefined) {
      known.settings = settings;
      return known;
    }
    const partition = new Partition(key, this, settings);
    partition.nextOffset = this.#lostOffsets;
    this.#partitions.set(key, partition);
    return partition;
  }

  partitionFor(key: PartitionKey): Partition {
    return this.#partitions.get(key) ?? this.partition(key, UNKNOWN_SETTINGS);
  }

  takeWriter(): BatchWriter {
    return this.#host.writers.take();
  }

  addPending(batch: PendingBatch): void {
    this.records.add(batch);
  }

  newRows(segment: SegmentId): BatchRows {
    return this.records.newRows(segment);
  }

  noteUnsealed(segment: SegmentId, partition: Partition): void {
    this.records.noteUnsealed(segment, partition);
  }

  footers(segment: SegmentId): Footers {
    return this.#host.segments.reader(segment);
  }

  /** Visits rows of a sealed segment. @returns whether the visitor wants more; 'corrupt' if the segment cannot be read. */
  sealedRows(segment: SegmentId, key: PartitionKey, offset: number, visit: RowVisitor): boolean | 'corrupt' {
    return this.#host.segments.guarded<boolean | 'corrupt'>(
      segment,
      this.id,
      () => readBatches(this.footers(segment), this.id, key, offset, visit),
      'corrupt',
    );
  }

  /** Where the entry with the sequence is. @returns false if there is none, or nobody can tell any more. @throws StoreError busy. */
  #locate(sequence: Sequence, into: EntryLocation): boolean {
    return this.#host.segments.guarded(this.records.segmentOf(sequence), this.id, () => this.records.locate(sequence, into), false);
  }

  /** What cannot be read is not there. */
  #guardedFooters(segment: SegmentId): Footers {
    const { segments } = this.#host;
    const { id } = this;
    return {
      footerAtOrBefore: (key, prefixLength) =>
        segments.guarded(segment, id, () => segments.reader(segment).footerAtOrBefore(key, prefixLength), null),
      scanFooters: (prefix, visit) => segments.guarded(segment, id, () => segments.reader(segment).scanFooters(prefix, visit), undefined),
    };
  }

  /** The entry, good until the next one is asked for; null if it cannot be read as it was written. */
  entryAt(segment: SegmentId, index: number): Uint8Array | null {
    return this.#host.segments.entry(segment, this.id, index);
  }

  /** @returns where the batch is in the entry, and its length in `foundLength`; -1 if it is not there. */
  findBatch(bytes: Uint8Array, key: PartitionKey, baseOffset: number): number {
    const finder = this.#finder;
    return finder.findBatch(bytes, ENTRY_HEAD_BYTES, key, baseOffset) ? finder.at : -1;
  }

  get foundLength(): number {
    return this.#finder.to - this.#finder.at;
  }

  async prefetchEntries(wanted: readonly { readonly segment: SegmentId; readonly index: number }[]): Promise<void> {
    const bySegment = new Map<SegmentId, { group: number; index: number }[]>();
    for (const { segment, index } of wanted) {
      if (this.#host.segments.isInMemory(this.id, index)) continue;
      const entries = bySegment.get(segment);
      if (entries === undefined) bySegment.set(segment, [{ group: this.id, index }]);
      else if (entries[entries.length - 1].index !== index) entries.push({ group: this.id, index });
    }
    const { segments } = this.#host;
    for (const [segment, entries] of bySegment)
      await segments.guarded(segment, this.id, () => segments.reader(segment).prefetch(entries), Promise.resolve());
  }

  readRecords(sequences: Float64Array, from: number, to: number, bytesMax: number, visit: RecordVisitor): number {
    const location = this.#location;
    const finder = this.#finder;
    const view = this.#view;
    location.end = 0;
    let entry: Uint8Array | null = null;
    let blockEnd = 0;
    let isInBlock = false;
    let rest = bytesMax;
    for (let i = from; i < to; i += 1) {
      const sequence = sequences[i];
      if (sequence >= location.end || sequence < location.first) {
        if (rest <= 0) return i - from;
        isInBlock = false;
        entry = this.#locate(sequence, location) ? this.entryAt(location.segment, location.index) : null;
        blockEnd = 0;
        if (entry === null) continue;
      }
      if (entry === null) continue;
      if (!isInBlock || sequence >= blockEnd) {
        isInBlock = finder.findSequence(entry, isInBlock ? finder.to : ENTRY_HEAD_BYTES, sequence);
        if (!isInBlock) continue;
        view.reset(entry, finder.at, finder.to);
        blockEnd = finder.firstSequence + view.lastOffsetDelta + 1;
        rest -= finder.to - finder.at;
      }
      const { firstSequence, at, to: end, key } = finder;
      const partition = this.#partitions.get(key);
      const offset = view.baseOffset + (sequence - firstSequence);
      if (partition === undefined || offset < partition.logStart) continue;
      if (!view.seekOffset(offset)) continue;
      if (!visit(sequence, key, view)) return i - from + 1;
      // The visitor may have looked for something else meanwhile.
      finder.firstSequence = firstSequence;
      finder.at = at;
      finder.to = end;
      finder.key = key;
    }
    return to - from;
  }

  async prefetchRecords(sequences: Float64Array, from: number, to: number): Promise<void> {
    const wanted: { segment: SegmentId; index: number }[] = [];
    const location: EntryLocation = { segment: 0, index: 0, first: 0, end: 0 };
    for (let i = from; i < to; i += 1) {
      const sequence = sequences[i];
      if (sequence >= location.first && sequence < location.end) continue;
      if (this.#locate(sequence, location)) wanted.push({ segment: location.segment, index: location.index });
      else location.end = 0;
    }
    await this.prefetchEntries(wanted);
  }

  /** The end of the start. @param lost how many indexes, sequences and offsets may have been in segments that were set aside, at most. */
  onReplayed(lost: number): void {
    // What a checkpoint covers is not replayed: an entry may not have such an index again.
    this.nextIndex = Math.max(this.nextIndex, this.tables.position + 1) + lost;
    if (lost > 0) {
      this.records.skip(lost);
      for (const partition of this.#partitions.values()) partition.nextOffset += lost;
      this.#lostOffsets = lost;
    }
    this.indexes.onReplayed();
  }

  /** At the start: an entry of a segment that is not sealed, checked. */
  replay(place: EntryPlace, bytes: Uint8Array): void {
    this.nextIndex = Math.max(this.nextIndex, place.index + 1);
    forEachBlock(bytes, (kind, from, to) => {
      for (const keeper of this.keepers) if (keeper.kind === kind) keeper.replay(place, bytes, from, to);
    });
  }

  /** At the start: an entry of a sealed segment that may have changes of tables which no checkpoint has. */
  replayTables(place: EntryPlace, bytes: Uint8Array): void {
    forEachBlock(bytes, (kind, from, to) => {
      if (kind === this.tables.kind) this.tables.replay(place, bytes, from, to);
    });
  }
}
