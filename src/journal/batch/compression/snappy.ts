import { copyBack, copyLiteral } from './copies.js';
import { broken, tooLarge } from './faults.js';

/*
  Snappy (google/snappy, format_description.txt), bare or in the frame of xerial's snappy-java, which Java clients write.

    bare      length: varint of the inflated bytes | elements
    element   tag & 3    0 literal    tag >> 2 is length - 1; 60 to 63: it is in the 1 to 4 bytes that follow, low byte first
                         1 copy       length 4 + (tag >> 2 & 7), offset (tag >> 5) << 8 | one byte
                         2, 3 copy    length 1 + (tag >> 2), offset in the 2 or 4 bytes that follow, low byte first
    xerial    82 "SNAPPY" 00 | version i32 | compatible version i32 | (length i32 | bare)*          big-endian
              the head may come again between two blocks, where streams were joined
*/

const XERIAL_MAGIC: readonly number[] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const XERIAL_HEAD_BYTES = 16;
/** The densest element makes 64 bytes out of three. */
const GROWTH_MAX = 22;

/** @throws BatchError. */
export function inflateSnappy(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (!isXerialHead(bytes, 0)) {
    const output = new Uint8Array(lengthOf(bytes, 0, bytes.length, 0, bytesMax));
    inflateBlock(bytes, 0, bytes.length, output);
    return output;
  }
  const output = new Uint8Array(walkXerial(bytes, bytesMax, null));
  walkXerial(bytes, bytesMax, output);
  return output;
}

function isXerialHead(bytes: Uint8Array, at: number): boolean {
  if (bytes.length - at < XERIAL_HEAD_BYTES) return false;
  for (let i = 0; i < XERIAL_MAGIC.length; i += 1) if (bytes[at + i] !== XERIAL_MAGIC[i]) return false;
  return true;
}

/** Adds up what the blocks inflate to, and does it if there is an `output`. @returns the sum. */
function walkXerial(bytes: Uint8Array, bytesMax: number, output: Uint8Array | null): number {
  let at = 0;
  let sum = 0;
  while (at < bytes.length) {
    if (isXerialHead(bytes, at)) {
      at += XERIAL_HEAD_BYTES;
      continue;
    }
    if (bytes.length - at < 4) throw broken('snappy', 'a frame ends within a length');
    const length = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    at += 4;
    if (length < 0 || length > bytes.length - at) throw broken('snappy', 'a block ends after the frame');
    const inflated = lengthOf(bytes, at, at + length, sum, bytesMax);
    if (output !== null) inflateBlock(bytes, at, at + length, output.subarray(sum, sum + inflated));
    sum += inflated;
    at += length;
  }
  return sum;
}

/** What the block says that it inflates to, behind the `sum` bytes of those before it. */
function lengthOf(bytes: Uint8Array, from: number, to: number, sum: number, bytesMax: number): number {
  let length = 0;
  let scale = 1;
  for (let at = from; at < to && at - from < 5; at += 1) {
    length += (bytes[at] & 0x7f) * scale;
    scale *= 0x80;
    if (bytes[at] >= 0x80) continue;
    if (sum + length > bytesMax) throw tooLarge('snappy', bytesMax);
    if (length > (to - from) * GROWTH_MAX) throw broken('snappy', 'a block is too short for its length');
    return length;
  }
  throw broken('snappy', 'a block has no length');
}

/** Fills the whole of `output`. */
function inflateBlock(bytes: Uint8Array, from: number, to: number, output: Uint8Array): void {
  let at = from;
  while (bytes[at] >= 0x80) at += 1; // The length: it was read before.
  at += 1;
  let written = 0;
  const end = output.length;
  while (at < to) {
    const tag = bytes[at];
    at += 1;
    const kind = tag & 3;
    let length = (tag >> 2) + 1;
    if (kind === 0) {
      if (length > 60) {
        const extra = length - 60;
        if (extra > to - at) throw broken('snappy', 'a literal ends within its length');
        length = readLittle(bytes, at, extra) + 1;
        at += extra;
      }
      if (length > to - at || length > end - written) throw broken('snappy', 'a literal is longer than its block');
      copyLiteral(bytes, at, output, written, length);
      at += length;
      written += length;
      continue;
    }
    const extra = kind === 3 ? 4 : kind;
    if (extra > to - at) throw broken('snappy', 'a block ends within an offset');
    let offset = readLittle(bytes, at, extra);
    at += extra;
    if (kind === 1) {
      length = ((tag >> 2) & 7) + 4;
      offset += (tag >> 5) << 8;
    }
    if (offset === 0 || offset > written || length > end - written) throw broken('snappy', 'a copy reaches beyond its block');
    copyBack(output, written, offset, length);
    written += length;
  }
  if (written !== end) throw broken('snappy', 'a block is shorter than its length');
}

function readLittle(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i -= 1) value = value * 256 + bytes[at + i];
  return value;
}
