import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueMsOf, parseDelayed, topicToAsk } from '../../../../src/protocols/mqtt/delayed/delayed-topic.js';

test('delayed topic: seconds, a time in seconds, and a time in words say when', () => {
  const cases: readonly (readonly [string, 'after' | 'at', number])[] = [
    ['$delayed/0/t', 'after', 0],
    ['$delayed/15/t', 'after', 15_000],
    ['$delayed/4294967/t', 'after', 4_294_967_000],
    ['$delayed/4294968/t', 'at', 4_294_968_000],
    ['$delayed/1893456000/t', 'at', 1_893_456_000_000],
    ['$delayed/2030-01-01T00:00:00Z/t', 'at', 1_893_456_000_000],
    ['$delayed/2030-01-01T00:00Z/t', 'at', 1_893_456_000_000],
    ['$delayed/2029-12-31T19:00:00.250-05:00/t', 'at', 1_893_456_000_250],
  ];
  for (const [text, kind, ms] of cases) assert.deepEqual(parseDelayed(text), { when: { kind, ms }, topic: 't' }, text);
});

test('delayed topic: the rest is the topic, with all its levels, and what rules are asked for', () => {
  assert.equal(parseDelayed('$delayed/1/a//b/')?.topic, 'a//b/');
  assert.equal(parseDelayed('$delayed/1//')?.topic, '/');
  assert.equal(topicToAsk('$delayed/1/a/b'), 'a/b');
  assert.equal(topicToAsk('a/b'), 'a/b');
});

test('delayed topic: without a time, without a topic, or for a topic with a meaning of its own it is refused', () => {
  for (const text of [
    '$delayed/',
    '$delayed/5',
    '$delayed/5/',
    '$delayed//t',
    '$delayed/-5/t',
    '$delayed/1.5/t',
    '$delayed/5s/t',
    '$delayed/0x10/t',
    '$delayed/9999999999999/t',
    '$delayed/999999999999/t',
    '$delayed/2030-13-01T00:00:00Z/t',
    '$delayed/2030-01-01/t',
    '$delayed/2030-01-01T00:00:00/t',
    '$delayed/5/$delayed/5/t',
    '$delayed/5/$share/g/t',
    '$delayed/5/$SYS/x',
  ])
    assert.equal(parseDelayed(text), null, text);
});

test('delayed topic: what was due in the past is due now', () => {
  assert.equal(dueMsOf({ kind: 'at', ms: 500 }, 1000), 1000);
  assert.equal(dueMsOf({ kind: 'at', ms: 1500 }, 1000), 1500);
  assert.equal(dueMsOf({ kind: 'after', ms: 500 }, 1000), 1500);
});
