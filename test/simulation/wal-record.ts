import type { SnapshotMark } from '../../src/raft/driver/ports.js';
import { decodeMark, encodeMark } from '../../src/raft/driver/snapshot-mark.js';
import type { Entry, HardState, LogIndex, Term } from '../../src/raft/messages.js';
import { crc32c } from '../../src/wire/crc32c.js';

/*
  A record of the simulated write-ahead log. Each says all of the small state, so that the last one that can be read is enough for it, and
  up to where the log was flushed when it was written: what cannot be read before that place was there once (damage), and after it may never
  have come so far (torn). Numbers are IEEE doubles, big-endian, unless a length says otherwise.

    record       magic u32 | length of the body u32 | CRC-32C of the body u32 | body
    body         flushedUpTo | lastIndex | term | vote | commit | compacted index | compacted term | damagedUpTo
                 | flags u8 (1: the log begins anew after `compacted`) | generations u8 | generation * | entries u32 | entry *
    generation   serial | length u32 | mark (driver/snapshot-mark.ts)
    entry        index | term | type u8 | length u32 | data
*/

const MAGIC = 0x5a4c_4f47;
const HEAD_BYTES = 12;
const FIXED_BYTES = 8 * 8 + 2 + 4;
const ENTRY_HEAD_BYTES = 8 + 8 + 1 + 4;
const ADOPTS = 1;

/** A snapshot on the disk: in the file of this serial number. */
export interface Generation {
  readonly serial: number;
  readonly mark: SnapshotMark;
}

export interface SmallState {
  readonly hardState: HardState;
  readonly lastIndex: LogIndex;
  readonly compacted: { readonly index: LogIndex; readonly term: Term };
  readonly damagedUpTo: LogIndex;
  /** Newest first. */
  readonly generations: readonly Generation[];
}

export interface WalRecord extends SmallState {
  /** Bytes of the whole log. */
  readonly flushedUpTo: number;
  readonly isAdopting: boolean;
  readonly entries: readonly Entry[];
}

export function encodeRecord(record: WalRecord): Uint8Array {
  const { hardState, compacted, generations, entries } = record;
  const marks = generations.map(({ mark }) => encodeMark(mark));
  let length = FIXED_BYTES;
  for (const mark of marks) length += 12 + mark.length;
  for (const { data } of entries) length += ENTRY_HEAD_BYTES + data.length;
  const bytes = new Uint8Array(HEAD_BYTES + length);
  const view = new DataView(bytes.buffer);
  let at = HEAD_BYTES;
  const small = [record.flushedUpTo, record.lastIndex, hardState.term, hardState.vote, hardState.commit, compacted.index, compacted.term];
  for (const value of [...small, record.damagedUpTo]) {
    view.setFloat64(at, value);
    at += 8;
  }
  bytes[at] = record.isAdopting ? ADOPTS : 0;
  bytes[at + 1] = generations.length;
  at += 2;
  for (let i = 0; i < generations.length; i += 1) {
    view.setFloat64(at, generations[i].serial);
    view.setUint32(at + 8, marks[i].length);
    bytes.set(marks[i], at + 12);
    at += 12 + marks[i].length;
  }
  view.setUint32(at, entries.length);
  at += 4;
  for (const entry of entries) at = writeEntry(view, bytes, at, entry);
  view.setUint32(0, MAGIC);
  view.setUint32(4, length);
  view.setUint32(8, crc32c(bytes, HEAD_BYTES, bytes.length));
  return bytes;
}

/** @returns null if there is no whole record at `at`. */
export function decodeRecord(bytes: Uint8Array, at: number): { readonly record: WalRecord; readonly end: number } | null {
  if (at + HEAD_BYTES > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(at + 4);
  const end = at + HEAD_BYTES + length;
  // Of a torn record the magic alone may be there, and zeros behind it: nothing has the checksum of nothing.
  if (view.getUint32(at) !== MAGIC || length < FIXED_BYTES || end > bytes.length) return null;
  if (crc32c(bytes, at + HEAD_BYTES, end) !== view.getUint32(at + 8)) return null;
  return { record: decodeBody(view, bytes, at + HEAD_BYTES), end };
}

/** The next place that could be the beginning of a record; the end of the bytes if there is none. */
export function nextMagic(bytes: Uint8Array, from: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = from; at + 4 <= bytes.length; at += 1) if (view.getUint32(at) === MAGIC) return at;
  return bytes.length;
}

function writeEntry(view: DataView, bytes: Uint8Array, from: number, { index, term, type, data }: Entry): number {
  view.setFloat64(from, index);
  view.setFloat64(from + 8, term);
  bytes[from + 16] = type === 'configuration' ? 1 : 0;
  view.setUint32(from + 17, data.length);
  bytes.set(data, from + ENTRY_HEAD_BYTES);
  return from + ENTRY_HEAD_BYTES + data.length;
}

function decodeBody(view: DataView, bytes: Uint8Array, from: number): WalRecord {
  const numbers = Array.from({ length: 8 }, (_, i) => view.getFloat64(from + 8 * i));
  const [flushedUpTo, lastIndex, term, vote, commit, compactedIndex, compactedTerm, damagedUpTo] = numbers;
  let at = from + 64;
  const isAdopting = bytes[at] === ADOPTS;
  const generations: Generation[] = [];
  const generationCount = bytes[at + 1];
  at += 2;
  for (let i = 0; i < generationCount; i += 1) {
    const length = view.getUint32(at + 8);
    generations.push({ serial: view.getFloat64(at), mark: decodeMark(bytes.subarray(at + 12, at + 12 + length)) });
    at += 12 + length;
  }
  const entries: Entry[] = [];
  const entryCount = view.getUint32(at);
  at += 4;
  for (let i = 0; i < entryCount; i += 1) {
    const dataAt = at + ENTRY_HEAD_BYTES;
    const dataEnd = dataAt + view.getUint32(at + 17);
    const type = bytes[at + 16] === 1 ? 'configuration' : 'normal';
    entries.push({ index: view.getFloat64(at), term: view.getFloat64(at + 8), type, data: bytes.slice(dataAt, dataEnd) });
    at = dataEnd;
  }
  const compacted = { index: compactedIndex, term: compactedTerm };
  return { flushedUpTo, lastIndex, hardState: { term, vote, commit }, compacted, damagedUpTo, generations, isAdopting, entries };
}
