import type { ReadableSegment, SegmentId } from '../../storage/ports.js';
import { WireViolation } from '../../wire/violation.js';
import { BLOCK, type FooterRow, footerPrefix } from '../keeper.js';
import type { GroupId, Sequence } from '../ports.js';
import { RunReader, writeInteger } from './run-codec.js';
import type { RunPage } from './run-pages.js';

/*
  Footers of a sealed segment. Each row is one page, and can be read by itself:

    key    => kind u8 (BLOCK.index) | group u16 | index number u32 | first sequence u48        big-endian, 13 bytes
    value  => count | span | next | runs                                                        integers and runs of run-codec.ts

  span: from the first sequence to the last. next: from the last sequence to the first of the next row of the index in this segment; 0: there is none.
*/

const KEY_BYTES = 13;
const NUMBER_AT = 3;
const FIRST_AT = 7;
/** Rows of one index begin alike. */
const INDEX_PREFIX_BYTES: number = FIRST_AT;
const HEAD_BYTES_MAX = 24;

export type SegmentFooters = Pick<ReadableSegment, 'footerAtOrBefore' | 'scanFooters'>;

/** Opens the footers of a sealed segment; valid until the next call. @throws StoreError. */
export type OpenFooters = (segment: SegmentId) => SegmentFooters;

/** Runs of a row, in memory of ours. */
export interface SealedRow {
  readonly segment: SegmentId;
  readonly number: number;
  readonly first: Sequence;
  readonly last: Sequence;
  readonly count: number;
  /** First sequence of the row after it; infinite if there is none. */
  readonly next: Sequence;
  readonly bytes: Uint8Array;
  /** Where the runs begin. */
  readonly runsAt: number;
}

function rowKey(group: GroupId, number: number, first: Sequence): Uint8Array {
  const key = footerPrefix(BLOCK.index, group, KEY_BYTES);
  const view = Buffer.from(key.buffer);
  view.writeUInt32BE(number, NUMBER_AT);
  view.writeUIntBE(first, FIRST_AT, 6);
  return key;
}

/** Rows of the pages of one index in one segment. */
export function footerRows(group: GroupId, number: number, pages: readonly RunPage[], rows: FooterRow[]): void {
  for (let i = 0; i < pages.length; i += 1) {
    const page = pages[i];
    const value = new Uint8Array(HEAD_BYTES_MAX + page.length);
    let at = writeInteger(value, 0, page.count);
    at = writeInteger(value, at, page.last - page.first);
    at = writeInteger(value, at, i + 1 < pages.length ? pages[i + 1].first - page.last : 0);
    value.set(page.bytes.subarray(0, page.length), at);
    rows.push([rowKey(group, number, page.first), value.subarray(0, at + page.length)]);
  }
}

/** The row that contains `sequence`, or else the last before it; null if there is none. @throws StoreError, WireViolation. */
export function findRow(footers: SegmentFooters, segment: SegmentId, group: GroupId, number: number, sequence: Sequence): SealedRow | null {
  const found = footers.footerAtOrBefore(rowKey(group, number, sequence), INDEX_PREFIX_BYTES);
  return found === null ? null : parseRow(segment, found.key, found.value.slice());
}

/** The indexes that a segment has something of, ascending: first and last sequence, and how many. @throws StoreError, WireViolation. */
export function scanIndexes(
  footers: SegmentFooters,
  group: GroupId,
  visit: (number: number, first: Sequence, last: Sequence, count: number) => void,
): void {
  let open: SealedRow | null = null;
  let count = 0;
  let first = 0;
  footers.scanFooters(footerPrefix(BLOCK.index, group), (key, value) => {
    const row = parseRow(0, key, value);
    if (open !== null && open.number !== row.number) {
      visit(open.number, first, open.last, count);
      open = null;
    }
    if (open === null) {
      first = row.first;
      count = 0;
    }
    count += row.count;
    open = row;
    return true;
  });
  // TypeScript does not see that the visitor has assigned it.
  const last = open as SealedRow | null;
  if (last !== null) visit(last.number, first, last.last, count);
}

function parseRow(segment: SegmentId, key: Uint8Array, bytes: Uint8Array): SealedRow {
  if (key.length !== KEY_BYTES) throw new WireViolation('a key of an index has another length');
  const view = Buffer.from(key.buffer, key.byteOffset, key.length);
  const first = view.readUIntBE(FIRST_AT, 6);
  const reader = new RunReader();
  reader.reset(bytes, 0, bytes.length, 0);
  const count = reader.readInteger();
  const last = first + reader.readInteger();
  const gap = reader.readInteger();
  const next = gap === 0 ? Number.POSITIVE_INFINITY : last + gap;
  return { segment, number: view.readUInt32BE(NUMBER_AT), first, last, count, next, bytes, runsAt: reader.position };
}
