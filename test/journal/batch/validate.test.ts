import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchError, type BatchFault } from '../../../src/journal/batch/batch-error.js';
import { BatchView } from '../../../src/journal/batch/batch-view.js';
import { AT, BATCH_HEAD_BYTES, writeI64 } from '../../../src/journal/batch/layout.js';
import { BATCH_LIMITS, type BatchLimits, validateBatch } from '../../../src/journal/batch/validate.js';
import { BATCH_BY_HAND, BATCHES_BY_KAFKA_PYTHON, hex, seal } from './samples.js';

const BASE_MS = 1_700_000_000_000;
const view = new BatchView();

function validate(batch: Uint8Array, limits: Partial<BatchLimits> = {}): number {
  return validateBatch(view, batch, 0, batch.length, { ...BATCH_LIMITS, ...limits });
}

function expectFault(fault: BatchFault, batch: Uint8Array, limits: Partial<BatchLimits> = {}, recordIndex = -1): void {
  try {
    validate(batch, limits);
  } catch (error) {
    if (!(error instanceof BatchError)) throw error;
    assert.deepEqual([error.fault, error.recordIndex], [fault, recordIndex], error.message);
    assert.match(error.message, /^(?:a|an|something|this|records|compressed records) [^.]{10,}$/);
    return;
  }
  assert.fail(`not refused, though ${fault}`);
}

/** The batch by hand with some bytes changed, and its checksum right. */
function changed(at: number, bytes: string): Uint8Array {
  const batch = BATCH_BY_HAND.slice();
  batch.set(hex(bytes), at);
  return seal(batch);
}

/** The head of the batch by hand with other records. */
function withRecords(count: number, records: string): Uint8Array {
  const head = BATCH_BY_HAND.slice(0, BATCH_HEAD_BYTES);
  const batch = Uint8Array.from([...head, ...hex(records)]);
  batch[AT.lastOffsetDelta + 3] = count - 1;
  batch[AT.recordCount + 3] = count;
  return seal(batch);
}

test('validate: a good batch is good, among other bytes too, and then the view is before its first record', () => {
  const around = new Uint8Array(BATCH_BY_HAND.length + 20).fill(0x2a);
  around.set(BATCH_BY_HAND, 9);
  assert.equal(validateBatch(view, around, 9, 9 + BATCH_BY_HAND.length), BASE_MS + 200);
  assert.equal(view.recordCount, 3);
  assert.equal(view.next(), true);
  assert.equal(view.index, 0);
});

test('validate: what is no whole batch of version 2 is refused', () => {
  expectFault('too-short', hex(''));
  for (let length = 0; length <= AT.magic; length += 1) expectFault('too-short', BATCH_BY_HAND.subarray(0, length));
  for (let length = AT.magic + 1; length < BATCH_HEAD_BYTES; length += 1) expectFault('too-short', BATCH_BY_HAND.subarray(0, length));
  for (let length = BATCH_HEAD_BYTES; length < BATCH_BY_HAND.length; length += 1)
    expectFault('bad-length', BATCH_BY_HAND.subarray(0, length));
  const sizes = ['00000000', 'ffffffff', '80000000', '7fffffff', '00000030', '00000052'];
  for (const size of sizes) {
    const batch = BATCH_BY_HAND.slice();
    batch.set(hex(size), AT.batchLength);
    expectFault('bad-length', batch);
  }
  assert.throws(() => validateBatch(view, BATCH_BY_HAND, -1, 90), BatchError);
  assert.throws(() => validateBatch(view, BATCH_BY_HAND, 0, 94), BatchError);
});

test('validate: a message of version 0 or 1 is refused for its version, though it is shorter than a head', () => {
  expectFault('bad-magic', hex('0000000000000000 00000010 3c1950ab 00 00 ffffffff 00000002 6162'));
  expectFault('bad-magic', hex('0000000000000000 00000018 3c1950ab 01 00 0000018bcfe56800 ffffffff 00000002 6162'));
  expectFault('bad-magic', changed(AT.magic, '03'));
});

test('validate: a second batch behind the first is refused', () => {
  expectFault('many-batches', Uint8Array.from([...BATCH_BY_HAND, ...BATCH_BY_HAND]));
  expectFault('many-batches', Uint8Array.from([...BATCH_BY_HAND, 0]));
});

test('validate: a batch that is longer than allowed is refused', () => {
  assert.equal(validate(BATCH_BY_HAND, { batchBytesMax: BATCH_BY_HAND.length }), BASE_MS + 200);
  expectFault('too-large', BATCH_BY_HAND, { batchBytesMax: BATCH_BY_HAND.length - 1 });
});

test('validate: any bit that is wrong is refused, except in what the broker sets', () => {
  for (let at = 0; at < BATCH_BY_HAND.length; at += 1) {
    const batch = BATCH_BY_HAND.slice();
    batch[at] ^= 1 << (at % 8);
    if (at < AT.batchLength || (at >= AT.leaderEpoch && at < AT.magic)) validate(batch);
    else assert.throws(() => validate(batch), BatchError, `byte ${at}`);
  }
  expectFault(
    'bad-checksum',
    Uint8Array.from(BATCH_BY_HAND, (byte, at) => (at === 90 ? byte ^ 1 : byte)),
  );
});

test('validate: a base offset that no number can tell does no harm', () => {
  for (const offset of ['7fffffffffffffff', 'ffffffffffffffff', '8000000000000000'])
    assert.equal(validate(changed(0, offset)), BASE_MS + 200);
});

test('validate: attributes that are not for a producer are refused', () => {
  for (const codec of ['05', '06', '07']) expectFault('bad-codec', changed(AT.attributes + 1, codec));
  expectFault('bad-timestamp', changed(AT.attributes + 1, '08'));
  expectFault('bad-attributes', changed(AT.attributes + 1, '20'));
  expectFault('bad-attributes', changed(AT.attributes + 1, '40'));
  expectFault('bad-attributes', changed(AT.attributes, '8000'));
});

test('validate: zstd is refused where the request is too old for it', () => {
  expectFault('bad-codec', BATCHES_BY_KAFKA_PYTHON[4], { allowsZstd: false });
  for (const batch of BATCHES_BY_KAFKA_PYTHON.slice(0, 4)) validate(batch, { allowsZstd: false, walk: 'all' });
});

test('validate: a count that is not that of the offsets, or cannot be, is refused', () => {
  for (const count of ['00000000', '00000002', '00000004', 'ffffffff']) expectFault('bad-count', changed(AT.recordCount, count));
  for (const delta of ['00000001', '00000003', 'ffffffff']) expectFault('bad-count', changed(AT.lastOffsetDelta, delta));
  expectFault('bad-count', withRecords(0, ''));
  expectFault('bad-count', withRecords(5, '0e 00 00 00 01 02 61 00'), { walk: 'none' });
  const many = BATCHES_BY_KAFKA_PYTHON[2].slice();
  many.set(hex('7ffffffe'), AT.lastOffsetDelta);
  many.set(hex('7fffffff'), AT.recordCount);
  expectFault('bad-count', seal(many));
});

test('validate: a producer id has an epoch and a sequence, and a transaction has a producer id', () => {
  validate(changed(AT.producerId, '0000000000000000 0000 00000000'));
  validate(changed(AT.producerId, 'ffffffffffffffff 0000 00000000')); // kafkajs, when it is not idempotent.
  expectFault('bad-producer', changed(AT.producerId, '0000000000000001 ffff 00000000'));
  expectFault('bad-producer', changed(AT.producerId, '0000000000000001 0000 ffffffff'));
  expectFault('bad-producer', changed(AT.producerId, '7fffffffffffffff 0000 00000000'));
  expectFault('bad-producer', changed(AT.attributes + 1, '10'));
  const transactional = changed(AT.attributes + 1, '10');
  transactional.set(hex('0000000000000001 0000 00000000'), AT.producerId);
  validate(seal(transactional));
});

test('validate: the latest timestamp is that of the records, not that of a head that is wrong', () => {
  const unset = 'ffffffffffffffff';
  assert.equal(validate(changed(AT.maxTimestamp, unset)), BASE_MS + 200);
  assert.equal(validate(changed(AT.maxTimestamp, '7fffffffffffffff')), BASE_MS + 200);
  assert.equal(validate(changed(AT.maxTimestamp, unset), { walk: 'none' }), BASE_MS, 'not walked over: at least that of the first');
  assert.equal(validate(changed(AT.baseTimestamp, unset)), 199);
});

test('validate: a timestamp beyond what is allowed is refused', () => {
  assert.equal(validate(BATCH_BY_HAND, { timestampMsMax: BASE_MS + 200 }), BASE_MS + 200);
  expectFault('bad-timestamp', BATCH_BY_HAND, { timestampMsMax: BASE_MS + 199 }, 2);
  expectFault('bad-timestamp', BATCH_BY_HAND, { timestampMsMax: BASE_MS - 1 }, 0);
  expectFault('bad-timestamp', BATCH_BY_HAND, { timestampMsMax: BASE_MS + 199, walk: 'none' });
  expectFault('bad-timestamp', changed(AT.maxTimestamp, '7fffffffffffffff'), { walk: 'none' });
  expectFault('bad-timestamp', changed(AT.baseTimestamp, '8000000000000000'), {}, 0);
  const early = BATCH_BY_HAND.slice();
  writeI64(early, AT.baseTimestamp, -10_000);
  assert.equal(validate(seal(early)), -9_800, 'before 1970 is allowed');
});

test('validate: records that break their grammar are refused', () => {
  const good = '0e 00 00 00 01 02 61 00';
  validate(withRecords(1, good));
  for (const [count, records] of [
    [1, '0c 00 00 00 01 02 61 00'], // Shorter than its parts.
    [1, '10 00 00 00 01 02 61 00'], // Longer than the batch.
    [1, '10 00 00 00 01 02 61 00 00'], // Longer than its parts.
    [1, `${good} 00`], // Something behind the last.
    [1, `${good} ${good}`],
    [2, `${good} 00 00 00 00 00 00 00 00`], // A record of no bytes.
    [1, '01 00 00 00 01 02 61 00'], // Of less.
    [1, '0e 00 00 00 03 02 61 00'], // A key of -2 bytes.
    [1, '0e 00 00 00 01 03 61 00'], // A value of -2 bytes.
    [1, '0e 00 00 00 01 04 61 00'], // A value longer than the record.
    [1, '0e 00 00 00 04 02 61 00'], // A key longer than the record.
    [1, '0e 00 00 00 01 02 61 02'], // A header, and no room.
    [1, '0e 00 00 00 01 02 61 01'], // Less than no headers.
    [1, '10 00 00 00 01 01 02 01 01'], // A header without a name.
    [1, '10 00 00 00 01 01 02 00 03'], // A header of -2 bytes.
    [1, '10 00 00 00 01 01 02 04 61'], // A name longer than the record.
    [1, '10 00 00 00 01 01 02 00 04'], // A header longer than the record.
    [1, '8e80808080 00 00 00 00 01 02 61 00'], // A length of 2^32 and more.
    [1, '8e8080808000 00 00 00 01 02 61 00'], // The right length in more bytes than clients take.
    [1, '30 00 8080808080808080808000 00 01 01 00 000000000000000000000000'], // Eleven bytes of a timestamp.
    [1, '8080808080 80 80 80'], // An integer without an end.
  ] as const)
    expectFault('bad-record', withRecords(count, records));
});

test('validate: a record that is not at its offset is refused, with its index', () => {
  expectFault('bad-record', withRecords(2, '0e 00 00 00 01 02 61 00 0e 00 00 04 01 02 61 00'), {}, 1);
  expectFault('bad-record', withRecords(1, '0e 00 00 02 01 02 61 00'), {}, 0);
  expectFault('bad-record', withRecords(1, '0e 00 00 01 01 02 61 00'), {}, 0);
});

test('validate: a record without a key is refused where keys are needed, whatever its codec', () => {
  expectFault('no-key', BATCH_BY_HAND, { needsKeys: true, walk: 'none' }, 0);
  for (const batch of BATCHES_BY_KAFKA_PYTHON) expectFault('no-key', batch, { needsKeys: true }, 1);
});

test('validate: compressed records are looked at only if asked to', () => {
  for (const sample of BATCHES_BY_KAFKA_PYTHON.slice(1)) {
    const batch = sample.slice();
    batch.fill(0xee, BATCH_HEAD_BYTES, BATCH_HEAD_BYTES + 12);
    validate(seal(batch));
    expectFault('bad-record', batch, { walk: 'all' });
  }
});

test('validate: records that inflate beyond what the view allows are refused', () => {
  const small = new BatchView(50);
  for (const batch of BATCHES_BY_KAFKA_PYTHON.slice(1))
    assert.throws(
      () => validateBatch(small, batch, 0, batch.length, { ...BATCH_LIMITS, walk: 'all' }),
      (error) => error instanceof BatchError && error.fault === 'too-large',
    );
});
