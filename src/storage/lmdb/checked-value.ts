import { crc32c } from '../../wire/crc32c.js';

/*
  A footer, or a row of the table, as it is stored: its value, then the CRC-32C of key and value, u32 big-endian. What they say decides which
  offsets are given next and which entries are read, so a wrong one must not be believed. Entries have a checksum of their own.
*/

const CRC_BYTES = 4;

/** @param key as it is stored. */
export function storedValue(key: Uint8Array, value: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(value.length + CRC_BYTES);
  stored.set(value);
  stored.writeUInt32BE(sumOf(key, value, value.length), value.length);
  return stored;
}

export function isWhole(key: Uint8Array, stored: Uint8Array): boolean {
  const length = stored.length - CRC_BYTES;
  if (length < 0) return false;
  const sum = ((stored[length] << 24) | (stored[length + 1] << 16) | (stored[length + 2] << 8) | stored[length + 3]) >>> 0;
  return sum === sumOf(key, stored, length);
}

/** Of one that is whole. */
export function contentOf(stored: Uint8Array): Uint8Array {
  return stored.subarray(0, stored.length - CRC_BYTES);
}

function sumOf(key: Uint8Array, value: Uint8Array, length: number): number {
  return crc32c(value, 0, length, crc32c(key, 0, key.length));
}
