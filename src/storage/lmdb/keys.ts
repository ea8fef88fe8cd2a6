import { assert } from '../../base/assert.js';

/*
  Keys of a segment's environment, in byte order:

    entry    01 | group u16 big endian | index u48 big endian
    footer   02 | key of the footer, at most 64 bytes            value and checksum, see footer-value.ts
    mark     03 | 'sealed'                                       written in the transaction of the footers
*/

const KIND_ENTRY = 1;
const KIND_FOOTER = 2;
const KIND_MARK = 3;

export const GROUP_MAX: number = 2 ** 16 - 1;
export const INDEX_MAX: number = 2 ** 48 - 1;
export const FOOTER_KEY_BYTES_MAX = 64;
export const ENTRY_KEY_BYTES = 9;

export const SEALED_MARK: Buffer = Buffer.from([KIND_MARK, ...Buffer.from('sealed')]);

/** Writes the key of an entry over `target`, which is `ENTRY_KEY_BYTES` long. */
export function writeEntryKey(target: Buffer, group: number, index: number): Buffer {
  assert(Number.isInteger(group) && group >= 0 && group <= GROUP_MAX, 'a group is a u16');
  assert(index >= 0 && index <= INDEX_MAX, 'an index fits 48 bits');
  target[0] = KIND_ENTRY;
  target[1] = group >>> 8;
  target[2] = group & 0xff;
  target.writeUIntBE(index, 3, 6);
  return target;
}

export function entryKey(group: number, index: number): Buffer {
  return writeEntryKey(Buffer.allocUnsafe(ENTRY_KEY_BYTES), group, index);
}

export function isEntryKey(key: Uint8Array): boolean {
  return key[0] === KIND_ENTRY && key.length === ENTRY_KEY_BYTES;
}

export function groupOf(key: Uint8Array): number {
  return key[1] * 256 + key[2];
}

export function indexOf(key: Uint8Array): number {
  const high = key[3] * 256 + key[4];
  const low = ((key[5] << 24) | (key[6] << 16) | (key[7] << 8) | key[8]) >>> 0;
  return high * 2 ** 32 + low;
}

export function footerKey(key: Uint8Array): Buffer {
  assert(key.length <= FOOTER_KEY_BYTES_MAX, 'a key of a footer is at most 64 bytes');
  const whole = Buffer.allocUnsafe(1 + key.length);
  whole[0] = KIND_FOOTER;
  whole.set(key, 1);
  return whole;
}

export function isFooterKey(key: Uint8Array): boolean {
  return key[0] === KIND_FOOTER;
}

/** Keys of the lane's table that begin with this byte are the store's own: sums of sealed segments, by id u48. Others are not shown them. */
export const OWN_ROW = 0xff;
const OWN_ROW_BYTES = 7;

export function sumsKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(OWN_ROW_BYTES);
  key[0] = OWN_ROW;
  key.writeUIntBE(id, 1, 6);
  return key;
}

/** The segment whose sums have this key; 0 if it is another key. */
export function segmentOfSums(key: Uint8Array): number {
  if (key[0] !== OWN_ROW || key.length !== OWN_ROW_BYTES) return 0;
  return Buffer.from(key.buffer, key.byteOffset, key.length).readUIntBE(1, 6);
}
