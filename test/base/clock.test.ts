import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, SystemClock } from '../../src/base/clock.js';

test('clock: the manual clock moves only when told, both times together', () => {
  const clock = new ManualClock(1000);
  clock.advance(250);
  assert.equal(clock.nowMs(), 1250);
  assert.equal(clock.monotonicMs(), 250);
});

test('clock: setting the epoch leaves monotonic time alone', () => {
  const clock = new ManualClock(1000);
  clock.advance(10);
  clock.setEpoch(5);
  assert.equal(clock.nowMs(), 5);
  assert.equal(clock.monotonicMs(), 10);
});

test('clock: the manual clock does not go back', () => {
  assert.throws(() => new ManualClock().advance(-1), /go back/);
});

test('clock: the system clock is whole milliseconds and its monotonic time does not fall', () => {
  const clock = new SystemClock();
  const before = clock.monotonicMs();
  assert.ok(Number.isInteger(clock.nowMs()));
  assert.ok(clock.monotonicMs() >= before);
});
