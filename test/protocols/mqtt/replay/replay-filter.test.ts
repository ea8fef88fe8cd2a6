import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReplay } from '../../../../src/protocols/mqtt/replay/replay-filter.js';

const NOW_MS = 1_800_000_000_000;

test('replay filter: a length of time, seconds since the epoch, a time in words or earliest say from when', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['earliest', 0],
    ['10m', NOW_MS - 600_000],
    ['250ms', NOW_MS - 250],
    ['2d', NOW_MS - 2 * 86_400_000],
    ['999999999999d', 0],
    ['1700000000', 1_700_000_000_000],
    ['2023-11-14T22:13:20Z', 1_700_000_000_000],
  ];
  for (const [from, fromMs] of cases)
    assert.deepEqual(parseReplay(`$replay/${from}/a/+/#`, NOW_MS), { fromMs, isLast: false, filter: 'a/+/#' }, from);
  assert.deepEqual(parseReplay('$replay/last/a', NOW_MS), { fromMs: 0, isLast: true, filter: 'a' });
});

test('replay filter: without a time, without a filter, or for a filter with a meaning of its own it is refused', () => {
  for (const text of [
    '$replay/',
    '$replay/10m',
    '$replay/10m/',
    '$replay//a',
    '$replay/10/m/a'.replace('10/m', 'x'),
    '$replay/1.5h/a',
    '$replay/-1/a',
  ])
    assert.equal(parseReplay(text, NOW_MS), null, text);
  for (const filter of ['$replay/1m/a', '$share/g/a', '$exclusive/a', '$queue/a'])
    assert.equal(parseReplay(`$replay/1m/${filter}`, NOW_MS), null, filter);
});
