import { checksum } from '../batch/checksum.js';
import type { EntryPlace } from '../keeper.js';

/*
  An entry: what one commit adds to one group. Numbers are big-endian.

    0   magic u32 'RMQE'
    4   crc u32             CRC-32C of everything behind it
    8   version u8          1
    9   kind u8             0: as it was committed; 1: written again, with what was left of it
    10  group u16
    12  index u48           of the entry in its group
    18  commit u48
    24  first sequence u48  of its records, even if it has none
    30  span u32            sequences it takes
    34  length u32          of the entry, all of it
    38  blocks              kind u8 | length u32 | body

  A records block (kind 1) has this body:

    0   stream u32
    4   partition u32
    8   first sequence u48
    14  a record batch of Kafka, version 2: the record with offset delta d has sequence `first + d`
*/
export const ENTRY_MAGIC = 0x524d_5145;
export const ENTRY_VERSION = 1;
export const ENTRY_HEAD_BYTES = 38;
export const BLOCK_HEAD_BYTES = 5;
export const RECORDS_HEAD_BYTES = 14;

const CRC_AT = 4;
const CRC_FROM = 8;
const TWO_TO_32 = 2 ** 32;

export interface EntryHead {
  readonly place: EntryPlace;
  readonly commit: number;
  readonly firstSequence: number;
  readonly span: number;
  readonly isRewritten: boolean;
}

/** Fills the head of an entry whose blocks are in place, with its checksum. */
export function sealEntry(bytes: Uint8Array, length: number, head: EntryHead): void {
  writeU32(bytes, 0, ENTRY_MAGIC);
  bytes[8] = ENTRY_VERSION;
  bytes[9] = head.isRewritten ? 1 : 0;
  bytes[10] = head.place.group >>> 8;
  bytes[11] = head.place.group & 0xff;
  writeU48(bytes, 12, head.place.index);
  writeU48(bytes, 18, head.commit);
  writeU48(bytes, 24, head.firstSequence);
  writeU32(bytes, 30, head.span);
  writeU32(bytes, 34, length);
  writeU32(bytes, CRC_AT, checksum(bytes, CRC_FROM, length));
}

export type EntryProblem = 'too-short' | 'not-an-entry' | 'bad-checksum' | 'unknown-version' | 'wrong-place' | 'bad-length' | 'bad-blocks';

/** What is wrong with a stored entry; null if it is what was written at this place. */
export function checkEntry(bytes: Uint8Array, group: number, index: number): EntryProblem | null {
  if (bytes.length < ENTRY_HEAD_BYTES) return 'too-short';
  if (readU32(bytes, 0) !== ENTRY_MAGIC) return 'not-an-entry';
  if (readU32(bytes, 34) !== bytes.length) return 'bad-length';
  if (readU32(bytes, CRC_AT) !== checksum(bytes, CRC_FROM, bytes.length)) return 'bad-checksum';
  if (bytes[8] !== ENTRY_VERSION) return 'unknown-version';
  if (((bytes[10] << 8) | bytes[11]) !== group || readU48(bytes, 12) !== index) return 'wrong-place';
  for (let at = ENTRY_HEAD_BYTES; at < bytes.length; at += BLOCK_HEAD_BYTES + readU32(bytes, at + 1))
    if (at + BLOCK_HEAD_BYTES > bytes.length || at + BLOCK_HEAD_BYTES + readU32(bytes, at + 1) > bytes.length) return 'bad-blocks';
  return null;
}

export function commitOf(bytes: Uint8Array): number {
  return readU48(bytes, 18);
}

export function firstSequenceOf(bytes: Uint8Array): number {
  return readU48(bytes, 24);
}

export function spanOf(bytes: Uint8Array): number {
  return readU32(bytes, 30);
}

/** Calls `visit` for each block of an entry that was checked. */
export function forEachBlock(bytes: Uint8Array, visit: (kind: number, from: number, to: number) => void): void {
  let at = ENTRY_HEAD_BYTES;
  while (at < bytes.length) {
    const from = at + BLOCK_HEAD_BYTES;
    const to = from + readU32(bytes, at + 1);
    visit(bytes[at], from, to);
    at = to;
  }
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readU48(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 8) | bytes[at + 1]) * TWO_TO_32 + readU32(bytes, at + 2);
}

export function writeU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_TO_32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  writeU32(bytes, at + 2, value % TWO_TO_32);
}
