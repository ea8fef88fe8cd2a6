import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageQueue } from '../../../src/protocols/mqtt/message-queue.js';
import type { Delivery } from '../../../src/protocols/mqtt/stored-run.js';

/** A PUBLISH to `t` of `size` bytes in all; 5 at least. */
function frame(size: number): number[] {
  return [0x30, size - 2, 0, 1, 0x74, ...new Array<number>(size - 5).fill(0x78)];
}

function deliveryOf(...sizes: number[]): Delivery {
  const bytes = Uint8Array.from(sizes.flatMap(frame));
  return {
    run: { bytes, count: sizes.length, version: 4, receivedAtMs: 0, expiresAtMs: 0, expiryOffset: -1 },
    qos: 1,
    retain: 0,
    identifiers: null,
    log: null,
  };
}

test('message queue: gives back what was appended, in order, frame by frame or in stretches', () => {
  const queue = new MessageQueue(100, 1000);
  const delivery = deliveryOf(10, 20, 30);
  assert.equal(queue.append(delivery), 0);
  assert.equal(queue.length, 3);
  assert.equal(queue.bytes, 60);
  queue.take(1, 10);
  assert.deepEqual({ ...queue.peek(), delivery: null }, { delivery: null, frame: 1, offset: 10, remaining: 2 });
  queue.take(2, 50);
  assert.equal(queue.isEmpty, true);
  assert.equal(queue.peek(), undefined);
  assert.equal(queue.bytes, 0);
});

test('message queue: a run that does not fit whole keeps its beginning and tells how many were refused', () => {
  const byCount = new MessageQueue(2, 1000);
  assert.equal(byCount.append(deliveryOf(10, 20, 30)), 1);
  assert.equal(byCount.bytes, 30);
  assert.equal(byCount.append(deliveryOf(10)), 1);
  const byBytes = new MessageQueue(100, 35);
  assert.equal(byBytes.append(deliveryOf(10, 20, 30)), 1);
  assert.equal(byBytes.length, 2);
  assert.equal(byBytes.append(deliveryOf(6)), 1, 'six more bytes are one too many');
  assert.equal(byBytes.append(deliveryOf(5)), 0);
});

test('message queue: what the log has is given back from the first frame that waits, also of a run that did not fit whole', () => {
  const queue = new MessageQueue(3, 1000);
  const log = { group: 7, sequences: Float64Array.of(1, 2, 3, 4) };
  queue.append(deliveryOf(5));
  assert.equal(queue.append({ ...deliveryOf(10, 10, 10, 10), log }), 2);
  queue.take(1, 5);
  queue.take(1, 10);
  const given: number[] = [];
  queue.dropLogged(
    () => true,
    (places, from) => given.push(places.sequences[from]),
  );
  assert.deepEqual(given, [2]);
  assert.equal(queue.length, 0);
  assert.equal(queue.bytes, 0);
});

test('message queue: a session moves with the rest of a run', () => {
  const queue = new MessageQueue(100, 1000);
  const delivery = deliveryOf(10, 20, 30);
  queue.append(delivery, 10, 2, 1);
  assert.equal(queue.length, 2);
  assert.equal(queue.bytes, 50);
  assert.equal(queue.entries().length, 1);
});

test('message queue: messages that are dropped leave, and the others keep their order and their places', () => {
  const queue = new MessageQueue(100, 1000);
  const delivery = deliveryOf(10, 20, 30, 40);
  queue.append(delivery);
  queue.take(1, 10);
  queue.drop((_delivery, offset) => offset === 30);
  assert.equal(queue.length, 2);
  assert.equal(queue.bytes, 60);
  assert.deepEqual(
    queue.entries().map(({ frame, offset, remaining }) => [frame, offset, remaining]),
    [
      [1, 10, 1],
      [3, 60, 1],
    ],
  );
});
