/*
  XXH32 with seed 0 (Cyan4973/xxHash, doc/xxhash_spec.md), the checksum of LZ4 frames.
*/

const PRIME_1 = 0x9e37_79b1;
const PRIME_2 = 0x85eb_ca77;
const PRIME_3 = 0xc2b2_ae3d;
const PRIME_4 = 0x27d4_eb2f;
const PRIME_5 = 0x1656_67b1;
const STRIPE_BYTES = 16;

/** Hash of `bytes` from `from` to before `to`. */
export function xxhash32(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  let sum = PRIME_5;
  if (to - from >= STRIPE_BYTES) {
    let a = (PRIME_1 + PRIME_2) | 0;
    let b = PRIME_2 | 0;
    let c = 0;
    let d = -PRIME_1 | 0;
    for (; at <= to - STRIPE_BYTES; at += STRIPE_BYTES) {
      a = round(a, readU32(bytes, at));
      b = round(b, readU32(bytes, at + 4));
      c = round(c, readU32(bytes, at + 8));
      d = round(d, readU32(bytes, at + 12));
    }
    sum = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
  }
  sum = (sum + (to - from)) | 0;
  for (; at <= to - 4; at += 4) sum = Math.imul(rotate((sum + Math.imul(readU32(bytes, at), PRIME_3)) | 0, 17), PRIME_4);
  for (; at < to; at += 1) sum = Math.imul(rotate((sum + Math.imul(bytes[at], PRIME_5)) | 0, 11), PRIME_1);
  sum = Math.imul(sum ^ (sum >>> 15), PRIME_2);
  sum = Math.imul(sum ^ (sum >>> 13), PRIME_3);
  return (sum ^ (sum >>> 16)) >>> 0;
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1);
}

function rotate(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

function readU32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
