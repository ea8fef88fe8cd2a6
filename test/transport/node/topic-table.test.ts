import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOPIC_MALFORMED, TOPIC_NOT_A_NAME, TOPIC_TABLE_FULL, TopicTable } from '../../../src/transport/node/topic-table.js';

function intern(table: TopicTable, name: string, pins = false): number {
  const bytes = Buffer.from(`--${name}--`);
  return table.intern(bytes, 2, bytes.length - 4, pins);
}

test('topic table: a topic in steady use keeps its number while names used once come and go', () => {
  const table = new TopicTable(16, 7);
  const hot = intern(table, 'hot');
  for (let i = 0; i < 500; i += 1) {
    intern(table, `cold/${i}`);
    assert.equal(intern(table, 'hot'), hot);
  }
  assert.equal(table.generations[hot], 1);
});

test('topic table: numbers pinned in a batch are not given out, and are again in the next', () => {
  const table = new TopicTable(4, 7);
  for (let i = 0; i < 4; i += 1) assert.equal(intern(table, `t${i}`, true), i);
  assert.equal(intern(table, 'one more', true), TOPIC_TABLE_FULL);
  table.beginBatch();
  const topic = intern(table, 'one more', true);
  assert.ok(topic >= 0);
  assert.equal(table.nameOf(topic), 'one more');
});

test('topic table: malformed text and wildcards have different answers', () => {
  const table = new TopicTable(4, 7);
  assert.equal(intern(table, 'a/#'), TOPIC_NOT_A_NAME);
  assert.equal(intern(table, ''), TOPIC_MALFORMED);
  assert.equal(intern(table, 'a\u0007'), TOPIC_MALFORMED);
  assert.equal(table.intern(Buffer.from([0xff]), 0, 1, false), TOPIC_MALFORMED);
});

test('topic table: finds every topic it holds after thousands of evictions, whatever the seed', () => {
  for (const seed of [0, 1, -77, 0x7fff_ffff]) {
    const table = new TopicTable(64, seed);
    const holder = new Map<number, string>();
    for (let i = 0; i < 5000; i += 1) {
      const name = `name/${(i * 7919) % 257}`;
      const topic = intern(table, name);
      holder.set(topic, name);
      assert.equal(table.nameOf(topic), name);
    }
    for (const [topic, name] of holder) {
      const generation = table.generations[topic];
      assert.equal(intern(table, name), topic);
      assert.equal(table.generations[topic], generation);
    }
  }
});
