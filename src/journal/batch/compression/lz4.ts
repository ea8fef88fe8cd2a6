import { broken, tooLarge } from './faults.js';
import { inflateLz4Block, lz4BlockLength } from './lz4-block.js';
import { xxhash32 } from './xxhash32.js';

/*
  LZ4 frames (lz4/lz4, doc/lz4_Frame_format.md), one after the other. Little-endian.

    frame   magic 0x184d2204 | FLG | BD | content size u64 if FLG 3 | dictionary id u32 if FLG 0 | head checksum u8
            (block length u32, top bit: stored as it is | block | block checksum u32 if FLG 4)* | 0 u32 | content checksum u32 if FLG 2
    FLG     7-6 version, 01 | 5 blocks are independent | 4 block checksums | 3 content size | 2 content checksum | 1 zero | 0 dictionary id
    BD      6-4 longest block, 4 to 7: 64 KiB, 256 KiB, 1 MiB, 4 MiB
    skipped magic 0x184d2a50 to 5f | length u32 | anything
*/

const MAGIC = 0x184d_2204;
const SKIPPED_MAGIC = 0x184d_2a50;
const STORED = 0x8000_0000;
const FLAG = { version: 0xc0, independent: 0x20, blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const;
const VERSION_1 = 0x40;
const NOTHING: Uint8Array = new Uint8Array(0);

/** @throws BatchError. */
export function inflateLz4(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const walk = new FrameWalk(bytes, bytesMax);
  walk.measure();
  return walk.inflate();
}

/** Goes over all frames twice: to check and measure them, and to inflate them into what was measured. */
class FrameWalk {
  readonly #bytes: Uint8Array;
  readonly #bytesMax: number;
  #output: Uint8Array = NOTHING;
  #isInflating = false;
  #at = 0;
  #written = 0;

  constructor(bytes: Uint8Array, bytesMax: number) {
    this.#bytes = bytes;
    this.#bytesMax = bytesMax;
  }

  measure(): void {
    this.#walk();
  }

  inflate(): Uint8Array {
    this.#output = new Uint8Array(this.#written);
    this.#isInflating = true;
    this.#at = 0;
    this.#written = 0;
    this.#walk();
    return this.#output;
  }

  #walk(): void {
    const { length } = this.#bytes;
    do {
      const magic = this.#readU32();
      if (magic === MAGIC) this.#walkFrame();
      else if ((magic & ~15) >>> 0 === SKIPPED_MAGIC) this.#skip(this.#readU32());
      else throw broken('lz4', 'no LZ4 frame');
    } while (this.#at < length);
  }

  #walkFrame(): void {
    const bytes = this.#bytes;
    const head = this.#at;
    this.#skip(2);
    const flags = bytes[head];
    const sizeCode = (bytes[head + 1] >> 4) & 7;
    if ((flags & FLAG.version) !== VERSION_1 || sizeCode < 4) throw broken('lz4', 'a frame of another version');
    if ((flags & FLAG.dictionary) !== 0) throw broken('lz4', 'a frame needs a dictionary');
    const isSized = (flags & FLAG.contentSize) !== 0;
    const size = isSized ? this.#readU32() + this.#readU32() * 2 ** 32 : 0;
    const sum = (xxhash32(bytes, head, this.#at) >>> 8) & 0xff;
    this.#skip(1);
    if (bytes[this.#at - 1] !== sum) throw broken('lz4', 'the head of a frame has another checksum');

    const blockBytesMax = 1 << (8 + 2 * sizeCode);
    const start = this.#written;
    for (let length = this.#readU32(); length !== 0; length = this.#readU32()) this.#walkBlock(length, flags, blockBytesMax, start);
    if (isSized && size !== this.#written - start) throw broken('lz4', 'a frame has another length than it says');
    if ((flags & FLAG.contentChecksum) === 0) return;
    const expected = this.#readU32();
    if (this.#isInflating && xxhash32(this.#output, start, this.#written) !== expected)
      throw broken('lz4', 'the content has another checksum');
  }

  #walkBlock(lengthField: number, flags: number, blockBytesMax: number, frameStart: number): void {
    const bytes = this.#bytes;
    const isStored = lengthField >= STORED;
    const from = this.#at;
    this.#skip(isStored ? lengthField - STORED : lengthField);
    const to = this.#at;
    if ((flags & FLAG.blockChecksum) !== 0) {
      const expected = this.#readU32();
      if (!this.#isInflating && xxhash32(bytes, from, to) !== expected) throw broken('lz4', 'a block has another checksum');
    }
    const inflated = isStored ? to - from : lz4BlockLength(bytes, from, to, blockBytesMax);
    if (inflated > blockBytesMax) throw broken('lz4', 'a block is longer than its frame allows');
    if (this.#written + inflated > this.#bytesMax) throw tooLarge('lz4', this.#bytesMax);
    if (this.#isInflating) {
      const floor = (flags & FLAG.independent) === 0 ? frameStart : this.#written;
      if (isStored) this.#output.set(bytes.subarray(from, to), this.#written);
      else inflateLz4Block(bytes, from, to, this.#output, this.#written, floor);
    }
    this.#written += inflated;
  }

  #readU32(): number {
    const at = this.#at;
    this.#skip(4);
    const bytes = this.#bytes;
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  }

  #skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) throw broken('lz4', 'the last frame is cut off');
  }
}
