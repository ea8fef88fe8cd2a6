import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchView } from '../../../src/journal/batch/batch-view.js';
import { BatchWriter } from '../../../src/journal/batch/batch-writer.js';
import { AT, setBaseOffset } from '../../../src/journal/batch/layout.js';
import { BATCH_LIMITS, validateBatch } from '../../../src/journal/batch/validate.js';
import { BATCH_BY_HAND, BATCHES_BY_KAFKA_PYTHON, hex } from './samples.js';

const BASE_MS = 1_700_000_000_000;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

interface RecordRow {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  /** Their bytes, behind the count. */
  readonly headers: string;
  readonly headersCount: number;
}

function textOf(view: BatchView, offset: number, length: number): string | null {
  return length < 0 ? null : Buffer.from(view.recordsBytes.subarray(offset, offset + length)).toString();
}

function rowOf(view: BatchView): RecordRow {
  const { offset, timestamp, headersCount } = view;
  view.checkHeaders();
  const key = textOf(view, view.keyOffset, view.keyLength);
  const value = textOf(view, view.valueOffset, view.valueLength);
  const headers = Buffer.from(view.recordsBytes.subarray(view.headersOffset, view.headersOffset + view.headersLength)).toString('hex');
  return { offset, timestamp, key, value, headers, headersCount };
}

function rowsOf(view: BatchView): RecordRow[] {
  const rows: RecordRow[] = [];
  while (view.next()) rows.push(rowOf(view));
  assert(view.isAtEnd);
  return rows;
}

test('batch view: reads every field of a batch derived by hand', () => {
  const view = new BatchView();
  const around = new Uint8Array(BATCH_BY_HAND.length + 10).fill(0xff);
  around.set(BATCH_BY_HAND, 7);
  view.reset(around, 7, 7 + BATCH_BY_HAND.length);
  assert.equal(view.isIntact, true);
  assert.deepEqual([view.baseOffset, view.lastOffset, view.recordCount, view.byteLength], [1000, 1002, 3, 93]);
  assert.deepEqual([view.baseTimestamp, view.maxTimestamp], [BASE_MS, BASE_MS + 200]);
  assert.deepEqual([view.producerId, view.producerEpoch, view.baseSequence], [-1, -1, -1]);
  assert.deepEqual([view.codec, view.isControl, view.isTransactional], [0, false, false]);
  assert.deepEqual(rowsOf(view), [
    { offset: 1000, timestamp: BASE_MS, key: null, value: 'a', headers: '', headersCount: 0 },
    { offset: 1001, timestamp: BASE_MS - 3, key: 'k', value: null, headers: '0274040102026e01', headersCount: 2 },
    { offset: 1002, timestamp: BASE_MS + 200, key: '', value: '', headers: '', headersCount: 0 },
  ]);
});

test('batch writer: writes the very bytes of the batch derived by hand', () => {
  const writer = new BatchWriter();
  const headers = hex('ee 04 02 74 04 01 02 02 6e 01');
  writer.begin(1000, BASE_MS);
  writer.append(BASE_MS, null, 0, 0, Buffer.from('-a-'), 1, 1, null, 0, 0);
  writer.append(BASE_MS - 3, Buffer.from('--k'), 2, 1, null, 0, 0, headers, 1, headers.length - 1);
  writer.append(BASE_MS + 200, hex(''), 0, 0, hex(''), 0, 0, null, 0, 0);
  writer.finish();
  assert.equal(Buffer.from(writer.bytes.subarray(0, writer.length)).toString('hex'), Buffer.from(BATCH_BY_HAND).toString('hex'));
});

for (const [codec, name] of CODECS.entries()) {
  test(`batch view: reads what kafka-python wrote, codec ${name}`, () => {
    const batch = BATCHES_BY_KAFKA_PYTHON[codec];
    const view = new BatchView();
    const latest = validateBatch(view, batch, 0, batch.length, { ...BATCH_LIMITS, walk: 'all' });
    assert.equal(latest, BASE_MS + 5);
    assert.equal(view.codec, codec);
    const rows = [
      {
        offset: 0,
        timestamp: BASE_MS,
        key: 'k0',
        value: 'first value, first value, first value',
        headers: '0a7472616365040102086e6f6e6501',
        headersCount: 2,
      },
      { offset: 1, timestamp: BASE_MS + 5, key: null, value: 'second value, second value', headers: '', headersCount: 0 },
      { offset: 2, timestamp: BASE_MS - 3, key: 'k0', value: null, headers: '', headersCount: 0 },
    ];
    assert.deepEqual(rowsOf(view), rows);
    assert.equal(view.seekOffset(1), true, 'back again, without inflating anew');
    assert.deepEqual(rowOf(view), rows[1]);
  });
}

test('batch view: a new base offset moves all records and leaves the checksum right', () => {
  for (const sample of BATCHES_BY_KAFKA_PYTHON) {
    const batch = sample.slice();
    setBaseOffset(batch, 0, 2 ** 40 + 5);
    const view = new BatchView();
    view.reset(batch, 0, batch.length);
    assert.equal(view.isIntact, true);
    assert.deepEqual(
      rowsOf(view).map((row) => row.offset - 2 ** 40),
      [5, 6, 7],
    );
  }
});

test('batch view: with the time of appending all records have the latest timestamp', () => {
  const batch = BATCH_BY_HAND.slice();
  batch[AT.attributes + 1] = 0x08;
  const view = new BatchView();
  view.reset(batch, 0, batch.length);
  assert.deepEqual(
    rowsOf(view).map((row) => row.timestamp),
    [BASE_MS + 200, BASE_MS + 200, BASE_MS + 200],
  );
});

test('batch view: reads the marks of a batch of a transaction', () => {
  const batch = BATCH_BY_HAND.slice();
  batch[AT.attributes + 1] = 0x30;
  batch.set(hex('0000000000001234 0007 7ffffffe'), AT.producerId);
  const view = new BatchView();
  view.reset(batch, 0, batch.length);
  assert.deepEqual([view.isTransactional, view.isControl, view.isIntact], [true, true, false]);
  assert.deepEqual([view.producerId, view.producerEpoch, view.baseSequence], [0x1234, 7, 0x7fff_fffe]);
});
