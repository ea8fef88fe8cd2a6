import { assert } from '../../base/assert.js';
import type { SegmentId } from '../../storage/ports.js';
import { BatchView } from '../batch/batch-view.js';
import { BLOCK, type BlockKeeper, type BlockSink, type EntryPlace, type FooterRow } from '../keeper.js';
import { partitionKeyOf, partitionOf, streamOf } from '../partition-key.js';
import type { CommitNumber, GroupId, PartitionKey, Sequence } from '../ports.js';
import { BatchRows, type SealedPart } from './batch-rows.js';
import { BLOCK_HEAD_BYTES, RECORDS_HEAD_BYTES, readU32, readU48, writeU32, writeU48 } from './entry.js';
import { EntryRows } from './entry-rows.js';
import type { Partition } from './partition.js';
import type { PendingBatch, Writers } from './pending-batch.js';
import { batchFooters, entryFooters, type Footers, partFooters, readEntries, readParts, readSpan } from './record-footers.js';

interface Flight {
  readonly commit: CommitNumber;
  readonly batches: readonly PendingBatch[];
  readonly first: Sequence;
  readonly end: Sequence;
}

/** A segment that is not sealed yet, as the records of one group see it. */
interface Unsealed {
  segment: SegmentId;
  readonly entries: EntryRows;
  readonly partitions: Set<Partition>;
}

interface SealedSpan {
  segment: SegmentId;
  readonly first: Sequence;
  readonly end: Sequence;
}

export interface RecordsOwner {
  readonly id: GroupId;
  readonly writers: Writers;
  partitionFor(key: PartitionKey): Partition;
  partitions(): Iterable<Partition>;
  /** Opens the footers of a sealed segment. @throws StoreError. */
  footers(segment: SegmentId): Footers;
}

/** Where an entry is. */
export interface EntryLocation {
  segment: SegmentId;
  index: number;
  /** Sequences of the entry. */
  first: Sequence;
  end: Sequence;
}

const view = new BatchView();

/** The records of a group: the batches of a commit on their way into its entry, and where they are afterwards. */
export class Records implements BlockKeeper {
  readonly kind: typeof BLOCK.records = BLOCK.records;
  readonly #owner: RecordsOwner;
  #pending: PendingBatch[] = [];
  readonly #flights: Flight[] = [];
  readonly #unsealed: Unsealed[] = [];
  #sealed: SealedSpan[] = [];
  /** Partitions that have something in a sealed segment. */
  readonly #alive = new Map<SegmentId, number>();
  readonly #page = new EntryRows();
  #pageSegment = 0;
  /** The next sequence to be given. */
  nextAssigned: Sequence = 1;
  /** Everything below is durable or lost. */
  committed: Sequence = 1;
  /** Of the batches that `collect` closed last. */
  closedBytes = 0;

  constructor(owner: RecordsOwner) {
    this.#owner = owner;
  }

  get isDirty(): boolean {
    return this.#pending.length > 0;
  }

  get pending(): readonly PendingBatch[] {
    return this.#pending;
  }

  add(batch: PendingBatch): void {
    this.#pending.push(batch);
  }

  /** Bytes that the pending batches will take in an entry. */
  pendingLength(): number {
    let sum = 0;
    for (const batch of this.#pending) sum += batch.length + BLOCK_HEAD_BYTES + RECORDS_HEAD_BYTES;
    return sum;
  }

  /** Sequences that nobody will get: an entry with some cannot be read. */
  skip(count: number): void {
    this.#sawSequence(this.nextAssigned + count);
  }

  collect(sink: BlockSink, commit: CommitNumber): void {
    const batches = this.#pending;
    const first = this.nextAssigned;
    this.#pending = [];
    this.closedBytes = 0;
    for (const batch of batches) {
      const { partition, count } = batch;
      partition.batch = null;
      const length = batch.close();
      this.closedBytes += length;
      batch.baseSequence = this.nextAssigned;
      this.nextAssigned += count;
      const at = sink.begin(BLOCK.records, RECORDS_HEAD_BYTES + length);
      const { bytes } = sink;
      writeU32(bytes, at, streamOf(partition.key));
      writeU32(bytes, at + 4, partitionOf(partition.key));
      writeU48(bytes, at + 8, batch.baseSequence);
      batch.moveTo(bytes, at + RECORDS_HEAD_BYTES, this.#owner.writers);
    }
    this.#flights.push({ commit, batches, first, end: this.nextAssigned });
  }

  onDurable(commit: CommitNumber, place: EntryPlace): void {
    const flight = this.#takeFlight(commit);
    if (flight === undefined) return;
    const unsealed = this.#openUnsealed(place.segment);
    unsealed.entries.add(place.index, flight.first, flight.end);
    this.committed = flight.end;
    for (const { partition, baseOffset, count, maxTimestamp, byteLength } of flight.batches)
      partition.addRow(place.segment, place.index, baseOffset, baseOffset + count, maxTimestamp, count, byteLength);
  }

  onLost(commit: CommitNumber): void {
    const flight = this.#takeFlight(commit);
    if (flight !== undefined) this.committed = Math.max(this.committed, flight.end);
  }

  replay(place: EntryPlace, bytes: Uint8Array, from: number, to: number): void {
    const key = partitionKeyOf(readU32(bytes, from), readU32(bytes, from + 4));
    const first = readU48(bytes, from + 8);
    view.reset(bytes, from + RECORDS_HEAD_BYTES, to);
    const span = view.lastOffsetDelta + 1;
    const { entries } = this.#openUnsealed(place.segment);
    const row = entries.length - 1;
    if (row >= 0 && entries.indexes[row] === place.index) entries.ends[row] = first + span;
    else entries.add(place.index, first, first + span);
    this.#sawSequence(first + span);
    const partition = this.#owner.partitionFor(key);
    const { baseOffset } = view;
    partition.addRow(
      place.segment,
      place.index,
      baseOffset,
      baseOffset + span,
      view.maxTimestamp,
      view.recordCount,
      to - from - RECORDS_HEAD_BYTES,
    );
    partition.nextOffset = partition.highWatermark;
  }

  /** The first row of a partition in a segment that is not sealed. */
  noteUnsealed(segment: SegmentId, partition: Partition): void {
    this.#openUnsealed(segment).partitions.add(partition);
  }

  footersOf(segment: SegmentId): FooterRow[] {
    const rows: FooterRow[] = [];
    const unsealed = this.#unsealed.find((it) => it.segment === segment);
    if (unsealed === undefined) return rows;
    const parts: [PartitionKey, BatchRows][] = [];
    for (const partition of unsealed.partitions) {
      const batches = partition.rowsOf(segment);
      if (batches !== undefined) parts.push([partition.key, batches]);
    }
    parts.sort(([a], [b]) => a - b);
    const { id } = this.#owner;
    partFooters(
      id,
      parts.map(([key, batches]): [PartitionKey, SealedPart] => [key, batches.summary()]),
      rows,
    );
    batchFooters(id, parts, rows);
    entryFooters(id, unsealed.entries, rows);
    return rows;
  }

  onSealed(segment: SegmentId): void {
    const at = this.#unsealed.findIndex((it) => it.segment === segment);
    if (at < 0) return;
    const [{ entries, partitions }] = this.#unsealed.splice(at, 1);
    for (const partition of partitions) partition.seal(segment);
    if (entries.length > 0) this.#sealed.push({ segment, first: entries.firsts[0], end: entries.ends[entries.length - 1] });
  }

  /** At the start, for segments in the order of their entries. @throws StoreError, WireViolation. */
  loadSealed(segment: SegmentId): void {
    const { id } = this.#owner;
    const footers = this.#owner.footers(segment);
    const span = readSpan(footers, id, this.#page);
    this.#pageSegment = 0;
    if (span === null) return;
    this.#sealed.push({ segment, ...span });
    this.#sealed.sort((a, b) => a.first - b.first); // Numbers do not tell: some segments were written again.
    this.#sawSequence(span.end);
    readParts(footers, id, (key, part) => {
      const partition = this.#owner.partitionFor(key);
      partition.addSealed({ segment, ...part });
      partition.bytes += part.bytes;
      partition.records += part.records;
      partition.highWatermark = Math.max(partition.highWatermark, part.end);
      partition.nextOffset = partition.highWatermark;
    });
  }

  onRemoved(segment: SegmentId): void {
    this.#sealed = this.#sealed.filter((it) => it.segment !== segment);
    if (this.#pageSegment === segment) this.#pageSegment = 0;
  }

  /** A segment was written again under another number. */
  onReplaced(segment: SegmentId, fresh: SegmentId, hasEntries: boolean): void {
    for (const span of this.#sealed) if (span.segment === segment) span.segment = fresh;
    if (!hasEntries) this.#sealed = this.#sealed.filter((span) => span.segment !== fresh);
    if (this.#pageSegment === segment) this.#pageSegment = 0;
  }

  /** Sealed segments in which some partition has something left. */
  isAlive(segment: SegmentId): boolean {
    return this.#alive.has(segment);
  }

  /** A partition has something in a sealed segment, or nothing any more. */
  countAlive(segment: SegmentId, more: 1 | -1): void {
    const count = (this.#alive.get(segment) ?? 0) + more;
    if (count > 0) this.#alive.set(segment, count);
    else this.#alive.delete(segment);
  }

  newRows(segment: SegmentId): BatchRows {
    return new BatchRows(segment);
  }

  /** The sealed segment that the sequence would be in; 0 if none. */
  segmentOf(sequence: Sequence): SegmentId {
    for (let i = this.#sealed.length - 1; i >= 0; i -= 1) if (sequence >= this.#sealed[i].first) return this.#sealed[i].segment;
    return 0;
  }

  /** @returns false if no entry has the sequence. @throws StoreError, WireViolation. */
  locate(sequence: Sequence, into: EntryLocation): boolean {
    for (let i = this.#unsealed.length - 1; i >= 0; i -= 1) {
      const { segment, entries } = this.#unsealed[i];
      if (entries.length === 0 || sequence < entries.firsts[0]) continue;
      return this.#locateIn(segment, entries, sequence, into);
    }
    for (let i = this.#sealed.length - 1; i >= 0; i -= 1) {
      const { segment, first, end } = this.#sealed[i];
      if (sequence < first) continue;
      if (sequence >= end) return false;
      const page = this.#page;
      const isThere =
        this.#pageSegment === segment && page.length > 0 && page.firsts[0] <= sequence && sequence < page.ends[page.length - 1];
      if (!isThere) {
        this.#pageSegment = segment;
        if (!readEntries(this.#owner.footers(segment), this.#owner.id, sequence, page)) return false;
      }
      return this.#locateIn(segment, page, sequence, into);
    }
    return false;
  }

  #locateIn(segment: SegmentId, entries: EntryRows, sequence: Sequence, into: EntryLocation): boolean {
    const row = entries.rowOf(sequence);
    if (row < 0) return false;
    into.segment = segment;
    into.index = entries.indexes[row];
    into.first = entries.firsts[row];
    into.end = entries.ends[row];
    return true;
  }

  #sawSequence(end: Sequence): void {
    if (end <= this.nextAssigned) return;
    this.nextAssigned = end;
    this.committed = end;
  }

  #openUnsealed(segment: SegmentId): Unsealed {
    let last = this.#unsealed.at(-1);
    if (last === undefined || last.segment !== segment) {
      last = { segment, entries: new EntryRows(), partitions: new Set() };
      this.#unsealed.push(last);
    }
    return last;
  }

  #takeFlight(commit: CommitNumber): Flight | undefined {
    const at = this.#flights.findIndex((flight) => flight.commit === commit);
    return at < 0 ? undefined : this.#flights.splice(at, 1)[0];
  }
}

/** The records block of a checked entry that has this batch, or this sequence. Positions are of the batch in the entry. */
export class BlockFinder {
  at = 0;
  to = 0;
  firstSequence = 0;
  key: PartitionKey = 0;

  /** @param from position of a block head. */
  findBatch(bytes: Uint8Array, from: number, key: PartitionKey, baseOffset: number): boolean {
    return this.#find(
      bytes,
      from,
      () => this.key === key && readU32(bytes, this.at) * 2 ** 32 + readU32(bytes, this.at + 4) === baseOffset,
    );
  }

  findSequence(bytes: Uint8Array, from: number, sequence: Sequence): boolean {
    return this.#find(bytes, from, () => this.firstSequence <= sequence && sequence <= this.firstSequence + readU32(bytes, this.at + 23));
  }

  #find(bytes: Uint8Array, from: number, isIt: () => boolean): boolean {
    let at = from;
    while (at < bytes.length) {
      const body = at + 5;
      const to = body + readU32(bytes, at + 1);
      if (bytes[at] === BLOCK.records) {
        this.key = partitionKeyOf(readU32(bytes, body), readU32(bytes, body + 4));
        this.firstSequence = readU48(bytes, body + 8);
        this.at = body + RECORDS_HEAD_BYTES;
        this.to = to;
        if (isIt()) return true;
      }
      at = to;
    }
    return false;
  }
}

assert(BLOCK.records === 1, 'records come first in an entry');
