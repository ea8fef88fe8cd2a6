import { assert } from '../base/assert.js';
import { NEED_MORE, type NeedMore } from './need-more.js';
import { VARINT_BYTES_MAX } from './varint.js';
import { WireViolation } from './violation.js';

/**
 * Reads bytes between two bounds. It never looks past `end`: a read that would throws WireViolation and does not move.
 * One reader may be used for many frames (`reset`). It keeps a view of the bytes, and copies nothing.
 *
 *   bytes: ......[position ---- remaining ---- end)......
 */
export class WireReader {
  bytes: Uint8Array;
  position: number; // Invariant: position <= end <= bytes.length.
  end: number;

  constructor(bytes: Uint8Array, position: number, end: number) {
    assert(position >= 0 && position <= end && end <= bytes.length, 'a reader stays within its bytes');
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  reset(bytes: Uint8Array, position: number, end: number): void {
    assert(position >= 0 && position <= end && end <= bytes.length, 'a reader stays within its bytes');
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  readU8(): number {
    const at = this.position;
    if (at >= this.end) throw short();
    this.position = at + 1;
    return this.bytes[at];
  }

  /** Big-endian, as everything here. */
  readU16(): number {
    const at = this.position;
    if (this.end - at < 2) throw short();
    this.position = at + 2;
    const bytes = this.bytes;
    return (bytes[at] << 8) | bytes[at + 1];
  }

  readU32(): number {
    const at = this.position;
    if (this.end - at < 4) throw short();
    this.position = at + 4;
    const bytes = this.bytes;
    return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  }

  readVarint(): number {
    const value = this.tryReadVarint();
    if (value === NEED_MORE) throw short();
    return value;
  }

  /** As `readVarint`, for bytes that may still be arriving. On NEED_MORE the reader has not moved. */
  tryReadVarint(): number | NeedMore {
    const bytes = this.bytes;
    const start = this.position;
    const end = this.end;
    let value = 0;
    for (let i = 0; i < VARINT_BYTES_MAX; i += 1) {
      if (start + i >= end) return NEED_MORE;
      const byte = bytes[start + i];
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw new WireViolation('a variable byte integer is longer than needed');
        this.position = start + i + 1;
        return value;
      }
    }
    throw new WireViolation('a variable byte integer has more than four bytes');
  }

  /** Moves over `length` bytes and returns where they began. */
  skip(length: number): number {
    const at = this.position;
    if (length > this.end - at) throw short();
    this.position = at + length;
    return at;
  }
}

function short(): WireViolation {
  return new WireViolation('the data ends within a field');
}
