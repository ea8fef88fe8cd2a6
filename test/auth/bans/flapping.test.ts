import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlappingCounts } from '../../../src/auth/bans/flapping.js';

test('flapping: more connects than allowed within a window are told once, and a window later count anew', () => {
  const counts = new FlappingCounts({ connectsMax: 3, windowMs: 1000 });
  assert.deepEqual(
    [1, 2, 3].map((at) => counts.note('t', 'c', 1, at)),
    [false, false, false],
  );
  assert.equal(counts.note('t', 'c', 1, 4), true);
  assert.equal(counts.note('t', 'c', 1, 5), false);
  assert.equal(counts.note('t', 'c', 2, 1006), false, 'the window of the first three is over');
  assert.equal(counts.note('t', 'c', 9, 1007), true);
});

test('flapping: clients and tenants are counted apart', () => {
  const counts = new FlappingCounts({ connectsMax: 1, windowMs: 1000 });
  assert.deepEqual([counts.note('t', 'a', 1, 0), counts.note('t', 'b', 1, 0), counts.note('u', 'a', 1, 0)], [false, false, false]);
  assert.equal(counts.note('u', 'a', 1, 1), true);
});

test('flapping: however many clients come, memory is bounded, and those that began first are forgotten', () => {
  const counts = new FlappingCounts({ connectsMax: 1, windowMs: 1_000_000 }, 100);
  for (let index = 0; index < 1000; index += 1) counts.note('t', `c${index}`, 1, index);
  assert.equal(counts.size, 100);
  assert.equal(counts.note('t', 'c999', 1, 1000), true);
  assert.equal(counts.note('t', 'c0', 1, 1000), false);
});
