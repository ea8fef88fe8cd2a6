/*
  CRC-32C (Castagnoli, RFC 3720 appendix B.4): polynomial 0x1EDC6F41, bits reflected, start and end inverted.
  The twin of the SSE4.2 one in the native addon: both give the same number, and the tests of both say so.

  Eight bytes a step ("slicing by eight"): TABLES[k][b] is the sum that byte b leaves behind when k more bytes follow it.
*/

const POLYNOMIAL_REFLECTED = 0x82f6_3b78;
const SLICES = 8;
const TABLES: Uint32Array = makeTables();

/**
 * Checksum of `bytes` from `from` to before `to`.
 * @param seed the checksum of what came before, to continue it; 0 to begin.
 */
export function crc32c(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  const tables = TABLES;
  let sum = ~seed;
  let at = from;
  for (const last = to - SLICES; at <= last; at += SLICES) {
    sum ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    sum =
      tables[0x700 | (sum & 0xff)] ^
      tables[0x600 | ((sum >>> 8) & 0xff)] ^
      tables[0x500 | ((sum >>> 16) & 0xff)] ^
      tables[0x400 | (sum >>> 24)] ^
      tables[0x300 | bytes[at + 4]] ^
      tables[0x200 | bytes[at + 5]] ^
      tables[0x100 | bytes[at + 6]] ^
      tables[bytes[at + 7]];
  }
  for (; at < to; at += 1) sum = tables[(sum ^ bytes[at]) & 0xff] ^ (sum >>> 8);
  return ~sum >>> 0;
}

function makeTables(): Uint32Array {
  const tables = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL_REFLECTED : sum >>> 1;
    tables[byte] = sum;
  }
  for (let index = 256; index < tables.length; index += 1) {
    const before = tables[index - 256];
    tables[index] = tables[before & 0xff] ^ (before >>> 8);
  }
  return tables;
}
