import { BatchView } from '../batch/batch-view.js';
import { BatchWriter } from '../batch/batch-writer.js';
import { CODEC } from '../batch/layout.js';
import { BLOCK } from '../keeper.js';
import { partitionKeyOf } from '../partition-key.js';
import type { Offset, PartitionKey } from '../ports.js';
import {
  BLOCK_HEAD_BYTES,
  commitOf,
  ENTRY_HEAD_BYTES,
  firstSequenceOf,
  forEachBlock,
  RECORDS_HEAD_BYTES,
  readU32,
  sealEntry,
  spanOf,
  writeU32,
} from './entry.js';
import type { LatestKeys } from './latest-keys.js';

/** A batch of an entry that was written again. */
export interface KeptBatch {
  readonly key: PartitionKey;
  readonly baseOffset: Offset;
  readonly end: Offset;
  readonly maxTimestamp: number;
  readonly records: number;
  readonly bytes: number;
}

/** What decides over the batches of an entry. */
export interface Sieve {
  /** Records below are gone; infinite if the partition is. */
  logStartOf(key: PartitionKey): Offset;
  /** The end of the partition: the batch that ends there stays as it is, for the next offset is known by it. */
  highWatermarkOf(key: PartitionKey): Offset;
  readonly latest: LatestKeys;
  readonly nowMs: number;
}

const view = new BatchView();
const writer = new BatchWriter();

/*
  An entry once more, with what is left of its records. Index, sequences and offsets are those it had; blocks of indexes are in the footers of
  the segment, blocks of tables in their checkpoints.
*/

/** @returns the entry; null if nothing of it is left. @param keep is told of each batch that stays. */
export function rewriteEntry(
  bytes: Uint8Array,
  group: number,
  index: number,
  sieve: Sieve,
  keep: (batch: KeptBatch) => void,
): Uint8Array | null {
  const fresh = new Uint8Array(bytes.length);
  let length = ENTRY_HEAD_BYTES;
  forEachBlock(bytes, (kind, from, to) => {
    if (kind !== BLOCK.records) return;
    const key = partitionKeyOf(readU32(bytes, from), readU32(bytes, from + 4));
    const batchFrom = from + RECORDS_HEAD_BYTES;
    view.reset(bytes, batchFrom, to);
    const end = view.lastOffset + 1;
    if (end <= sieve.logStartOf(key)) return;
    const { baseOffset, maxTimestamp } = view;
    const batch = siftBatch(key, end, sieve) ?? bytes.subarray(batchFrom, to);
    if (batch.length === 0) return;
    fresh[length] = BLOCK.records;
    writeU32(fresh, length + 1, RECORDS_HEAD_BYTES + batch.length);
    fresh.set(bytes.subarray(from, batchFrom), length + BLOCK_HEAD_BYTES);
    fresh.set(batch, length + BLOCK_HEAD_BYTES + RECORDS_HEAD_BYTES);
    length += BLOCK_HEAD_BYTES + RECORDS_HEAD_BYTES + batch.length;
    view.reset(batch, 0, batch.length);
    keep({ key, baseOffset, end, maxTimestamp, records: view.recordCount, bytes: batch.length });
  });
  if (length === ENTRY_HEAD_BYTES) return null;
  const head = { place: { segment: 0, group, index }, commit: commitOf(bytes), firstSequence: firstSequenceOf(bytes), span: spanOf(bytes) };
  sealEntry(fresh, length, { ...head, isRewritten: true });
  return fresh.subarray(0, length);
}

const NOTHING = new Uint8Array(0);

/**
 * @returns the batch in `view` with the records that stay, empty if there are none; null if it stays as it is. So do transactions, and what is
 * compressed: it would become longer.
 */
function siftBatch(key: PartitionKey, end: Offset, sieve: Sieve): Uint8Array | null {
  const { latest, nowMs } = sieve;
  const isWhole = view.isControl || view.isTransactional || view.codec !== CODEC.none;
  if (!latest.has(key) || isWhole || end >= sieve.highWatermarkOf(key)) return null;
  const { baseOffset, baseTimestamp, recordCount, lastOffsetDelta } = view;
  writer.begin(baseOffset, baseTimestamp);
  while (view.next()) {
    if (!latest.wants(key, view, nowMs)) continue;
    const { recordsBytes: from, offsetDelta, timestamp, keyOffset, keyLength, valueOffset, valueLength } = view;
    const recordKey = keyLength < 0 ? null : from;
    const value = valueLength < 0 ? null : from;
    const { headersAt, headersOffset, headersLength } = view;
    const headers = headersOffset + headersLength - headersAt; // With their count.
    writer.appendAt(offsetDelta, timestamp, recordKey, keyOffset, keyLength, value, valueOffset, valueLength, from, headersAt, headers);
  }
  if (writer.count === recordCount) return null;
  if (writer.count === 0) return NOTHING;
  writer.finish(lastOffsetDelta);
  return writer.bytes.slice(0, writer.length);
}
