import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesFilter } from '../../src/base/filter-match.js';
import { filterArbitrary, matches, randomRuns, topicArbitrary } from '../broker/naive-matcher.js';

test('filter match: agrees with the specification as it is written', () => {
  fc.assert(
    fc.property(filterArbitrary, topicArbitrary, (filter, topic) => {
      assert.equal(matchesFilter(filter, topic), matches(filter, topic), `${filter} and ${topic}`);
    }),
    randomRuns(20_000),
  );
});
