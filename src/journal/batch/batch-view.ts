import { BatchError } from './batch-error.js';
import { checksum } from './checksum.js';
import { inflateRecords } from './inflate.js';
import { AT, ATTRIBUTE, BATCH_HEAD_BYTES, CODEC, LENGTH_EXCLUDES, MAGIC, readI16, readI32, readI64 } from './layout.js';

/** Of one batch, when it is inflated. */
export const INFLATED_BYTES_MAX: number = 64 * 1024 * 1024;

/** A header without name and value: their lengths. */
const HEADER_BYTES_MIN = 2;
/** Bytes of a varint, at most. Kafka's own clients fail at a longer one, whatever its value. */
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Reads one record batch after the other: `reset`, then `next` from record to record. Compressed records are inflated at the first `next`.
 * One view serves many batches; nothing is allocated per record.
 */
export class BatchView {
  baseOffset = 0;
  lastOffsetDelta = 0;
  recordCount = 0;
  attributes = 0;
  baseTimestamp = 0;
  maxTimestamp = 0;
  /** Of the batch, head included. */
  byteLength = 0;
  /** Offsets below refer to it: the batch itself, or its records inflated. */
  recordsBytes: Uint8Array = NOTHING;
  /** Of the record that `next` came to; -1 before the first. */
  index = -1;
  /** Counted from `baseOffset`. */
  offsetDelta = 0;
  offset = 0;
  timestamp = 0;
  keyOffset = 0;
  /** -1: none. */
  keyLength = -1;
  valueOffset = 0;
  /** -1: none, a tombstone. */
  valueLength = -1;
  /** Where the count of headers stands. */
  headersAt = 0;
  /** Of the first header, behind the count. */
  headersOffset = 0;
  headersCount = 0;
  /** Of all headers, behind the count. */
  headersLength = 0;
  #bytes: Uint8Array = NOTHING;
  #from = 0;
  #to = 0;
  #isInflated = false;
  /** Where records begin, where the next one does, and where they end. */
  #first = 0;
  #next = 0;
  #end = 0;
  readonly #inflatedBytesMax: number;

  constructor(inflatedBytesMax: number = INFLATED_BYTES_MAX) {
    this.#inflatedBytesMax = inflatedBytesMax;
  }

  /** The batch that is exactly `bytes` from `from` to before `to`, and stays unchanged while it is read. @throws BatchError. */
  reset(bytes: Uint8Array, from: number, to: number): void {
    if (from < 0 || to > bytes.length || to - from < BATCH_HEAD_BYTES)
      throw new BatchError('too-short', 'a record batch ends within its head');
    if (readI32(bytes, from + AT.batchLength) !== to - from - LENGTH_EXCLUDES)
      throw new BatchError('bad-length', 'a record batch has another length than it says');
    if (bytes[from + AT.magic] !== MAGIC) throw new BatchError('bad-magic', 'a record batch is not of version 2');
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.byteLength = to - from;
    this.baseOffset = readI64(bytes, from + AT.baseOffset);
    this.lastOffsetDelta = readI32(bytes, from + AT.lastOffsetDelta);
    this.recordCount = readI32(bytes, from + AT.recordCount);
    this.attributes = readI16(bytes, from + AT.attributes);
    this.baseTimestamp = readI64(bytes, from + AT.baseTimestamp);
    this.maxTimestamp = readI64(bytes, from + AT.maxTimestamp);
    this.#isInflated = false;
    this.recordsBytes = bytes;
    this.#first = from + BATCH_HEAD_BYTES;
    this.#end = to;
    this.rewind();
  }

  /** Of the last record that was written: the next batch begins behind it, whether that record is still here or not. */
  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }

  get codec(): number {
    return this.attributes & ATTRIBUTE.codec;
  }

  get isControl(): boolean {
    return (this.attributes & ATTRIBUTE.control) !== 0;
  }

  get isTransactional(): boolean {
    return (this.attributes & ATTRIBUTE.transactional) !== 0;
  }

  get producerId(): number {
    return readI64(this.#bytes, this.#from + AT.producerId);
  }

  get producerEpoch(): number {
    return readI16(this.#bytes, this.#from + AT.producerEpoch);
  }

  get baseSequence(): number {
    return readI32(this.#bytes, this.#from + AT.baseSequence);
  }

  get isIntact(): boolean {
    return verifyCrc(this.#bytes, this.#from, this.#to);
  }

  rewind(): void {
    this.index = -1;
    this.#next = this.#first;
  }

  /** Comes to the next record. @returns false if there is none. @throws BatchError: go on with `reset` or `rewind`. */
  next(): boolean {
    if (this.index + 1 >= this.recordCount) return false;
    if (!this.#isInflated) this.#inflate();
    const length = this.#readInteger();
    const end = this.#next + length;
    if (length < 0 || end > this.#end) throw new BatchError('bad-record', 'a record ends after its batch');
    this.#next += 1; // Attributes: none are defined.
    const timestampDelta = this.#readInteger(VARLONG_BYTES_MAX);
    const isAppendTime = (this.attributes & ATTRIBUTE.logAppendTime) !== 0;
    this.timestamp = isAppendTime ? this.maxTimestamp : this.baseTimestamp + timestampDelta;
    this.offsetDelta = this.#readInteger();
    this.offset = this.baseOffset + this.offsetDelta;
    this.keyLength = this.#readInteger();
    this.keyOffset = this.#next;
    if (this.keyLength > 0) this.#next += this.keyLength;
    this.#checkWithin(end);
    this.valueLength = this.#readInteger();
    this.valueOffset = this.#next;
    if (this.valueLength > 0) this.#next += this.valueLength;
    this.#checkWithin(end);
    this.headersAt = this.#next;
    this.headersCount = this.#readInteger();
    this.headersOffset = this.#next;
    this.#checkWithin(end);
    if (this.headersCount < 0 || this.headersCount * HEADER_BYTES_MIN > end - this.#next)
      throw new BatchError('bad-record', 'a record has another number of headers than fit');
    if (this.keyLength < -1 || this.valueLength < -1) throw new BatchError('bad-record', 'a part of a record has less than no bytes');
    this.headersLength = end - this.#next;
    this.#next = end;
    this.index += 1;
    return true;
  }

  /** Comes to the record with this offset, forwards from where it is if it can. @returns false if there is none. @throws BatchError. */
  seekOffset(offset: number): boolean {
    if (this.index >= 0 && this.offset === offset) return true;
    if (this.index >= 0 && this.offset > offset) this.rewind();
    while (this.next()) {
      if (this.offset === offset) return true;
      if (this.offset > offset) return false;
    }
    return false;
  }

  /** Comes to the record number `index`, from 0; forwards from where it is if it can. @returns false if there is none. @throws BatchError. */
  seek(index: number): boolean {
    if (index < 0 || index >= this.recordCount) return false;
    if (index < this.index) this.rewind();
    while (this.index < index) if (!this.next()) return false;
    return true;
  }

  /** The headers of the record, walked over. @throws BatchError. */
  checkHeaders(): void {
    const saved = this.#next;
    const end = this.#next;
    this.#next = this.headersOffset;
    for (let i = 0; i < this.headersCount; i += 1) {
      const nameLength = this.#readInteger();
      if (nameLength < 0) throw new BatchError('bad-record', 'a header has no name');
      this.#next += nameLength;
      this.#checkWithin(end);
      const valueLength = this.#readInteger();
      if (valueLength < -1) throw new BatchError('bad-record', 'a header has less than no bytes');
      if (valueLength > 0) this.#next += valueLength;
      this.#checkWithin(end);
    }
    if (this.#next !== end) throw new BatchError('bad-record', 'a record is longer than its headers');
    this.#next = saved;
  }

  /** All records were read and nothing is left. */
  get isAtEnd(): boolean {
    return this.#next === this.#end;
  }

  #inflate(): void {
    if (this.codec !== CODEC.none) {
      this.recordsBytes = inflateRecords(this.codec, this.#bytes.subarray(this.#first, this.#to), this.#inflatedBytesMax);
      this.#first = 0;
      this.#next = 0;
      this.#end = this.recordsBytes.length;
    }
    this.#isInflated = true; // Not before: what failed fails again at the next try.
  }

  #checkWithin(end: number): void {
    if (this.#next > end) throw new BatchError('bad-record', 'a part of a record ends after it');
  }

  /** A zig-zag varint. */
  #readInteger(bytesMax: number = VARINT_BYTES_MAX): number {
    const bytes = this.recordsBytes;
    let at = this.#next;
    const first = at < this.#end ? bytes[at] : 0x80;
    if (first < 0x80) {
      this.#next = at + 1;
      return (first & 1) === 0 ? first >>> 1 : -((first + 1) >>> 1);
    }
    let value = 0;
    let scale = 1;
    for (let i = 0; i < bytesMax; i += 1) {
      if (at >= this.#end) throw new BatchError('bad-record', 'a record ends within an integer');
      const byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#next = at;
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      scale *= 0x80;
    }
    throw new BatchError('bad-record', 'an integer is longer than allowed');
  }
}

/** True if the checksum of the batch from `from` to before `to` is right. */
export function verifyCrc(bytes: Uint8Array, from: number, to: number): boolean {
  return readI32(bytes, from + AT.crc) >>> 0 === checksum(bytes, from + AT.attributes, to);
}
