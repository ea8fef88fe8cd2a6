import { ZSTDDecoder } from 'zstddec';
import { broken, tooLarge } from './faults.js';

/*
  Zstandard (RFC 8878). The decoder is zstd's own, as WebAssembly: Node has none before 22.15. It takes a promised length at its word and
  does not tell why it failed, so the frames are walked over first: that gives the length, or a bound for it. Its memory grows with the
  longest records of its thread and stays.

    frame    magic 0xfd2fb528 | descriptor u8 | window u8 unless single segment | dictionary id 0, 1, 2, 4 | content size 0, 1, 2, 4, 8
             (block head u24: last 1, type 2, size 21 | block)* | checksum u32 if descriptor 2           little-endian
    block    type 0: size bytes as they are    1: one byte, size times    2: size bytes that inflate to at most 128 KiB    3: reserved
    skipped  magic 0x184d2a50 to 5f | length u32 | anything
*/

const MAGIC = 0xfd2f_b528;
const SKIPPED_MAGIC = 0x184d_2a50;
const BLOCK_BYTES_MAX = 128 * 1024;
const DICTIONARY_ID_BYTES: readonly number[] = [0, 1, 2, 4];

/** Of input and of output. Both fit in the decoder's memory, which it does not check. */
const DECODER_BYTES_MAX = 512 * 1024 * 1024;

const decoder = await startDecoder(); // Who imports this module waits for it, 3 ms: inflating needs no promise, and nobody comes too early.

/** @throws BatchError. */
export function inflateZstd(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const lengthMax = Math.min(bytesMax, DECODER_BYTES_MAX);
  const bound = new LengthWalk(bytes).lengthMax();
  if ((bound.isExact && bound.length > lengthMax) || bytes.length > DECODER_BYTES_MAX) throw tooLarge('zstd', lengthMax);
  if (bound.length === 0) return new Uint8Array(0);
  const inflated = decode(bytes, Math.min(bound.length, lengthMax));
  if (inflated.length > 0) return inflated;
  if (bound.length > lengthMax) throw tooLarge('zstd', lengthMax); // It may be broken too; the decoder does not tell.
  throw broken('zstd', 'a frame cannot be inflated');
}

/** Left to find `fetch`, the decoder would load itself with it: 40 ms and 10 MB more for each thread, on Node 20.20. */
function startDecoder(): Promise<ZSTDDecoder> {
  const zstd = new ZSTDDecoder();
  const { fetch } = globalThis;
  Reflect.set(globalThis, 'fetch', undefined);
  try {
    return zstd.init().then(() => zstd);
  } finally {
    Reflect.set(globalThis, 'fetch', fetch);
  }
}

/** @returns no bytes if it fails. */
function decode(bytes: Uint8Array, length: number): Uint8Array {
  try {
    return decoder.decode(bytes, length);
  } catch (cause) {
    throw broken('zstd', 'the decoder failed', cause);
  }
}

interface Bound {
  readonly length: number;
  readonly isExact: boolean;
}

class LengthWalk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #length = 0;
  #isExact = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  lengthMax(): Bound {
    do {
      const magic = this.#readLittle(4);
      if (magic === MAGIC) this.#walkFrame();
      else if (magic - (magic % 16) === SKIPPED_MAGIC) this.#skip(this.#readLittle(4));
      else throw broken('zstd', 'no zstd frame');
    } while (this.#at < this.#bytes.length);
    return { length: this.#length, isExact: this.#isExact };
  }

  #walkFrame(): void {
    const descriptor = this.#readLittle(1);
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const sizeCode = descriptor >> 6;
    if (!isSingleSegment) this.#skip(1);
    this.#skip(DICTIONARY_ID_BYTES[descriptor & 3]);
    const sizeBytes = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeCode;
    const promised = this.#readLittle(sizeBytes) + (sizeCode === 1 ? 256 : 0);
    const most = this.#walkBlocks();
    if ((descriptor & 4) !== 0) this.#skip(4);
    if (sizeBytes > 0 && promised > most.length) throw broken('zstd', 'a frame is too short for its length');
    this.#length += sizeBytes > 0 ? promised : most.length;
    if (sizeBytes === 0 && !most.isExact) this.#isExact = false;
  }

  #walkBlocks(): Bound {
    let length = 0;
    let isExact = true;
    for (let isLast = false; !isLast; ) {
      const head = this.#readLittle(3);
      const type = (head >> 1) & 3;
      const size = head >> 3;
      isLast = (head & 1) !== 0;
      if (type === 3 || size > BLOCK_BYTES_MAX) throw broken('zstd', 'a block of no known kind');
      this.#skip(type === 1 ? 1 : size);
      length += type === 2 ? BLOCK_BYTES_MAX : size;
      if (type === 2) isExact = false;
    }
    return { length, isExact };
  }

  #readLittle(count: number): number {
    const at = this.#at;
    this.#skip(count);
    let value = 0;
    for (let i = count - 1; i >= 0; i -= 1) value = value * 256 + this.#bytes[at + i];
    return value;
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw broken('zstd', 'the last frame is cut off');
  }
}
