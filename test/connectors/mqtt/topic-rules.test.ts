import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches, type TopicRule, TopicRules } from '../../../src/connectors/mqtt/topic-rules.js';

const RULES: readonly TopicRule[] = [
  { filter: 'pump/+/state', qos: 1, localPrefix: 'plant/', remotePrefix: 'site/7/' },
  { filter: '#', qos: 0, localPrefix: 'all/', remotePrefix: '' },
];

test('bridge topics: prefixes are changed on the way out and back on the way in', () => {
  const out = new TopicRules(RULES, 'out');
  const back = new TopicRules(RULES, 'in');
  assert.deepEqual(out.subscriptions, [
    { filter: 'plant/pump/+/state', qos: 1 },
    { filter: 'all/#', qos: 0 },
  ]);
  assert.deepEqual(back.subscriptions, [
    { filter: 'site/7/pump/+/state', qos: 1 },
    { filter: '#', qos: 0 },
  ]);
  assert.equal(out.translate('plant/pump/3/state'), 'site/7/pump/3/state');
  assert.equal(back.translate('site/7/pump/3/state'), 'plant/pump/3/state');
  assert.equal(out.translate('all/a/b'), 'a/b');
  assert.equal(back.translate('x'), 'all/x', 'the first rule that fits');
  assert.equal(out.translate('plant/pump/3'), null);
});

test('bridge topics: filters match as those of a broker do', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['#', 'a', true],
    ['#', '$SYS/a', false],
    ['+/a', '$SYS/a', false],
    ['$SYS/#', '$SYS/a', true],
    ['a/#', 'a', true],
    ['a/#', 'ab', false],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
    ['+', 'a/b', false],
    ['a/b', 'a/b', true],
    ['a/b/c', 'a/b', false],
  ];
  for (const [filter, topic, isMatch] of table) assert.equal(matches(filter, topic), isMatch, `${filter} ${topic}`);
});
