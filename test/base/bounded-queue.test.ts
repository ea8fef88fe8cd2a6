import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedQueue } from '../../src/base/bounded-queue.js';
import { SeededRandom } from '../../src/base/random.js';

test('bounded queue: first in, first out, over several growths', () => {
  const queue = new BoundedQueue<number>(1000);
  for (let i = 0; i < 1000; i += 1) assert.equal(queue.push(i), true);
  assert.equal(queue.length, 1000);
  for (let i = 0; i < 1000; i += 1) assert.equal(queue.shift(), i);
  assert.equal(queue.shift(), undefined);
  assert.equal(queue.isEmpty, true);
});

test('bounded queue: a full queue takes nothing and loses nothing', () => {
  const queue = new BoundedQueue<string>(2);
  queue.push('a');
  queue.push('b');
  assert.equal(queue.push('c'), false);
  assert.equal(queue.isFull, true);
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], ['a', 'b', undefined]);
});

test('bounded queue: peek and at look without taking; outside the queue there is nothing', () => {
  const queue = new BoundedQueue<number>(4);
  queue.push(10);
  queue.push(11);
  assert.equal(queue.peek(), 10);
  assert.deepEqual([queue.at(0), queue.at(1), queue.at(2), queue.at(-1)], [10, 11, undefined, undefined]);
  queue.clear();
  assert.equal(queue.peek(), undefined);
  assert.equal(queue.length, 0);
});

test('bounded queue: behaves like an array under random pushes and shifts', () => {
  const seed = Date.now() >>> 0;
  const random = new SeededRandom(seed);
  const queue = new BoundedQueue<number>(100);
  const model: number[] = [];
  for (let step = 0; step < 50_000; step += 1) {
    if (random.below(100) < (step % 1000 < 500 ? 60 : 40)) {
      const taken = queue.push(step);
      assert.equal(taken, model.length < 100, `seed ${seed}`);
      if (taken) model.push(step);
    } else {
      assert.equal(queue.shift(), model.shift(), `seed ${seed}`);
    }
    assert.equal(queue.length, model.length, `seed ${seed}`);
  }
});

test('bounded queue: has a limit', () => {
  assert.throws(() => new BoundedQueue<number>(0), /limit/);
});
