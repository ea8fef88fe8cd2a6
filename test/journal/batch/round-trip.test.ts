import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Random, SeededRandom } from '../../../src/base/random.js';
import { BatchView } from '../../../src/journal/batch/batch-view.js';
import { BatchWriter } from '../../../src/journal/batch/batch-writer.js';
import { AT, BATCH_HEAD_BYTES, CODEC } from '../../../src/journal/batch/layout.js';
import { BATCH_LIMITS, validateBatch } from '../../../src/journal/batch/validate.js';
import { seal } from './samples.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const BATCHES = 300;
const ROUND_LIMITS = { ...BATCH_LIMITS, batchBytesMax: 2 ** 24, walk: 'all' } as const;

interface Row {
  readonly offsetDelta: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Uint8Array | null;
}

function randomBytes(random: Random, lengthMax: number): Uint8Array {
  return Uint8Array.from({ length: random.below(lengthMax + 1) }, () => random.below(256));
}

/** Names and values of one byte, at most 60 headers: their count is one byte. */
function randomHeaders(random: Random): Uint8Array {
  const count = 1 + random.below(60);
  return Uint8Array.from([count * 2, ...Array.from({ length: count }, () => [2, 0x61 + random.below(26), 2, random.below(256)]).flat()]);
}

function randomRow(random: Random, offsetDelta: number, baseMs: number): Row {
  const lengthMax = random.below(10) === 0 ? 20_000 : 100;
  return {
    offsetDelta,
    timestamp: baseMs + random.below(2_000_000_000) - 1_000_000_000,
    key: random.below(3) === 0 ? null : randomBytes(random, 40),
    value: random.below(5) === 0 ? null : randomBytes(random, lengthMax),
    headers: random.below(3) === 0 ? randomHeaders(random) : null,
  };
}

function append(writer: BatchWriter, row: Row): void {
  const { offsetDelta, timestamp, key, value, headers } = row;
  writer.appendAt(
    offsetDelta,
    timestamp,
    key,
    0,
    key?.length ?? 0,
    value,
    0,
    value?.length ?? 0,
    headers,
    0,
    headers === null ? 0 : headers.length,
  );
}

function expectRow(view: BatchView, row: Row, baseOffset: number): void {
  const { recordsBytes, keyOffset, keyLength, valueOffset, valueLength, headersOffset, headersLength } = view;
  assert.equal(view.offset, baseOffset + row.offsetDelta);
  assert.equal(view.timestamp, row.timestamp);
  assert.deepEqual(keyLength < 0 ? null : new Uint8Array(recordsBytes.subarray(keyOffset, keyOffset + keyLength)), row.key);
  assert.deepEqual(valueLength < 0 ? null : new Uint8Array(recordsBytes.subarray(valueOffset, valueOffset + valueLength)), row.value);
  const headers = new Uint8Array(recordsBytes.subarray(headersOffset, headersOffset + headersLength));
  assert.deepEqual(headers, row.headers?.subarray(1) ?? new Uint8Array(0));
}

/** The batch with its records in gzip instead. */
function gzipped(batch: Uint8Array): Uint8Array {
  const records = gzipSync(batch.subarray(BATCH_HEAD_BYTES));
  const result = new Uint8Array(BATCH_HEAD_BYTES + records.length);
  result.set(batch.subarray(0, BATCH_HEAD_BYTES));
  result.set(records, BATCH_HEAD_BYTES);
  result[AT.attributes + 1] = CODEC.gzip;
  return seal(result);
}

test(`batch: what the writer wrote is what the view reads, plain and in gzip (FUZZ_SEED=${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const writer = new BatchWriter();
  const view = new BatchView();
  for (let i = 0; i < BATCHES; i += 1) {
    const baseOffset = random.below(2 ** 32) * 2 ** random.below(20);
    const baseMs = random.below(2 ** 32) * 500;
    const rows = Array.from({ length: 1 + random.below(random.below(10) === 0 ? 300 : 8) }, (_, index) => randomRow(random, index, baseMs));
    writer.begin(baseOffset, baseMs);
    for (const row of rows) append(writer, row);
    writer.finish();
    const plain = writer.bytes.slice(0, writer.length);
    for (const batch of [plain, gzipped(plain)]) {
      const latest = validateBatch(view, batch, 0, batch.length, ROUND_LIMITS);
      assert.equal(latest, Math.max(...rows.map(({ timestamp }) => timestamp)));
      assert.equal(view.maxTimestamp, latest);
      for (const row of rows) {
        assert.equal(view.next(), true);
        expectRow(view, row, baseOffset);
      }
      assert.equal(view.next(), false);
      const index = random.below(rows.length);
      assert.equal(view.seek(index), true);
      expectRow(view, rows[index], baseOffset);
    }
  }
});

test('batch: records that were compacted away leave gaps that the view skips', () => {
  const writer = new BatchWriter();
  writer.begin(100, 0);
  const rows = [3, 4, 9].map((offsetDelta) => ({ offsetDelta, timestamp: 0, key: Uint8Array.of(1), value: null, headers: null }));
  for (const row of rows) append(writer, row);
  writer.finish(20);
  const view = new BatchView();
  view.reset(writer.bytes, 0, writer.length);
  assert.equal(view.lastOffset, 120);
  assert.equal(view.seekOffset(104), true);
  assert.equal(view.seekOffset(103), true);
  assert.equal(view.seekOffset(105), false);
  assert.equal(view.seekOffset(109), true);
  assert.equal(view.seekOffset(110), false);
});

test('batch: one without records has an end that later batches begin behind', () => {
  const writer = new BatchWriter();
  writer.begin(7, 5000);
  writer.finish(2);
  const view = new BatchView();
  view.reset(writer.bytes, 0, writer.length);
  assert.deepEqual([view.next(), view.seekOffset(7), view.seek(0), view.lastOffset, view.maxTimestamp], [false, false, false, 9, 5000]);
  assert.equal(view.isIntact, true);
});
