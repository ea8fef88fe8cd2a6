import type { ReadableSegment } from '../../storage/ports.js';
import { RunReader, writeInteger } from '../index/run-codec.js';
import { BLOCK, type FooterRow, footerPrefix } from '../keeper.js';
import { partitionKeyOf, partitionOf, streamOf } from '../partition-key.js';
import type { GroupId, Offset, PartitionKey, Sequence } from '../ports.js';
import type { BatchRows, SealedPart } from './batch-rows.js';
import { writeU32, writeU48 } from './entry.js';
import type { EntryRows } from './entry-rows.js';
import type { RowVisitor } from './partition.js';

/*
  What the footers of a sealed segment say of the records of a group. Keys: kind u8 (BLOCK.records) | group u16 | page u8 | ..., big-endian.
  Values: integers of run-codec.ts, all of them relative to the one before where they rise.

    page 0  | chunk u32                                what there is     part*
      part  => stream | partition | first | end - first | records | bytes | newest timestamp
    page 1  | stream u32 | partition u32 | base u48    batches           next | part*     `base` is the first of the page
      part  => stream | partition | rows | row*
      row   => base - end before | end - base | entry - entry before | newest timestamp, zigzag from the one before
    page 2  | first sequence u48                       entries           row*
      row   => first - end before | end - first | entry - entry before

  `next`: the base offset of the row that follows in the next page if it is of the partition that this page ends with, plus 1; else 0.
*/
const PAGE = { parts: 0, batches: 1, entries: 2 } as const;
const PAGE_AT = 3;
const PREFIX_BYTES: number = PAGE_AT + 1;
const PARTS_PER_CHUNK = 1000;
const ROWS_PER_PAGE = 256;
const PART_BYTES_MAX = 64;
const ROW_BYTES_MAX = 32;

const reader = new RunReader();

export type Footers = Pick<ReadableSegment, 'footerAtOrBefore' | 'scanFooters'>;

function prefixOf(group: GroupId, page: number, length: number): Uint8Array {
  const key = footerPrefix(BLOCK.records, group, length);
  key[PAGE_AT] = page;
  return key;
}

function batchesKey(group: GroupId, key: PartitionKey, offset: Offset): Uint8Array {
  const bytes = prefixOf(group, PAGE.batches, PREFIX_BYTES + 14);
  writeU32(bytes, PREFIX_BYTES, streamOf(key));
  writeU32(bytes, PREFIX_BYTES + 4, partitionOf(key));
  writeU48(bytes, PREFIX_BYTES + 8, offset);
  return bytes;
}

/** Writes integers into memory that grows. */
class Page {
  bytes: Uint8Array = new Uint8Array(4096);
  length = 0;

  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(this.bytes.length * 2 + more);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  put(value: number): void {
    this.length = writeInteger(this.bytes, this.length, value);
  }

  putSigned(value: number): void {
    this.put(value < 0 ? -value * 2 - 1 : value * 2);
  }

  take(): Uint8Array {
    const bytes = this.bytes.slice(0, this.length);
    this.length = 0;
    return bytes;
  }
}

const page = new Page();

/** @param parts in order of their keys. */
export function partFooters(group: GroupId, parts: readonly (readonly [PartitionKey, SealedPart])[], rows: FooterRow[]): void {
  for (let from = 0, chunk = 0; from < parts.length; from += PARTS_PER_CHUNK, chunk += 1) {
    for (const [key, part] of parts.slice(from, from + PARTS_PER_CHUNK)) {
      page.reserve(PART_BYTES_MAX);
      page.put(streamOf(key));
      page.put(partitionOf(key));
      page.put(part.first);
      page.put(part.end - part.first);
      page.put(part.records);
      page.put(part.bytes);
      page.put(Math.max(0, part.maxTimestamp));
    }
    const key = prefixOf(group, PAGE.parts, PREFIX_BYTES + 4);
    writeU32(key, PREFIX_BYTES, chunk);
    rows.push([key, page.take()]);
  }
}

/** @throws StoreError, WireViolation. */
export function readParts(footers: Footers, group: GroupId, visit: (key: PartitionKey, part: Omit<SealedPart, 'segment'>) => void): void {
  footers.scanFooters(prefixOf(group, PAGE.parts, PREFIX_BYTES), (_key, value) => {
    reader.reset(value, 0, value.length, 0);
    while (!reader.isAtEnd) {
      const stream = reader.readInteger();
      const key = partitionKeyOf(stream, reader.readInteger());
      const first = reader.readInteger();
      const end = first + reader.readInteger();
      const records = reader.readInteger();
      const bytes = reader.readInteger();
      visit(key, { first, end, records, bytes, maxTimestamp: reader.readInteger() });
    }
    return true;
  });
}

/** @param parts in order of their keys. */
export function batchFooters(group: GroupId, parts: readonly (readonly [PartitionKey, BatchRows])[], rows: FooterRow[]): void {
  let inPage = 0;
  let pageKey: Uint8Array | null = null;
  const finish = (next: number): void => {
    if (pageKey === null) return;
    const value = new Uint8Array(8 + page.length);
    const at = writeInteger(value, 0, next);
    value.set(page.bytes.subarray(0, page.length), at);
    rows.push([pageKey, value.subarray(0, at + page.length)]);
    page.length = 0;
    pageKey = null;
    inPage = 0;
  };
  for (const [key, batches] of parts) {
    for (let row = 0; row < batches.length; ) {
      if (inPage === ROWS_PER_PAGE) finish(row > 0 ? batches.baseOffsets[row] + 1 : 0);
      if (pageKey === null) pageKey = batchesKey(group, key, batches.baseOffsets[row]);
      const count = Math.min(ROWS_PER_PAGE - inPage, batches.length - row);
      page.reserve(PART_BYTES_MAX + count * ROW_BYTES_MAX);
      page.put(streamOf(key));
      page.put(partitionOf(key));
      page.put(count);
      let [end, entry, timestamp] = [0, 0, 0];
      for (const last = row + count; row < last; row += 1) {
        page.put(batches.baseOffsets[row] - end);
        page.put(batches.ends[row] - batches.baseOffsets[row]);
        page.put(batches.entries[row] - entry);
        page.putSigned(batches.maxTimestamps[row] - timestamp);
        end = batches.ends[row];
        entry = batches.entries[row];
        timestamp = batches.maxTimestamps[row];
      }
      inPage += count;
    }
  }
  finish(0);
}

/**
 * The batches of a partition that end after `offset`, rising, until `visit` returns false.
 * @returns false if it did. @throws StoreError, WireViolation.
 */
export function readBatches(footers: Footers, group: GroupId, key: PartitionKey, offset: Offset, visit: RowVisitor): boolean {
  let wanted = offset;
  for (;;) {
    const found = footers.footerAtOrBefore(batchesKey(group, key, wanted), PREFIX_BYTES);
    if (found === null) return true;
    const value = found.value.slice();
    reader.reset(value, 0, value.length, 0);
    const next = reader.readInteger();
    let isLast = false;
    // Rows are read before they are visited: the visitor may read other pages.
    const batches: [number, number, number, number][] = [];
    while (!reader.isAtEnd) {
      const stream = reader.readInteger();
      isLast = partitionKeyOf(stream, reader.readInteger()) === key;
      let [end, entry, timestamp] = [0, 0, 0];
      for (let rows = reader.readInteger(); rows > 0; rows -= 1) {
        const base = end + reader.readInteger();
        end = base + reader.readInteger();
        entry += reader.readInteger();
        const signed = reader.readInteger();
        timestamp += signed % 2 === 1 ? -(signed + 1) / 2 : signed / 2;
        if (isLast && end > offset) batches.push([base, end, entry, timestamp]);
      }
    }
    for (const [base, end, entry, timestamp] of batches) if (!visit(base, end, entry, timestamp)) return false;
    if (!isLast || next === 0) return true;
    wanted = next - 1;
  }
}

export function entryFooters(group: GroupId, entries: EntryRows, rows: FooterRow[]): void {
  for (let row = 0; row < entries.length; ) {
    const key = prefixOf(group, PAGE.entries, PREFIX_BYTES + 6);
    writeU48(key, PREFIX_BYTES, entries.firsts[row]);
    let [end, index] = [0, 0];
    for (const last = Math.min(entries.length, row + ROWS_PER_PAGE); row < last; row += 1) {
      page.reserve(ROW_BYTES_MAX);
      page.put(entries.firsts[row] - end);
      page.put(entries.ends[row] - entries.firsts[row]);
      page.put(entries.indexes[row] - index);
      end = entries.ends[row];
      index = entries.indexes[row];
    }
    rows.push([key, page.take()]);
  }
}

/** One page of entries: those around the sequence; null if none is at or before it. @throws StoreError, WireViolation. */
export function readEntries(footers: Footers, group: GroupId, sequence: Sequence, into: EntryRows): boolean {
  const key = prefixOf(group, PAGE.entries, PREFIX_BYTES + 6);
  writeU48(key, PREFIX_BYTES, sequence);
  const found = footers.footerAtOrBefore(key, PREFIX_BYTES);
  into.clear();
  if (found === null) return false;
  takeEntries(found.value, into);
  return true;
}

/** First and last sequence and entry of a group in the segment; null if it has no records there. @throws StoreError, WireViolation. */
export function readSpan(footers: Footers, group: GroupId, into: EntryRows): { readonly first: Sequence; readonly end: Sequence } | null {
  let first = -1;
  let end = 0;
  footers.scanFooters(prefixOf(group, PAGE.entries, PREFIX_BYTES), (_key, value) => {
    into.clear();
    takeEntries(value, into);
    if (first < 0) first = into.firsts[0];
    end = into.ends[into.length - 1];
    return true;
  });
  return first < 0 ? null : { first, end };
}

function takeEntries(value: Uint8Array, into: EntryRows): void {
  reader.reset(value, 0, value.length, 0);
  let [end, index] = [0, 0];
  while (!reader.isAtEnd) {
    const first = end + reader.readInteger();
    end = first + reader.readInteger();
    index += reader.readInteger();
    into.add(index, first, end);
  }
}
