import { assert } from '../base/assert.js';
import { VARINT_MAX } from './varint.js';

/**
 * Writes into bytes of known size. Whoever writes knows the length beforehand, because length prefixes come first; so a write past the
 * end is our bug, not the peer's.
 */
export class WireWriter {
  readonly bytes: Uint8Array;
  position: number; // Invariant: position <= bytes.length.

  constructor(bytes: Uint8Array, position = 0) {
    assert(position >= 0 && position <= bytes.length, 'a writer starts within its bytes');
    this.bytes = bytes;
    this.position = position;
  }

  writeU8(value: number): void {
    const at = this.#take(1);
    this.bytes[at] = value;
  }

  /** Big-endian, as everything here. */
  writeU16(value: number): void {
    assert(value >= 0 && value <= 0xffff, 'a u16 fits 16 bits');
    const at = this.#take(2);
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  writeU32(value: number): void {
    assert(value >= 0 && value <= 0xffff_ffff, 'a u32 fits 32 bits');
    const at = this.#take(4);
    this.bytes[at] = value >>> 24;
    this.bytes[at + 1] = value >>> 16;
    this.bytes[at + 2] = value >>> 8;
    this.bytes[at + 3] = value;
  }

  writeVarint(value: number): void {
    assert(value >= 0 && value <= VARINT_MAX, 'a variable byte integer fits 28 bits');
    let rest = value;
    while (rest >= 0x80) {
      this.writeU8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.writeU8(rest);
  }

  /** `length` bytes of `source` from `offset`. Makes no view. */
  writeBytes(source: Uint8Array, offset: number, length: number): void {
    assert(offset >= 0 && length >= 0 && offset + length <= source.length, 'the source has the bytes');
    const at = this.#take(length);
    const target = this.bytes;
    // A loop beats `subarray` plus `set` for the short runs that headers and properties are.
    if (length <= 64) for (let i = 0; i < length; i += 1) target[at + i] = source[offset + i];
    else target.set(source.subarray(offset, offset + length), at);
  }

  #take(length: number): number {
    const at = this.position;
    assert(at + length <= this.bytes.length, 'a writer stays within its bytes');
    this.position = at + length;
    return at;
  }
}
