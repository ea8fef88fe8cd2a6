import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interest } from '../../src/broker/interest.js';

test('interest: shards of all matching filters come ascending and once', () => {
  const interest = new Interest(40, 5);
  assert.ok(interest.add(39, 'a/#'));
  assert.ok(interest.add(2, 'a/b'));
  assert.ok(interest.add(39, 'a/b'));
  assert.ok(interest.add(1, '+/b'));
  assert.ok(!interest.add(2, 'a/b'));
  assert.deepEqual(interest.shardsOf('a/b'), [1, 2, 39]);
  assert.deepEqual(interest.shardsOf('a/c'), [39]);
  assert.deepEqual(interest.shardsOf('b/c'), []);
});

test('interest: what a shard takes back or leaves behind is gone, and only that', () => {
  const interest = new Interest(4, 5);
  for (const shard of [1, 2, 3]) interest.add(shard, 'a');
  interest.add(2, 'b');
  assert.ok(interest.remove(1, 'a'));
  assert.ok(!interest.remove(1, 'a'));
  assert.ok(!interest.remove(1, 'never'));
  assert.deepEqual(interest.shardsOf('a'), [2, 3]);
  interest.forget(2);
  assert.deepEqual(interest.shardsOf('a'), [3]);
  assert.deepEqual(interest.shardsOf('b'), []);
  assert.equal(interest.filterCount, 1);
});
