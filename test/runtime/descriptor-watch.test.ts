import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingLogger } from '../../src/base/logger.js';
import { DescriptorWatch } from '../../src/runtime/descriptor-watch.js';

test('descriptor watch: a shortage begins without any free, and ends when several stayed free for a second', () => {
  let free = 1;
  const log = new RecordingLogger();
  const watch = new DescriptorWatch(log, 4, (count) => free >= count);
  const tick = (ticks: number): void => {
    for (let i = 0; i < ticks; i += 1) watch.tick(7);
  };
  tick(20);
  assert.equal(watch.isShort, false, 'the last one is enough');
  free = 0;
  tick(1);
  assert.equal(watch.isShort, true);
  free = 5;
  tick(50);
  assert.equal(watch.isShort, true, 'what four shards take to listen again would bring the next shortage');
  free = 12;
  tick(9);
  free = 11;
  tick(1);
  free = 12;
  tick(9);
  assert.equal(watch.isShort, true, 'ten ticks in a row');
  tick(1);
  assert.equal(watch.isShort, false);
  assert.deepEqual(
    log.records.map(({ event }) => event),
    ['listener.descriptors-used-up', 'listener.descriptors-free'],
  );
});

test('descriptor watch: this process has descriptors', () => {
  const watch = new DescriptorWatch(new RecordingLogger(), 4);
  watch.tick(0);
  assert.equal(watch.isShort, false);
});
