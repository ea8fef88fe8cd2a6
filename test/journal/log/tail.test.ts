import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryMemory } from '../../../src/journal/log/entry-builder.js';
import { Tail } from '../../../src/journal/log/tail.js';

function setUp(bytesMax: number) {
  const memory = new EntryMemory(bytesMax);
  const tail = new Tail(memory, bytesMax);
  const add = (index: number, length: number): void => tail.add(0, index, memory.take(length).subarray(0, length));
  return { tail, add };
}

test('tail: what small entries occupy counts, not what they say', () => {
  const { tail, add } = setUp(4096);
  for (let index = 0; index < 100; index += 1) add(index, 20);
  assert.equal(tail.bytes, 100 * 512, 'nothing is durable yet: all stay');
  tail.settle(100);
  assert.equal(tail.bytes, 4096);
  assert.equal(tail.find(0, 91), null);
  assert.equal(tail.find(0, 92)?.length, 20);
});

test('tail: the oldest durable entries go first, and a lost one leaves a hole', () => {
  const { tail, add } = setUp(1024);
  for (let index = 0; index < 4; index += 1) add(index, 500);
  tail.lose(0, 3);
  tail.settle(2);
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => tail.find(0, index) !== null),
    [false, true, true, false],
  );
  assert.equal(tail.bytes, 1024);
});
