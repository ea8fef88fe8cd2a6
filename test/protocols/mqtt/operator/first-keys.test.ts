import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesFilter } from '../../../../src/base/filter-match.js';
import { FirstKeys } from '../../../../src/protocols/mqtt/operator/first-keys.js';

test('first keys: the same as sorting all, from where on and as many as wanted', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ maxLength: 4 })),
      fc.string({ maxLength: 3 }),
      fc.integer({ min: 1, max: 6 }),
      (keys, after, limit) => {
        const first = new FirstKeys(after, limit);
        for (const key of keys) first.offer(key);
        const all = keys.filter((key) => key > after).sort((left, right) => (left < right ? -1 : 1));
        assert.deepEqual(first.keys, all.slice(0, limit));
        assert.equal(first.isCut, all.length > limit);
      },
    ),
  );
});

test('filter matches: as the specification has it', () => {
  const yes = ['a/b a/b', 'a/+ a/b', 'a/# a', 'a/# a/b/c', '# a/b', '+/+ /a', '/+ /a', 'a/+/# a/b', '$SYS/# $SYS/x', 'a/+ a/', '+ a'];
  const no = ['a/b a/c', 'a/+ a', 'a/+ a/b/c', '# $SYS/x', '+/x $SYS/x', 'a/b a/b/c', 'a/b/c a/b', 'a/+/# a', '/+ a'];
  for (const [filter, topic] of yes.map((pair) => pair.split(' '))) assert.ok(matchesFilter(filter, topic), `${filter} ${topic}`);
  for (const [filter, topic] of no.map((pair) => pair.split(' '))) assert.ok(!matchesFilter(filter, topic), `${filter} ${topic}`);
});
