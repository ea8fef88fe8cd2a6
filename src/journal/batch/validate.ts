import { BatchError } from './batch-error.js';
import { type BatchView, INFLATED_BYTES_MAX, verifyCrc } from './batch-view.js';
import { AT, ATTRIBUTE, BATCH_HEAD_BYTES, CODEC, LENGTH_EXCLUDES, MAGIC, RECORD_BYTES_MIN, readI16, readI32, readI64 } from './layout.js';

export interface BatchLimits {
  /** Of a batch as it came, head included. */
  readonly batchBytesMax: number;
  /** No record is younger: how far clocks may differ is added by who knows the time. */
  readonly timestampMsMax: number;
  /** Whose records are walked over: of no batch, of uncompressed ones, or of all. */
  readonly walk: 'none' | 'plain' | 'all';
  /** Compacted partitions: every record has a key. It takes the walk to tell, so all are walked over. */
  readonly needsKeys: boolean;
  /** The peer's version of the protocol knows zstd (Kafka: Produce 7). */
  readonly allowsZstd: boolean;
}

/** Kafka's own defaults, and no look at compressed records. */
export const BATCH_LIMITS: BatchLimits = {
  batchBytesMax: 1_048_588,
  timestampMsMax: Number.MAX_SAFE_INTEGER,
  walk: 'plain',
  needsKeys: false,
  allowsZstd: true,
};

/** What only the broker says of a batch, and what means nothing yet. */
const ATTRIBUTES_REFUSED = ~(ATTRIBUTE.codec | ATTRIBUTE.transactional);

/**
 * What a broker checks of the batch that a producer sent, which is `bytes` from `from` to before `to`: all there, one only, and good to
 * keep as it is. Base offset and leader epoch are not looked at: the broker sets them. Afterwards `view` is before the first record.
 * @returns the latest timestamp of its records: where they were walked over the true one, which some producers get wrong in the head.
 * @throws BatchError, whatever the bytes. In Kafka: CORRUPT_MESSAGE for `too-short`, `bad-length`, `bad-checksum`;
 * UNSUPPORTED_FOR_MESSAGE_FORMAT for `bad-magic`; MESSAGE_TOO_LARGE for `too-large`; UNSUPPORTED_COMPRESSION_TYPE for `bad-codec`;
 * INVALID_TIMESTAMP for `bad-timestamp`; INVALID_RECORD for the others.
 */
export function validateBatch(view: BatchView, bytes: Uint8Array, from: number, to: number, limits: BatchLimits = BATCH_LIMITS): number {
  checkFrame(bytes, from, to, limits);
  checkAttributes(readI16(bytes, from + AT.attributes), limits);
  checkCount(bytes, from, to);
  checkProducer(bytes, from);
  view.reset(bytes, from, to);
  const isWalked = limits.needsKeys || limits.walk === 'all' || (limits.walk === 'plain' && view.codec === CODEC.none);
  const maxTimestamp = isWalked ? walkRecords(view, limits) : Math.max(view.baseTimestamp, view.maxTimestamp);
  if (!isWalked) checkTimestamp(maxTimestamp, -1, limits);
  view.rewind();
  return maxTimestamp;
}

/** Cheap checks first; the checksum before anything that it covers is believed. */
function checkFrame(bytes: Uint8Array, from: number, to: number, limits: BatchLimits): void {
  // Messages of the versions before have their magic in the same place, and may be shorter than a head.
  if (from < 0 || to > bytes.length || to - from <= AT.magic) throw new BatchError('too-short', 'a record batch ends within its head');
  if (bytes[from + AT.magic] !== MAGIC) throw new BatchError('bad-magic', 'a record batch is not of version 2');
  if (to - from < BATCH_HEAD_BYTES) throw new BatchError('too-short', 'a record batch ends within its head');
  const length = readI32(bytes, from + AT.batchLength) + LENGTH_EXCLUDES;
  if (length < BATCH_HEAD_BYTES || length > to - from) throw new BatchError('bad-length', 'a record batch has another length than it says');
  if (length < to - from) throw new BatchError('many-batches', 'something follows the record batch, which must be the only one');
  if (length > limits.batchBytesMax) throw new BatchError('too-large', `a record batch is longer than ${limits.batchBytesMax} bytes`);
  if (!verifyCrc(bytes, from, to)) throw new BatchError('bad-checksum', 'a record batch has another checksum than it says');
}

function checkAttributes(attributes: number, limits: BatchLimits): void {
  const codec = attributes & ATTRIBUTE.codec;
  if (codec > CODEC.zstd) throw new BatchError('bad-codec', `records are compressed with codec ${codec}, which is not known`);
  if (codec === CODEC.zstd && !limits.allowsZstd) throw new BatchError('bad-codec', 'this version of the request does not allow zstd');
  if ((attributes & ATTRIBUTE.control) !== 0) throw new BatchError('bad-attributes', 'a producer sent a control batch');
  if ((attributes & ATTRIBUTE.logAppendTime) !== 0)
    throw new BatchError('bad-timestamp', 'a producer sent a record batch with the time of appending');
  if ((attributes & ATTRIBUTES_REFUSED) !== 0) throw new BatchError('bad-attributes', 'a record batch has attributes that are not known');
}

function checkCount(bytes: Uint8Array, from: number, to: number): void {
  const count = readI32(bytes, from + AT.recordCount);
  if (count <= 0) throw new BatchError('bad-count', 'a record batch has no records');
  if (readI32(bytes, from + AT.lastOffsetDelta) !== count - 1)
    throw new BatchError('bad-count', 'a record batch has another number of records than of offsets');
  const isPlain = (readI16(bytes, from + AT.attributes) & ATTRIBUTE.codec) === CODEC.none;
  if (count * RECORD_BYTES_MIN > (isPlain ? to - from - BATCH_HEAD_BYTES : INFLATED_BYTES_MAX))
    throw new BatchError('bad-count', 'a record batch has more records than fit');
}

function checkProducer(bytes: Uint8Array, from: number): void {
  const producerId = readI64(bytes, from + AT.producerId);
  if (producerId < 0) {
    // Then epoch and sequence mean nothing: kafkajs writes 0 there, others -1.
    if ((readI16(bytes, from + AT.attributes) & ATTRIBUTE.transactional) !== 0)
      throw new BatchError('bad-producer', 'a record batch is of a transaction and has no producer id');
    return;
  }
  if (!Number.isSafeInteger(producerId)) throw new BatchError('bad-producer', 'a record batch has a producer id that nobody was given');
  if (readI16(bytes, from + AT.producerEpoch) < 0 || readI32(bytes, from + AT.baseSequence) < 0)
    throw new BatchError('bad-producer', 'a record batch has a producer id without an epoch and a sequence');
}

function walkRecords(view: BatchView, limits: BatchLimits): number {
  let maxTimestamp = Number.NEGATIVE_INFINITY;
  while (view.next()) {
    view.checkHeaders();
    const { index: recordIndex, timestamp } = view;
    if (view.offsetDelta !== recordIndex) throw new BatchError('bad-record', 'a record is not at its offset', { recordIndex });
    if (limits.needsKeys && view.keyLength < 0)
      throw new BatchError('no-key', 'a record for a compacted partition has no key', { recordIndex });
    checkTimestamp(timestamp, recordIndex, limits);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
  }
  if (!view.isAtEnd) throw new BatchError('bad-record', 'something follows the last record');
  return maxTimestamp;
}

/** Before 1970 it may be: -1 means none, and some keep old papers. */
function checkTimestamp(timestampMs: number, recordIndex: number, limits: BatchLimits): void {
  if (timestampMs > limits.timestampMsMax)
    throw new BatchError('bad-timestamp', 'a timestamp is further in the future than allowed', { recordIndex });
  if (timestampMs < Number.MIN_SAFE_INTEGER)
    throw new BatchError('bad-timestamp', 'a timestamp is further in the past than can be told', { recordIndex });
}
