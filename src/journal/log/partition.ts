import { assert } from '../../base/assert.js';
import { BatchView } from '../batch/batch-view.js';
import { setBaseOffset } from '../batch/layout.js';
import type { Offset, PartitionKey, PartitionLog, PartitionSettings, ReadStatus } from '../ports.js';
import type { BatchRows, SealedPart } from './batch-rows.js';
import type { Group } from './group.js';
import { PendingBatch } from './pending-batch.js';

/** Visits rows of a segment from `offset` on. @returns false if the visitor ended it, or an entry could not be read. */
export type RowVisitor = (baseOffset: Offset, end: Offset, entry: number, maxTimestamp: number) => boolean;

interface Waiter {
  readonly offset: Offset;
  readonly done: () => void;
}

const NO_PARTS: SealedPart[] = [];
const NO_ROWS: BatchRows[] = [];
const view = new BatchView();

/*
  The batches of a partition, by offset:

    logStart                                       highWatermark   nextOffset
    | sealed parts: rows in footers | unsealed: rows in memory | under way |
*/
export class Partition implements PartitionLog {
  readonly key: PartitionKey;
  readonly group: Group;
  settings: PartitionSettings;
  logStart: Offset = 0;
  highWatermark: Offset = 0;
  nextOffset: Offset = 0;
  bytes = 0;
  records = 0;
  /** Of the open commit; records go to it. */
  batch: PendingBatch | null = null;
  sealed: SealedPart[] = NO_PARTS;
  unsealed: BatchRows[] = NO_ROWS;
  #waiters: Waiter[] | null = null;

  constructor(key: PartitionKey, group: Group, settings: PartitionSettings) {
    this.key = key;
    this.group = group;
    this.settings = settings;
  }

  open(nowMs: number): PendingBatch {
    const open = this.batch;
    if (open !== null) {
      open.maxTimestamp = nowMs;
      return open;
    }
    const { group } = this;
    const writer = group.takeWriter();
    writer.begin(this.nextOffset, nowMs);
    if (this.settings.flush !== 'interval') group.pendingBytes.isAwaited = true;
    this.batch = new PendingBatch(this, group.openCommit, nowMs, writer, null, group.pendingBytes);
    group.addPending(this.batch);
    return this.batch;
  }

  appendBatch(bytes: Uint8Array, from: number, to: number, recordCount: number): Offset {
    const { group } = this;
    const copy = bytes.slice(from, to);
    setBaseOffset(copy, 0, this.nextOffset);
    view.reset(copy, 0, copy.length);
    if (this.settings.flush !== 'interval') group.pendingBytes.isAwaited = true;
    this.batch = null; // What is appended later comes behind it.
    const batch = new PendingBatch(this, group.openCommit, view.maxTimestamp, null, copy, group.pendingBytes);
    group.addPending(batch);
    batch.added(recordCount);
    return batch.baseOffset;
  }

  read(offset: Offset, bytesMax: number, visit: (batch: BatchView) => boolean): ReadStatus {
    if (offset < this.logStart || offset > this.highWatermark) return 'out-of-range';
    let rest = bytesMax;
    let status: ReadStatus = 'ok';
    const isWhole = this.#rowsFrom(offset, (segment, baseOffset, _end, entry) => {
      const bytes = this.group.entryAt(segment, entry);
      const at = bytes === null ? -1 : this.group.findBatch(bytes, this.key, baseOffset);
      if (bytes === null || at < 0) {
        status = 'corrupt';
        return false;
      }
      const to = at + this.group.foundLength;
      view.reset(bytes, at, to);
      rest -= to - at;
      return visit(view) && rest > 0;
    });
    return isWhole ? status : 'corrupt';
  }

  async prefetch(offset: Offset, bytesMax: number): Promise<void> {
    const wanted: { segment: number; index: number }[] = [];
    let rest = bytesMax;
    this.#rowsFrom(offset, (segment, _base, _end, index) => {
      wanted.push({ segment, index });
      rest -= PREFETCH_BATCH_BYTES;
      return rest > 0;
    });
    await this.group.prefetchEntries(wanted);
  }

  offsetForTimestamp(timestampMs: number): { readonly offset: Offset; readonly timestampMs: number } | null {
    let found: { offset: Offset; timestampMs: number } | null = null;
    let from = this.logStart;
    for (const part of this.sealed) {
      if (part.maxTimestamp >= timestampMs) break;
      from = Math.max(from, part.end);
    }
    this.#rowsFrom(from, (segment, baseOffset, _end, entry, maxTimestamp) => {
      if (maxTimestamp < timestampMs) return true;
      const bytes = this.group.entryAt(segment, entry);
      const at = bytes === null ? -1 : this.group.findBatch(bytes, this.key, baseOffset);
      if (bytes === null || at < 0) return true;
      view.reset(bytes, at, at + this.group.foundLength);
      while (view.next()) {
        if (view.timestamp < timestampMs || view.offset < this.logStart) continue;
        found = { offset: view.offset, timestampMs: view.timestamp };
        return false;
      }
      return true;
    });
    return found;
  }

  whenPast(offset: Offset, done: () => void): () => void {
    const waiter: Waiter = { offset, done };
    if (this.#waiters === null) this.#waiters = [];
    this.#waiters.push(waiter);
    return () => {
      this.#waiters = this.#waiters?.filter((it) => it !== waiter) ?? null;
    };
  }

  /** A batch is durable, or was found at the start. */
  addRow(segment: number, entry: number, baseOffset: Offset, end: Offset, maxTimestamp: number, records: number, bytes: number): void {
    if (this.unsealed === NO_ROWS) this.unsealed = [];
    let rows = this.unsealed.at(-1);
    if (rows === undefined || rows.segment !== segment) {
      rows = this.group.newRows(segment);
      this.unsealed.push(rows);
      this.group.noteUnsealed(segment, this);
    }
    assert(baseOffset >= rows.end, 'offsets of a partition rise');
    rows.add(baseOffset, end, entry, maxTimestamp, records, bytes);
    this.bytes += bytes;
    this.records += records;
    this.highWatermark = end;
    if (this.#waiters !== null) this.#wake();
  }

  /** The partition begins at this offset; what ends before it is gone. */
  startAt(offset: Offset): void {
    if (offset <= this.logStart) return;
    this.logStart = offset;
    this.highWatermark = Math.max(this.highWatermark, offset);
    this.nextOffset = Math.max(this.nextOffset, offset);
    while (this.sealed.length > 0 && this.sealed[0].end <= offset) {
      const part = this.sealed.shift() as SealedPart;
      this.group.records.countAlive(part.segment, -1);
      this.#forget(part);
    }
    this.unsealed = this.unsealed.filter((rows) => {
      if (rows.end > offset) return true;
      this.#forget(rows);
      return false;
    });
  }

  /** The rows of the segment are in its footers. */
  seal(segment: number): void {
    const at = this.unsealed.findIndex((rows) => rows.segment === segment);
    if (at < 0) return;
    const [rows] = this.unsealed.splice(at, 1);
    if (rows.length > 0) this.addSealed(rows.summary());
  }

  addSealed(part: SealedPart): void {
    if (this.sealed === NO_PARTS) this.sealed = [];
    this.sealed.push(part);
    this.group.records.countAlive(part.segment, 1);
    if (this.sealed.length > 1 && this.sealed[this.sealed.length - 2].first > part.first) this.sealed.sort((a, b) => a.first - b.first);
  }

  /** A segment was written again. @param part what is left there; null if nothing. */
  replaceSealed(segment: number, part: SealedPart | null): void {
    const at = this.sealed.findIndex((it) => it.segment === segment);
    if (at < 0) return;
    const [old] = this.sealed.splice(at, 1);
    this.group.records.countAlive(segment, -1);
    this.#forget(old);
    if (part === null) return;
    this.sealed.splice(at, 0, part);
    this.group.records.countAlive(part.segment, 1);
    this.bytes += part.bytes;
    this.records += part.records;
  }

  rowsOf(segment: number): BatchRows | undefined {
    return this.unsealed.find((rows) => rows.segment === segment);
  }

  #forget(part: { readonly bytes: number; readonly records: number }): void {
    this.bytes -= part.bytes;
    this.records -= part.records;
  }

  /** @returns false if a segment could not be read. */
  #rowsFrom(
    offset: Offset,
    visit: (segment: number, baseOffset: Offset, end: Offset, entry: number, maxTimestamp: number) => boolean,
  ): boolean {
    for (const part of this.sealed) {
      if (part.end <= offset) continue;
      const goesOn = this.group.sealedRows(part.segment, this.key, Math.max(offset, part.first), (baseOffset, end, entry, maxTimestamp) =>
        visit(part.segment, baseOffset, end, entry, maxTimestamp),
      );
      if (goesOn === 'corrupt') return false;
      if (!goesOn) return true;
    }
    for (const rows of this.unsealed)
      for (let row = rows.rowAfter(offset); row < rows.length; row += 1)
        if (!visit(rows.segment, rows.baseOffsets[row], rows.ends[row], rows.entries[row], rows.maxTimestamps[row])) return true;
    return true;
  }

  #wake(): void {
    const waiters = this.#waiters ?? [];
    this.#waiters = null;
    for (const waiter of waiters) {
      if (waiter.offset < this.highWatermark) waiter.done();
      else {
        if (this.#waiters === null) this.#waiters = [];
        (this.#waiters as Waiter[]).push(waiter);
      }
    }
  }
}

/** A guess: how much one batch reads of the disk. */
const PREFETCH_BATCH_BYTES = 16 * 1024;
