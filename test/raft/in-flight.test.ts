import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../src/base/assert.js';
import { InFlight } from '../../src/raft/in-flight.js';

test('in flight: is full by count', () => {
  const inFlight = new InFlight(3, 1000);
  inFlight.add(5, 10);
  inFlight.add(7, 10);
  assert.equal(inFlight.isFull, false);
  inFlight.add(8, 10);
  assert.equal(inFlight.isFull, true);
  assert.throws(() => inFlight.add(9, 10), AssertionFailure);
});

test('in flight: is full by bytes, and the last message may go over', () => {
  const inFlight = new InFlight(100, 50);
  inFlight.add(1, 49);
  assert.equal(inFlight.isFull, false);
  inFlight.add(2, 1000);
  assert.equal(inFlight.isFull, true);
  assert.equal(inFlight.bytes, 1049);
});

test('in flight: an answer frees the messages that end at or before it, and no other', () => {
  const inFlight = new InFlight(4, 1000);
  for (const [index, size] of [
    [3, 1],
    [6, 2],
    [9, 4],
    [12, 8],
  ]) {
    inFlight.add(index, size);
  }
  inFlight.freeUpTo(2);
  assert.equal(inFlight.count, 4);
  inFlight.freeUpTo(8);
  assert.deepEqual([inFlight.count, inFlight.bytes, inFlight.isFull], [2, 12, false]);
  inFlight.freeUpTo(9);
  assert.deepEqual([inFlight.count, inFlight.bytes], [1, 8]);
  inFlight.freeUpTo(100);
  assert.deepEqual([inFlight.count, inFlight.bytes], [0, 0]);
});

test('in flight: messages go out in order, also after it was cleared', () => {
  const inFlight = new InFlight(4, 1000);
  inFlight.add(5, 1);
  assert.throws(() => inFlight.add(5, 1), AssertionFailure);
  inFlight.clear();
  inFlight.add(2, 1);
  assert.deepEqual([inFlight.count, inFlight.bytes], [1, 1]);
});
