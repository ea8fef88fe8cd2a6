import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SilenceWatch } from '../../src/runtime/silence-watch.js';

test('silence watch: a thread is silent after its time, and no longer when it says something', () => {
  const watch = new SilenceWatch(1000);
  for (let nowMs = 5000; nowMs <= 6000; nowMs += 100) assert.equal(watch.isSilent(nowMs), false);
  assert.equal(watch.isSilent(6100), true);
  watch.heard();
  assert.equal(watch.isSilent(6200), false);
});

test('silence watch: time in which nobody looked is not held against it', () => {
  const watch = new SilenceWatch(1000);
  for (let nowMs = 0; nowMs < 50_000; nowMs += 10_000) assert.equal(watch.isSilent(nowMs), false, 'the process stood still');
});
