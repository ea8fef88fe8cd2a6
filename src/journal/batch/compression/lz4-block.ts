import { copyBack, copyLiteral } from './copies.js';
import { broken } from './faults.js';

/*
  One block of LZ4 (lz4/lz4, doc/lz4_Block_format.md): sequences, of which the last ends behind its literals.

    sequence   token: literal length << 4 | match length - 4
               literal length 15: bytes that add to it follow, until one is not 255 | literals
               offset u16 little-endian, from 1 | match length 15 + 4: likewise
*/

const MATCH_BYTES_MIN = 4;
const IN_TOKEN_MAX = 15;

/**
 * Exact length that the block from `from` to before `to` inflates to, so that nothing is allocated on a mere promise.
 * Ends early, with some greater number, when that passes `bytesMax`. @throws BatchError.
 */
export function lz4BlockLength(bytes: Uint8Array, from: number, to: number, bytesMax: number): number {
  let at = from;
  let sum = 0;
  while (at < to && sum <= bytesMax) {
    const token = bytes[at];
    at += 1;
    let length = token >> 4;
    if (length === IN_TOKEN_MAX) {
      for (let more = 255; more === 255; at += 1) {
        if (at >= to) throw broken('lz4', 'a block ends within a length');
        more = bytes[at];
        length += more;
      }
    }
    if (length > to - at) throw broken('lz4', 'literals are longer than their block');
    sum += length;
    at += length;
    if (at === to) return sum;
    at += 2;
    length = (token & 15) + MATCH_BYTES_MIN;
    if (length === IN_TOKEN_MAX + MATCH_BYTES_MIN) {
      for (let more = 255; more === 255; at += 1) {
        if (at >= to) throw broken('lz4', 'a block ends within a length');
        more = bytes[at];
        length += more;
      }
    }
    sum += length;
  }
  if (sum > bytesMax) return sum;
  throw broken('lz4', 'a block ends with a match');
}

/**
 * Inflates a block that `lz4BlockLength` measured into `output`, from `start` on, where there is room for what it measured.
 * Matches reach back to `floor`. @throws BatchError.
 */
export function inflateLz4Block(bytes: Uint8Array, from: number, to: number, output: Uint8Array, start: number, floor: number): void {
  let at = from;
  let written = start;
  for (;;) {
    const token = bytes[at];
    at += 1;
    let length = token >> 4;
    if (length === IN_TOKEN_MAX) {
      for (let more = 255; more === 255; at += 1) {
        more = bytes[at];
        length += more;
      }
    }
    copyLiteral(bytes, at, output, written, length);
    at += length;
    written += length;
    if (at >= to) return;
    const offset = bytes[at] | (bytes[at + 1] << 8);
    at += 2;
    length = (token & 15) + MATCH_BYTES_MIN;
    if (length === IN_TOKEN_MAX + MATCH_BYTES_MIN) {
      for (let more = 255; more === 255; at += 1) {
        more = bytes[at];
        length += more;
      }
    }
    if (offset === 0 || offset > written - floor) throw broken('lz4', 'a match reaches before what was written');
    copyBack(output, written, offset, length);
    written += length;
  }
}
