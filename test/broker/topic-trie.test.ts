import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TopicTrie } from '../../src/broker/topic-trie.js';
import { filterArbitrary, matches, randomRuns, topicArbitrary } from './naive-matcher.js';

function matched<V>(trie: TopicTrie<V>, topic: string): V[] {
  const values: V[] = [];
  trie.match(topic, (value) => values.push(value));
  return values.sort();
}

// Filter, topics that match, topics that do not. The first rows are the examples of MQTT 5.0 §4.7.1 and §4.7.2.
const GOLDEN: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    'sport/tennis/player1/#',
    ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/score/wimbledon'],
    ['sport/tennis'],
  ],
  ['sport/#', ['sport', 'sport/', 'sport/tennis'], ['sports', '/sport']],
  ['#', ['a', '/', '/a', 'a/b/c'], ['$SYS', '$SYS/broker']],
  ['sport/tennis/+', ['sport/tennis/player1', 'sport/tennis/player2', 'sport/tennis/'], ['sport/tennis/player1/ranking', 'sport/tennis']],
  ['sport/+', ['sport/', 'sport/x'], ['sport', 'sport/x/y']],
  ['+', ['finance', 'x'], ['/finance', '$SYS']],
  ['+/+', ['/finance', 'a/b', '/'], ['finance', 'a/b/c', '$SYS/monitor']],
  ['/+', ['/finance', '/'], ['finance']],
  ['+/tennis/#', ['sport/tennis', '/tennis/x', 'a/tennis/b/c'], ['tennis', 'sport/x/tennis', '$SYS/tennis']],
  ['+/monitor/Clients', ['a/monitor/Clients'], ['$SYS/monitor/Clients']],
  ['$SYS/#', ['$SYS', '$SYS/', '$SYS/monitor/Clients'], ['SYS', 'a/$SYS']],
  ['$SYS/monitor/+', ['$SYS/monitor/Clients'], ['$SYS/monitor']],
  ['a/$b/+', ['a/$b/c'], ['a/b/c']],
  ['a//b', ['a//b'], ['a/b', 'a/x/b', 'a///b']],
  ['a/+/b', ['a//b', 'a/x/b'], ['a/b']],
  ['/', ['/'], ['', 'a/', '/a', '//']],
  ['//', ['//'], ['/', '///']],
  ['a/+/#', ['a/b', 'a/', 'a/b/c'], ['a']],
  ['+/#', ['a', 'a/b', '/'], ['$SYS', '$SYS/a']],
  ['Accounts', ['Accounts'], ['ACCOUNTS', 'Accounts ', 'Account']],
  ['Accounts payable', ['Accounts payable'], ['Accounts', 'Accounts  payable']],
];

for (const [filter, yes, no] of GOLDEN) {
  test(`topic trie: ${filter} matches what MQTT 4.7 says`, () => {
    const trie = new TopicTrie<string>(1);
    trie.set(filter, filter);
    for (const topic of yes) assert.deepEqual(matched(trie, topic), [filter], `${filter} should match ${topic}`);
    for (const topic of no) if (topic !== '') assert.deepEqual(matched(trie, topic), [], `${filter} should not match ${topic}`);
    for (const topic of yes) assert.ok(matches(filter, topic));
    for (const topic of no) if (topic !== '') assert.ok(!matches(filter, topic));
  });
}

test('topic trie: agrees with a naive matcher through any adds, replacements and removals, and keeps no empty branch', () => {
  const change = fc.record({ filter: filterArbitrary, isRemoval: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.array(topicArbitrary, { maxLength: 12 }), fc.integer(), (changes, topics, seed) => {
      const trie = new TopicTrie<string>(seed);
      const model = new Set<string>();
      for (const { filter, isRemoval } of changes) {
        if (isRemoval) {
          assert.equal(trie.delete(filter), model.delete(filter));
        } else {
          trie.set(filter, filter);
          model.add(filter);
        }
        assert.equal(trie.get(filter), isRemoval ? undefined : filter);
      }
      assert.equal(trie.size, model.size);
      assert.equal(trie.nodeCount, nodesNeeded(model));
      assert.deepEqual([...trie.values()].sort(), [...model].sort());
      for (const topic of topics) {
        assert.deepEqual(matched(trie, topic), [...model].filter((filter) => matches(filter, topic)).sort());
      }
      for (const filter of model) trie.delete(filter);
      assert.equal(trie.nodeCount, 1);
    }),
    randomRuns(400),
  );
});

/** The root and each distinct prefix of whole levels. */
function nodesNeeded(filters: ReadonlySet<string>): number {
  const prefixes = new Set<string>();
  for (const filter of filters) {
    const levels = filter.split('/');
    for (let count = 1; count <= levels.length; count += 1) prefixes.add(levels.slice(0, count).join('/'));
  }
  return prefixes.size + 1;
}

test('topic trie: survives thousands of filters coming and going under one parent', () => {
  const trie = new TopicTrie<number>(7);
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 5000; index += 1) trie.set(`devices/${index}/state`, index);
    for (let index = 0; index < 5000; index += 1) if (index % 7 !== round) trie.delete(`devices/${index}/state`);
    for (let index = 0; index < 5000; index += 1) {
      assert.deepEqual(matched(trie, `devices/${index}/state`), index % 7 === round ? [index] : []);
    }
    trie.rewrite(() => undefined);
    assert.equal(trie.nodeCount, 1);
  }
});

test('topic trie: rewrite replaces and removes values in one pass', () => {
  const trie = new TopicTrie<number>(7);
  for (let index = 0; index < 100; index += 1) trie.set(`a/${index}`, index);
  trie.rewrite((value) => (value % 2 === 0 ? value + 1000 : undefined));
  assert.equal(trie.size, 50);
  assert.deepEqual(matched(trie, 'a/4'), [1004]);
  assert.deepEqual(matched(trie, 'a/5'), []);
});

test('topic trie: topics and filters of 32,768 levels neither overflow the stack nor lose a match', () => {
  const trie = new TopicTrie<string>(7);
  const deep = '/'.repeat(65_535);
  trie.set(deep, 'exact');
  trie.set(`${'+/'.repeat(32_766)}#`, 'pluses');
  trie.set('#', 'all');
  assert.deepEqual(matched(trie, deep), ['all', 'exact', 'pluses']);
  assert.deepEqual(matched(trie, 'a'), ['all']);
  trie.delete(deep);
  assert.deepEqual(matched(trie, deep), ['all', 'pluses']);
});

test('topic trie: a topic longer than every filter costs no more than the filters', () => {
  const trie = new TopicTrie<string>(7);
  for (let depth = 1; depth <= 16; depth += 1) {
    for (const head of ['a', '+']) trie.set(`${`${head}/`.repeat(depth)}#`, `${head}${depth}`);
  }
  assert.equal(matched(trie, 'a/'.repeat(16)).length, 32);
});

test('topic trie: a visitor that uses the trie again is stopped', () => {
  const trie = new TopicTrie<string>(7);
  trie.set('a', 'a');
  assert.throws(() => trie.match('a', () => trie.set('b', 'b')), { name: 'AssertionFailure' });
  assert.deepEqual(matched(trie, 'a'), ['a']);
});
