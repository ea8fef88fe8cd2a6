/*
  Record batch, version 2 ("magic"), as Kafka defines it (KIP-98; clients/…/record/DefaultRecordBatch). Numbers are big-endian.

    0   base offset i64              of the first record
    8   batch length i32             of what follows this field
    12  partition leader epoch i32
    16  magic i8                     2
    17  crc u32                      CRC-32C from `attributes` to the end
    21  attributes i16               0-2 codec | 3 timestamp type | 4 transactional | 5 control | 6 has a delete horizon
    23  last offset delta i32        offset of the last record, counted from the base offset
    27  base timestamp i64           of the first record, in milliseconds since the epoch
    35  max timestamp i64
    43  producer id i64              -1: none
    51  producer epoch i16
    53  base sequence i32
    57  record count i32
    61  records                      compressed as one, if there is a codec

  A record (DefaultRecord). Integers are zig-zag varints; a length of -1 means null:

    length | attributes i8 | timestamp delta | offset delta | key length | key | value length | value | header count | header*
    header => key length | key | value length | value
*/
export const BATCH_HEAD_BYTES = 61;
export const MAGIC = 2;
/** What `batch length` does not count. */
export const LENGTH_EXCLUDES = 12;

export const AT = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

export const ATTRIBUTE = { codec: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20, deleteHorizon: 0x40 } as const;
/** A record without key, value and headers: one byte for each of its integers. */
export const RECORD_BYTES_MIN = 7;
export const CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

const TWO_TO_32 = 2 ** 32;

export function readI16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) >> 16) | bytes[at + 1];
}

export function readI32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** Exact between -2^53 and 2^53. */
export function readI64(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at) * TWO_TO_32 + (readI32(bytes, at + 4) >>> 0);
}

export function writeI16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function writeI32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

export function writeI64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_TO_32);
  writeI32(bytes, at, high);
  writeI32(bytes, at + 4, value - high * TWO_TO_32);
}

/** The batch is stored with this offset. Its checksum does not cover it. */
export function setBaseOffset(bytes: Uint8Array, from: number, baseOffset: number): void {
  writeI64(bytes, from + AT.baseOffset, baseOffset);
}
