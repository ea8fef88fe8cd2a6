import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { TimingWheel } from '../../src/base/timing-wheel.js';

function dueAt(wheel: TimingWheel, tick: number): number[] {
  const due: number[] = [];
  wheel.advance(tick, (key) => due.push(key));
  return due;
}

test('timing wheel: a key is due at its tick, once, and not before', () => {
  const wheel = new TimingWheel(8);
  wheel.schedule(3, 5);
  assert.deepEqual(dueAt(wheel, 4), []);
  assert.deepEqual(dueAt(wheel, 5), [3]);
  assert.deepEqual(dueAt(wheel, 100), []);
  assert.equal(wheel.count, 0);
});

test('timing wheel: a deadline rounds away waits for its round', () => {
  const wheel = new TimingWheel(8);
  wheel.schedule(1, 5 + 8 * 3);
  wheel.schedule(2, 5);
  assert.deepEqual(dueAt(wheel, 5), [2]);
  assert.deepEqual(dueAt(wheel, 28), []);
  assert.deepEqual(dueAt(wheel, 29), [1]);
});

test('timing wheel: scheduling again moves the deadline, cancelling takes it away', () => {
  const wheel = new TimingWheel(8);
  wheel.schedule(1, 2);
  wheel.schedule(1, 6);
  wheel.schedule(2, 3);
  wheel.cancel(2);
  wheel.cancel(77_000); // Never seen.
  assert.equal(wheel.count, 1);
  assert.equal(wheel.dueTickOf(1), 6);
  assert.deepEqual(dueAt(wheel, 5), []);
  assert.deepEqual(dueAt(wheel, 6), [1]);
});

test('timing wheel: what is past or present is due at the next tick', () => {
  const wheel = new TimingWheel(8, 10);
  wheel.schedule(1, 3);
  wheel.schedule(2, 10);
  assert.deepEqual(dueAt(wheel, 10), []);
  assert.deepEqual(dueAt(wheel, 11), [1, 2]);
});

test('timing wheel: time that leaps over whole rounds finds every key that came due', () => {
  const wheel = new TimingWheel(8);
  for (let key = 0; key < 50; key += 1) wheel.schedule(key, key + 1);
  assert.deepEqual(
    dueAt(wheel, 40).sort((a, b) => a - b),
    Array.from({ length: 40 }, (_, key) => key),
  );
  assert.equal(wheel.count, 10);
});

test('timing wheel: onDue may schedule itself, cancel a key that is due too, and add new ones', () => {
  const wheel = new TimingWheel(8);
  for (const key of [1, 2, 3]) wheel.schedule(key, 4);
  const due: number[] = [];
  wheel.advance(4, (key) => {
    due.push(key);
    if (key === 1) {
      wheel.cancel(2);
      wheel.schedule(1, 4); // Present: next tick.
      wheel.schedule(5000, 5); // Grows the arrays in the middle of the walk.
    }
  });
  assert.deepEqual(due, [1, 3]);
  assert.deepEqual(dueAt(wheel, 5), [1, 5000]);
});

test('timing wheel: a throwing onDue loses no other key', () => {
  const wheel = new TimingWheel(8);
  wheel.schedule(1, 1);
  wheel.schedule(2, 1);
  assert.throws(() =>
    wheel.advance(1, () => {
      throw new Error('stop');
    }),
  );
  assert.deepEqual(dueAt(wheel, 2), [2]);
});

test('timing wheel: agrees with a plain map of deadlines under random use', () => {
  const seed = Date.now() >>> 0;
  const random = new SeededRandom(seed);
  const wheel = new TimingWheel(64);
  const model = new Map<number, number>();
  let now = 0;
  for (let step = 0; step < 20_000; step += 1) {
    const key = random.below(500);
    const choice = random.below(10);
    if (choice < 6) {
      const at = now + random.below(300) - 10;
      wheel.schedule(key, at);
      model.set(key, at > now ? at : now + 1);
    } else if (choice < 8) {
      wheel.cancel(key);
      model.delete(key);
    } else {
      now += random.below(random.below(20) === 0 ? 200 : 4);
      const due = dueAt(wheel, now);
      const expected = [...model].filter(([, at]) => at <= now).map(([expectedKey]) => expectedKey);
      for (const dueKey of expected) model.delete(dueKey);
      assert.deepEqual(
        due.sort((a, b) => a - b),
        expected.sort((a, b) => a - b),
        `seed ${seed}, step ${step}`,
      );
    }
    assert.equal(wheel.count, model.size, `seed ${seed}, step ${step}`);
  }
});

test('timing wheel: 100,000 keys are rescheduled without allocating per key', () => {
  const wheel = new TimingWheel(1024);
  for (let key = 0; key < 100_000; key += 1) wheel.schedule(key, 600);
  const before = process.memoryUsage().heapUsed;
  for (let round = 1; round <= 5; round += 1) for (let key = 0; key < 100_000; key += 1) wheel.schedule(key, 600 + round);
  assert.ok(process.memoryUsage().heapUsed - before < 2 ** 20, 'half a million calls leave less than 1 MiB');
  let due = 0;
  wheel.advance(700, () => {
    due += 1;
  });
  assert.equal(due, 100_000);
});
