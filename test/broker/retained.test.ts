import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StoredMessage } from '../../src/broker/ports.js';
import { type RetainedLimits, RetainedStore } from '../../src/broker/retained.js';
import { filterArbitrary, matches, randomRuns, topicArbitrary } from './naive-matcher.js';

const NOW_MS = 1_000_000;

function limitsOf(messagesMax: number): RetainedLimits {
  return { messagesMax, bytesMax: 0, payloadBytesMax: 0, expiryMs: 0 };
}

function messageOf(topic: string, expiresAtMs = 0): StoredMessage {
  return { topic, frame: new Uint8Array(1), version: 5, receivedAtMs: NOW_MS, expiresAtMs };
}

function topicsOf(store: RetainedStore, filter: string, nowMs = NOW_MS): string[] {
  const messages: StoredMessage[] = [];
  store.match(filter, nowMs, messages);
  return messages.map((message) => message.topic).sort();
}

test('retained: any filter finds what a naive matcher finds, through any puts and removals', () => {
  const change = fc.record({ topic: topicArbitrary, isRemoval: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 50 }), fc.array(filterArbitrary, { maxLength: 10 }), (changes, filters) => {
      const store = new RetainedStore(limitsOf(1000), 3);
      const model = new Set<string>();
      for (const { topic, isRemoval } of changes) {
        if (isRemoval) assert.equal(store.remove(topic), model.delete(topic));
        else assert.ok(store.put(messageOf(topic), NOW_MS));
        if (!isRemoval) model.add(topic);
      }
      assert.equal(store.count, model.size);
      for (const filter of filters) {
        assert.deepEqual(topicsOf(store, filter), [...model].filter((topic) => matches(filter, topic)).sort());
      }
    }),
    randomRuns(300),
  );
});

test('retained: the last message of a topic replaces the one before', () => {
  const store = new RetainedStore(limitsOf(10), 3);
  store.put(messageOf('a/b', 0), NOW_MS);
  const last = messageOf('a/b', NOW_MS + 50);
  store.put(last, NOW_MS);
  assert.equal(store.count, 1);
  assert.equal(store.get('a/b', NOW_MS), last);
});

test('retained: wildcards in the first level pass over topics that begin with $', () => {
  const store = new RetainedStore(limitsOf(10), 3);
  for (const topic of ['$SYS/uptime', '$SYS', 'a/uptime', 'a/$SYS']) store.put(messageOf(topic), NOW_MS);
  assert.deepEqual(topicsOf(store, '#'), ['a/$SYS', 'a/uptime']);
  assert.deepEqual(topicsOf(store, '+/uptime'), ['a/uptime']);
  assert.deepEqual(topicsOf(store, '+'), []);
  assert.deepEqual(topicsOf(store, '$SYS/#'), ['$SYS', '$SYS/uptime']);
  assert.deepEqual(topicsOf(store, 'a/+'), ['a/$SYS', 'a/uptime']);
});

test('retained: an expired message is not given out from the very millisecond on, and leaves with the sweep', () => {
  const store = new RetainedStore(limitsOf(10), 3);
  store.put(messageOf('short', NOW_MS + 10), NOW_MS);
  store.put(messageOf('long'), NOW_MS);
  assert.deepEqual(topicsOf(store, '#', NOW_MS + 9), ['long', 'short']);
  assert.deepEqual(topicsOf(store, '#', NOW_MS + 10), ['long']);
  assert.equal(store.get('short', NOW_MS + 10), undefined);
  assert.equal(store.count, 2);
  store.sweep(NOW_MS + 10, () => {});
  assert.equal(store.count, 1);
});

test('retained: a full store refuses a new topic, takes a known one, and makes room from expired ones', () => {
  const store = new RetainedStore(limitsOf(2), 3);
  assert.ok(store.put(messageOf('a', NOW_MS + 10), NOW_MS));
  assert.ok(store.put(messageOf('b'), NOW_MS));
  assert.ok(!store.put(messageOf('c'), NOW_MS));
  assert.ok(store.put(messageOf('b'), NOW_MS));
  assert.ok(store.put(messageOf('c'), NOW_MS + 10));
  assert.deepEqual(topicsOf(store, '#', NOW_MS + 10), ['b', 'c']);
});

test('retained: the sweep comes round to every node of a store larger than one turn of it', () => {
  const store = new RetainedStore(limitsOf(100_000), 3);
  for (let index = 0; index < 20_000; index += 1) store.put(messageOf(`t/${index}`, index % 2 === 0 ? NOW_MS + 1 : 0), NOW_MS);
  for (let tick = 0; tick < 6; tick += 1) store.sweep(NOW_MS + 1, () => {});
  assert.equal(store.count, 10_000);
});

test('retained: topics of 65,535 levels are found and removed without recursion', () => {
  const store = new RetainedStore(limitsOf(10), 3);
  const deep = '/'.repeat(65_535);
  store.put(messageOf(deep), NOW_MS);
  assert.deepEqual(topicsOf(store, '#'), [deep]);
  assert.deepEqual(topicsOf(store, '+/#'), [deep]);
  assert.ok(store.remove(deep));
  assert.equal(store.count, 0);
});

const PAGE = { messages: 3, bytes: 1000, nodes: 7 };

/** All pages, with something done between two of them. */
function pagesOf(store: RetainedStore, filter: string, between: () => void = () => {}): string[] {
  const topics: string[] = [];
  let from = 0;
  do {
    const messages: StoredMessage[] = [];
    from = store.page(filter, from, NOW_MS, PAGE, messages);
    assert.ok(messages.length <= PAGE.messages);
    topics.push(...messages.map(({ topic }) => topic));
    between();
  } while (from !== 0);
  return topics;
}

test('retained: pages together have what one search has, each topic once', () => {
  fc.assert(
    fc.property(fc.array(topicArbitrary, { maxLength: 60 }), filterArbitrary, (topics, filter) => {
      const store = new RetainedStore(limitsOf(1000), 3);
      for (const topic of topics) store.put(messageOf(topic), NOW_MS);
      assert.deepEqual(pagesOf(store, filter).sort(), topicsOf(store, filter));
    }),
    randomRuns(500),
  );
});

test('retained: what stays while others come and go is in one of the pages', () => {
  fc.assert(
    fc.property(fc.array(topicArbitrary, { minLength: 10, maxLength: 60 }), fc.infiniteStream(topicArbitrary), (stays, others) => {
      const store = new RetainedStore(limitsOf(1000), 3);
      for (const topic of stays) store.put(messageOf(topic), NOW_MS);
      const kept = new Set(stays);
      const seen = pagesOf(store, '#', () => {
        const topic = others.next().value;
        if (kept.has(topic)) return;
        if (!store.remove(topic)) store.put(messageOf(topic), NOW_MS);
      });
      for (const topic of kept) if (!topic.startsWith('$')) assert.equal(seen.filter((it) => it === topic).length, 1, topic);
    }),
    randomRuns(300),
  );
});

test('retained: bytes are limited in all and by message, and those of the message before are free', () => {
  const store = new RetainedStore({ messagesMax: 10, bytesMax: 100, payloadBytesMax: 60, expiryMs: 0 }, 3);
  const sized = (topic: string, bytes: number): StoredMessage => ({ ...messageOf(topic), frame: new Uint8Array(bytes) });
  assert.equal(store.put(sized('a', 61), NOW_MS), false, 'too long');
  assert.ok(store.put(sized('a', 60), NOW_MS));
  assert.equal(store.put(sized('b', 41), NOW_MS), false, 'too much');
  assert.ok(store.put(sized('b', 40), NOW_MS));
  assert.ok(store.put(sized('a', 59), NOW_MS), 'in its place');
  assert.equal(store.bytes, 99);
  store.remove('a');
  assert.ok(store.put(sized('c', 60), NOW_MS));
});

test('retained: a tenant has its own limits beside those of all, and its messages expire by them', () => {
  const own = { messagesMax: 1, bytesMax: 0, payloadBytesMax: 0, expiryMs: 500 };
  const store = new RetainedStore(limitsOf(10), 3, (topic) => (topic.startsWith('$tenant/small/') ? own : null));
  assert.ok(store.put(messageOf('$tenant/small/a'), NOW_MS));
  assert.equal(store.put(messageOf('$tenant/small/b'), NOW_MS), false);
  assert.ok(store.put(messageOf('$tenant/other/b'), NOW_MS));
  assert.ok(store.put(messageOf('$tenant/small/a', NOW_MS + 100), NOW_MS), 'its own expiry is sooner');
  assert.equal(store.get('$tenant/small/a', NOW_MS + 100), undefined);
  assert.ok(store.put(messageOf('$tenant/small/b'), NOW_MS + 100), 'the expired one made room');
  assert.equal(store.get('$tenant/small/b', NOW_MS + 499)?.topic, '$tenant/small/b');
  assert.equal(store.get('$tenant/small/b', NOW_MS + 500), undefined);
});

test('retained: the sweep tells whose message has expired', () => {
  const store = new RetainedStore(limitsOf(10), 3);
  store.put(messageOf('a', NOW_MS + 1), NOW_MS);
  store.put(messageOf('b'), NOW_MS);
  const swept: string[] = [];
  store.sweep(NOW_MS + 1, (topic) => swept.push(topic));
  assert.deepEqual(swept, ['a']);
  assert.equal(store.bytes, 1);
});
