import { checksum } from './checksum.js';
import { AT, BATCH_HEAD_BYTES, LENGTH_EXCLUDES, MAGIC, writeI16, writeI32, writeI64 } from './layout.js';

const BYTES_FIRST = 1024;
/** Of a record beside key, value and headers: eight integers at their longest. */
const RECORD_HEAD_BYTES_MAX = 48;
/** Shorter parts are copied byte by byte: a call costs more. */
const COPY_BYTES_MIN = 32;

/**
 * Writes one record batch after the other, without compression, into memory that it keeps. No object is made per record.
 * `begin`, then `append` for each record, then `finish`: the batch is `bytes` from 0 to `length`.
 */
export class BatchWriter {
  bytes: Uint8Array = new Uint8Array(BYTES_FIRST);
  length: number = BATCH_HEAD_BYTES;
  count = 0;
  #baseOffset = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  #lastOffsetDelta = 0;

  begin(baseOffset: number, baseTimestampMs: number): void {
    this.length = BATCH_HEAD_BYTES;
    this.count = 0;
    this.#baseOffset = baseOffset;
    this.#baseTimestamp = baseTimestampMs;
    this.#maxTimestamp = Number.NEGATIVE_INFINITY;
    this.#lastOffsetDelta = -1;
  }

  /**
   * One record, with the next offset.
   * @param key null: none. @param value null: none, a tombstone.
   * @param headers encoded as in a record, with their count in front; null: none.
   */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array | null,
    valueOffset: number,
    valueLength: number,
    headers: Uint8Array | null,
    headersOffset: number,
    headersLength: number,
  ): void {
    this.appendAt(
      this.#lastOffsetDelta + 1,
      timestampMs,
      key,
      keyOffset,
      keyLength,
      value,
      valueOffset,
      valueLength,
      headers,
      headersOffset,
      headersLength,
    );
  }

  /** Likewise, with an offset further on: where records between were compacted away. */
  appendAt(
    offsetDelta: number,
    timestampMs: number,
    key: Uint8Array | null,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array | null,
    valueOffset: number,
    valueLength: number,
    headers: Uint8Array | null,
    headersOffset: number,
    headersLength: number,
  ): void {
    const timestampDelta = timestampMs - this.#baseTimestamp;
    const body =
      1 +
      zigzagLength(timestampDelta) +
      zigzagLength(offsetDelta) +
      (key === null ? 1 : zigzagLength(keyLength) + keyLength) +
      (value === null ? 1 : zigzagLength(valueLength) + valueLength) +
      (headers === null ? 1 : headersLength);
    const end = this.length + RECORD_HEAD_BYTES_MAX + body;
    if (end > this.bytes.length) this.#grow(end);
    const { bytes } = this;
    let at = writeZigzag(bytes, this.length, body);
    bytes[at] = 0;
    at = writeZigzag(bytes, at + 1, timestampDelta);
    at = writeZigzag(bytes, at, offsetDelta);
    at = key === null ? writeNull(bytes, at) : writePart(bytes, at, key, keyOffset, keyLength);
    at = value === null ? writeNull(bytes, at) : writePart(bytes, at, value, valueOffset, valueLength);
    if (headers === null) {
      bytes[at] = 0;
      at += 1;
    } else at = copy(bytes, at, headers, headersOffset, headersLength);
    this.length = at;
    this.count += 1;
    this.#lastOffsetDelta = offsetDelta;
    if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs;
  }

  /** Fills the head in. @param lastOffsetDelta of the batch, where it ended with records that are gone. */
  finish(lastOffsetDelta: number = this.#lastOffsetDelta): void {
    const { bytes, length } = this;
    writeI64(bytes, AT.baseOffset, this.#baseOffset);
    writeI32(bytes, AT.batchLength, length - LENGTH_EXCLUDES);
    writeI32(bytes, AT.leaderEpoch, 0);
    bytes[AT.magic] = MAGIC;
    writeI16(bytes, AT.attributes, 0);
    writeI32(bytes, AT.lastOffsetDelta, lastOffsetDelta);
    writeI64(bytes, AT.baseTimestamp, this.#baseTimestamp);
    writeI64(bytes, AT.maxTimestamp, this.count === 0 ? this.#baseTimestamp : this.#maxTimestamp);
    writeI64(bytes, AT.producerId, -1);
    writeI16(bytes, AT.producerEpoch, -1);
    writeI32(bytes, AT.baseSequence, -1);
    writeI32(bytes, AT.recordCount, this.count);
    writeI32(bytes, AT.crc, checksum(bytes, AT.attributes, length));
  }

  #grow(least: number): void {
    let size = this.bytes.length * 2;
    while (size < least) size *= 2;
    const grown = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** Bytes of a zig-zag varint. */
function zigzagLength(value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  let length = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80);
    length += 1;
  }
  return length;
}

/** @returns where the next byte goes. */
function writeZigzag(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  while (rest >= 0x4000_0000) {
    bytes[next] = (rest % 0x80) | 0x80;
    next += 1;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    bytes[next] = (rest & 0x7f) | 0x80;
    next += 1;
    rest >>>= 7;
  }
  bytes[next] = rest;
  return next + 1;
}

function writeNull(bytes: Uint8Array, at: number): number {
  bytes[at] = 1; // -1
  return at + 1;
}

function writePart(bytes: Uint8Array, at: number, part: Uint8Array, offset: number, length: number): number {
  return copy(bytes, writeZigzag(bytes, at, length), part, offset, length);
}

function copy(bytes: Uint8Array, at: number, part: Uint8Array, offset: number, length: number): number {
  if (length < COPY_BYTES_MIN) for (let i = 0; i < length; i += 1) bytes[at + i] = part[offset + i];
  else bytes.set(part.subarray(offset, offset + length), at);
  return at + length;
}
