import { isUtf8 } from 'node:buffer';
import { BatchError } from '../journal/batch/batch-error.js';
import type { BatchView } from '../journal/batch/batch-view.js';
import type { Partition } from '../journal/log/partition.js';
import { partitionKeyOf } from '../journal/partition-key.js';
import type { Offset, StreamId } from '../journal/ports.js';
import type { ShardJournal } from '../journal/shard-journal.js';
import { StoreError } from '../storage/ports.js';
import { WireViolation } from '../wire/violation.js';
import type { FieldText, PageRecord, PartitionPage, PartitionPlace } from './questions.js';

/* Records of the log as operators read them: in pages, so that no turn and no answer is long. */

const ESCAPES_MAX = 256;
/** What a record takes in JSON beside its key, value and headers. */
const RECORD_BYTES = 100;

/** Pages of those partitions that are of this shard, until about `bytesMax` are read; the first record comes in any case. */
export async function readPages(
  journal: ShardJournal,
  stream: StreamId,
  places: readonly PartitionPlace[],
  bytesMax: number,
): Promise<PartitionPage[]> {
  const pages: PartitionPage[] = [];
  let rest = bytesMax;
  for (const [number, offset] of places) {
    const partition = journal.find(partitionKeyOf(stream, number));
    if (partition === undefined) {
      pages.push({ partition: number, status: 'ok', start: 0, end: 0, next: offset, records: [] });
      continue;
    }
    const page = new Page(number, partition, offset);
    if (rest > 0) rest -= await page.read(rest);
    pages.push(page.content);
  }
  return pages;
}

class Page {
  readonly #number: number;
  readonly #partition: Partition;
  readonly #records: PageRecord[] = [];
  #next: Offset;
  #status: PartitionPage['status'] = 'ok';

  constructor(number: number, partition: Partition, offset: Offset) {
    this.#number = number;
    this.#partition = partition;
    this.#next = offset;
  }

  get content(): PartitionPage {
    const { logStart: start, highWatermark: end } = this.#partition;
    return { partition: this.#number, status: this.#status, start, end, next: this.#next, records: this.#records };
  }

  /** @returns about how many bytes it took. */
  async read(bytesMax: number): Promise<number> {
    const partition = this.#partition;
    let rest = bytesMax;
    try {
      await partition.prefetch(this.#next, bytesMax);
      let hasMore = false;
      this.#status = partition.read(this.#next, bytesMax, (batch) => {
        hasMore = true;
        rest -= this.#take(batch, rest);
        return rest > 0;
      });
      // Records at the end may be gone, although their offsets were given.
      if (this.#status === 'ok' && !hasMore) this.#next = Math.max(this.#next, partition.highWatermark);
    } catch (error) {
      if (!isOfTheDisk(error)) throw error;
      this.#status = 'corrupt';
    }
    if (this.#status === 'corrupt') this.#next = behindFault(partition, this.#next);
    else if (this.#status === 'out-of-range') this.#next = partition.logStart;
    return bytesMax - rest;
  }

  #take(batch: BatchView, bytesMax: number): number {
    let taken = 0;
    while (taken < bytesMax && batch.next()) {
      if (batch.offset < this.#next) continue;
      this.#next = batch.offset + 1;
      if (batch.isControl) continue;
      const record = recordOf(batch);
      taken += record.bytes;
      this.#records.push(record.content);
    }
    if (taken < bytesMax) this.#next = Math.max(this.#next, batch.lastOffset + 1);
    return taken;
  }
}

export function isOfTheDisk(error: unknown): error is StoreError | BatchError | WireViolation {
  return error instanceof StoreError || error instanceof BatchError || error instanceof WireViolation;
}

/** What can be read again behind a batch, or a segment, that cannot. */
function behindFault(partition: Partition, offset: Offset): Offset {
  for (const { segment, first, end } of partition.sealed) {
    if (end <= offset) continue;
    let behind = end;
    try {
      partition.group.sealedRows(segment, partition.key, Math.max(offset, first), (_base, batchEnd) => {
        behind = batchEnd;
        return false;
      });
    } catch (error) {
      if (!isOfTheDisk(error)) throw error;
    }
    return Math.max(behind, offset + 1);
  }
  for (const rows of partition.unsealed) {
    const row = rows.rowAfter(offset);
    if (row < rows.length) return Math.max(rows.ends[row], offset + 1);
  }
  return partition.highWatermark;
}

function recordOf(batch: BatchView): { readonly content: PageRecord; readonly bytes: number } {
  const bytes = batch.recordsBytes;
  const headers: { name: string; value: FieldText }[] = [];
  let at = batch.headersOffset;
  const readLength = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (at >= bytes.length) throw new BatchError('bad-record', 'a header ends after its record');
      const byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -1;
      scale *= 128;
    }
  };
  const readField = (): FieldText => {
    const length = readLength();
    const field = fieldText(bytes, at, length);
    at += Math.max(0, length);
    return field;
  };
  for (let i = 0; i < batch.headersCount; i += 1) {
    const name = readField();
    headers.push({ name: typeof name === 'string' ? name : (name?.base64 ?? ''), value: readField() });
  }
  const { offset, timestamp: timestampMs, keyOffset, keyLength, valueOffset, valueLength } = batch;
  const key = fieldText(bytes, keyOffset, keyLength);
  const value = fieldText(bytes, valueOffset, valueLength);
  const length = RECORD_BYTES + lengthOf(key) + lengthOf(value) + (at - batch.headersOffset) * 2;
  return { content: { offset, timestampMs, key, value, headers }, bytes: length };
}

function lengthOf(field: FieldText): number {
  if (field === null) return 0;
  return typeof field === 'string' ? field.length : field.base64.length;
}

/** JSON writes a control character with six: where there are many, UTF-8 is base64 too, so that an answer is not much longer than the record. */
function fieldText(bytes: Uint8Array, from: number, length: number): FieldText {
  if (length < 0) return null;
  if (from + length > bytes.length) throw new BatchError('bad-record', 'a part of a record ends after it');
  const field = bytes.subarray(from, from + length);
  const buffer = Buffer.from(field.buffer, field.byteOffset, field.length);
  if (!isUtf8(field)) return { base64: buffer.toString('base64') };
  let more = 0;
  for (const byte of field) if (byte < 0x20) more += 5;
  return more <= ESCAPES_MAX + length / 3 ? buffer.toString('utf8') : { base64: buffer.toString('base64') };
}
