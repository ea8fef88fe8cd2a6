import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailedLogins } from '../../../src/auth/chain/failed-logins.js';

const RULES = { failures_max: 3, backoff: 1000, backoff_max: 5000 };
const KEY = FailedLogins.keyOf('default', 'alice', '10.0.0.1');

test('failed logins: the wait begins with as many failures as allowed, doubles, has an end, and success forgives', () => {
  const failed = new FailedLogins(RULES);
  const waits: number[] = [];
  for (let i = 0; i < 7; i += 1) {
    assert.equal(failed.onFailure(KEY, 0), i === 2, 'it begins once');
    waits.push(failed.waitMs(KEY, 0));
  }
  assert.deepEqual(waits, [0, 0, 1000, 2000, 4000, 5000, 5000]);
  assert.deepEqual([failed.waitMs(KEY, 4999), failed.waitMs(KEY, 5000)], [1, 0]);
  assert.equal(failed.waitMs(FailedLogins.keyOf('default', 'alice', '10.0.0.2'), 0), 0, 'another address does not wait');
  failed.onSuccess(KEY);
  failed.onFailure(KEY, 0);
  assert.equal(failed.waitMs(KEY, 0), 0);
});

test('failed logins: failures of a quarter of an hour ago are forgiven, and 0 means no wait', () => {
  const failed = new FailedLogins(RULES);
  for (let i = 0; i < 3; i += 1) failed.onFailure(KEY, 0);
  failed.onFailure(KEY, 15 * 60_000);
  assert.equal(failed.waitMs(KEY, 15 * 60_000), 0);
  const none = new FailedLogins({ ...RULES, backoff: 0 });
  for (let i = 0; i < 9; i += 1) assert.equal(none.onFailure(KEY, 0), false);
  assert.equal(none.waitMs(KEY, 0), 0);
});

test('failed logins: however many there are, memory has a bound, and those that failed last are known', () => {
  const failed = new FailedLogins(RULES);
  const keyOf = (i: number): string => FailedLogins.keyOf('default', `u${i}`, '10.0.0.1');
  for (let i = 0; i < 70_000; i += 1) for (let j = 0; j < 3; j += 1) failed.onFailure(keyOf(i), 0);
  assert.equal(failed.size, 65_536);
  assert.deepEqual([failed.waitMs(keyOf(0), 0), failed.waitMs(keyOf(69_999), 0)], [0, 1000]);
});
