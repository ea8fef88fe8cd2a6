import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRing, payloadBytesMax, RING_HEAD_CELL, RING_TAIL_CELL, recordBytes } from '../../src/ring/layout.js';
import { RingConsumer } from '../../src/ring/ring-consumer.js';
import { NO_SPACE, RingProducer } from '../../src/ring/ring-producer.js';

const CAPACITY = 1024;

interface Ends {
  readonly producer: RingProducer;
  readonly consumer: RingConsumer;
}

/** A ring whose counts start anywhere, as after years of use. */
function ringAt(count: number): Ends {
  const memory = createRing(CAPACITY);
  const cells = new Int32Array(memory, 0, RING_HEAD_CELL + 1);
  cells[RING_TAIL_CELL] = count;
  cells[RING_HEAD_CELL] = count;
  return { producer: new RingProducer(memory), consumer: new RingConsumer(memory) };
}

function push(ends: Ends, type: number, length: number, fill: number): boolean {
  const at = ends.producer.claim(type, length);
  if (at === NO_SPACE) return false;
  assert.equal(at % 8, 0);
  ends.producer.bytes.fill(fill, at, at + length);
  ends.producer.commit();
  return true;
}

function drain(ends: Ends, recordsMax = 1000, bytesMax = CAPACITY): { type: number; bytes: number[] }[] {
  const found: { type: number; bytes: number[] }[] = [];
  ends.consumer.read(recordsMax, bytesMax, (type, offset, length) => {
    found.push({ type, bytes: [...ends.consumer.bytes.subarray(offset, offset + length)] });
  });
  return found;
}

test('ring: a record comes out as it went in', () => {
  const ends = ringAt(0);
  assert.ok(push(ends, 7, 3, 9));
  assert.ok(push(ends, 8, 0, 0));
  assert.deepEqual(drain(ends), [
    { type: 7, bytes: [9, 9, 9] },
    { type: 8, bytes: [] },
  ]);
});

test('ring: a claimed record is not visible before its commit', () => {
  const ends = ringAt(0);
  ends.producer.claim(1, 8);
  assert.equal(ends.consumer.hasRecords, false);
  assert.deepEqual(drain(ends), []);
  ends.producer.commit();
  assert.equal(ends.consumer.hasRecords, true);
});

test('ring: wraps with a padding record when the tail block is too short', () => {
  const ends = ringAt(CAPACITY - 16);
  assert.ok(push(ends, 1, 100, 1));
  assert.equal(ends.producer.bytesInUse, 16 + recordBytes(100));
  assert.deepEqual(drain(ends), [{ type: 1, bytes: new Array(100).fill(1) }]);
  ends.consumer.release();
  assert.equal(ends.producer.bytesInUse, 0);
});

test('ring: a record that ends exactly at the end needs no padding', () => {
  const ends = ringAt(CAPACITY - 64);
  assert.ok(push(ends, 1, 56, 1));
  assert.ok(push(ends, 2, 1, 2));
  assert.equal(ends.producer.bytesInUse, 64 + 16);
  assert.equal(drain(ends).length, 2);
});

test('ring: refuses what does not fit and has changed nothing', () => {
  const ends = ringAt(0);
  while (push(ends, 1, payloadBytesMax(CAPACITY), 1));
  const inUse = ends.producer.bytesInUse;
  assert.equal(inUse, CAPACITY);
  assert.equal(push(ends, 1, 0, 1), false);
  assert.equal(ends.producer.bytesInUse, inUse);
});

test('ring: the longest record fits into an emptied ring wherever the tail stands', () => {
  for (let start = 0; start < CAPACITY; start += 8) assert.ok(push(ringAt(start), 1, payloadBytesMax(CAPACITY), 1));
});

test('ring: what was read stays untouched until it is released', () => {
  const ends = ringAt(0);
  while (push(ends, 1, 120, 5));
  assert.equal(drain(ends).length, 8);
  assert.equal(push(ends, 1, 120, 6), false);
  assert.equal(ends.consumer.bytes[8], 5);
  ends.consumer.release();
  assert.ok(push(ends, 1, 120, 6));
});

test('ring: a read stops at its limits of records and of bytes', () => {
  const ends = ringAt(0);
  for (let index = 0; index < 6; index += 1) push(ends, 1, 24, index);
  assert.equal(drain(ends, 2).length, 2);
  assert.equal(drain(ends, 100, 33).length, 2);
  assert.equal(drain(ends).length, 2);
});

test('ring: counts pass 2^31 and 2^32', () => {
  for (const start of [0x7fffffff - 511, -512]) {
    const ends = ringAt(start & -8);
    for (let round = 0; round < 100; round += 1) {
      assert.ok(push(ends, 1, 40, round));
      assert.deepEqual(drain(ends), [{ type: 1, bytes: new Array(40).fill(round) }]);
      ends.consumer.release();
    }
  }
});

test('ring: a release calls the producer once if it asked for space', () => {
  const ends = ringAt(0);
  push(ends, 1, 8, 1);
  push(ends, 1, 8, 1);
  drain(ends, 1);
  assert.equal(ends.consumer.release(), false);
  ends.producer.askForSpace();
  drain(ends, 1);
  assert.equal(ends.consumer.release(), true);
  assert.equal(ends.consumer.release(), false);
});

test('ring: a second end on the same memory goes on where the first one stood', () => {
  const memory = createRing(CAPACITY);
  const first = { producer: new RingProducer(memory), consumer: new RingConsumer(memory) };
  push(first, 1, 10, 1);
  push(first, 2, 10, 2);
  drain(first, 1);
  first.consumer.release();
  const second = { producer: new RingProducer(memory), consumer: new RingConsumer(memory) };
  push(second, 3, 1, 3);
  assert.deepEqual(
    drain(second).map((record) => record.type),
    [2, 3],
  );
});

test('ring: behaves like a bounded queue under any sequence of operations', () => {
  const operation = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('push' as const), length: fc.integer({ min: 0, max: payloadBytesMax(CAPACITY) }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), length: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), length: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), fc.integer({ min: -200, max: 200 }), (operations, start) => {
      const ends = ringAt(start * 8);
      const queued: { type: number; bytes: number[] }[] = [];
      let next = 1;
      for (const { kind, length } of operations) {
        if (kind === 'push') {
          const isEmpty = ends.producer.bytesInUse === 0;
          const type = next;
          if (push(ends, type, length, type & 0xff)) {
            queued.push({ type, bytes: new Array(length).fill(type & 0xff) });
            next += 1;
          } else assert.equal(isEmpty, false, 'an empty ring takes every record');
        } else if (kind === 'read') assert.deepEqual(drain(ends, length), queued.splice(0, length));
        else ends.consumer.release();
      }
      assert.deepEqual(drain(ends), queued);
      ends.consumer.release();
      assert.equal(ends.producer.bytesInUse, 0);
    }),
    { numRuns: 300 },
  );
});
