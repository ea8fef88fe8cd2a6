import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../../src/base/random.js';
import { ownerOf } from '../../src/broker/level-hash.js';
import type { StoredMessage, SubscribeResult } from '../../src/broker/ports.js';
import { filterArbitrary, matches, optionsOf, randomRuns, topicArbitrary } from './naive-matcher.js';
import { SimulatedNode, Subscriber, SubscriptionModel } from './simulated-node.js';

function messageOf(topic: string, sequence: number): StoredMessage {
  return { topic, frame: new Uint8Array(0), version: 5, receivedAtMs: sequence, expiresAtMs: 0 };
}

function subscribe(
  node: SimulatedNode,
  subscriber: Subscriber,
  filter: string,
  changes: Parameters<typeof optionsOf>[0] = {},
): SubscribeResult[] {
  const results: SubscribeResult[] = [];
  node.brokers[subscriber.shard].subscribe(subscriber, [{ filter, options: optionsOf(changes) }], (answer) => results.push(...answer));
  return results;
}

test('shard broker: with one shard every answer comes before the call returns', () => {
  const node = new SimulatedNode(1, new SeededRandom(1));
  const [broker] = node.brokers;
  let stored = '';
  broker.retain('a/b', messageOf('a/b', 1), (status) => {
    stored = status;
  });
  assert.equal(stored, 'stored');
  const subscriber = new Subscriber('s', 0);
  const [result] = subscribe(node, subscriber, 'a/+');
  assert.deepEqual([result.status, result.isNew, result.retained.map((message) => message.topic)], ['granted', true, ['a/b']]);
  let claims = 0;
  node.sessions[0].connect('c', false, () => {
    claims += 1;
  });
  assert.equal(claims, 1);
  assert.equal(broker.waitingCount, 0);
});

test('shard broker: retain handling 0 sends always, 1 only to a new subscription, 2 never, and shared ones get none', () => {
  for (const shardCount of [1, 3]) {
    const node = new SimulatedNode(shardCount, new SeededRandom(1));
    node.brokers[0].retain('t', messageOf('t', 1), () => {});
    node.settle();
    const counted = (filter: string, retainHandling: 0 | 1 | 2): number => {
      let count = -1;
      node.brokers[0].subscribe(subscriber, [{ filter, options: optionsOf({ retainHandling }) }], ([result]) => {
        count = result.retained.length;
      });
      node.settle();
      return count;
    };
    const subscriber = new Subscriber('s', 0);
    assert.deepEqual([counted('t', 2), counted('t', 1), counted('t', 0), counted('t', 0)], [0, 0, 1, 1]);
    assert.deepEqual([counted('+', 1), counted('+', 1), counted('$share/g/t', 0)], [1, 0, 0]);
  }
});

test('shard broker: a limit refuses single requests of a subscribe and grants the others', () => {
  const node = new SimulatedNode(2, new SeededRandom(1), false, {
    subscriptionsMax: 2,
    retained: { messagesMax: 2, bytesMax: 0, payloadBytesMax: 0, expiryMs: 0 },
  });
  const requests = ['a', 'b', 'c', 'a'].map((filter) => ({ filter, options: optionsOf() }));
  let results: readonly SubscribeResult[] = [];
  node.brokers[1].subscribe(new Subscriber('s', 1), requests, (answer) => {
    results = answer;
  });
  node.settle();
  assert.deepEqual(
    results.map((result) => [result.status, result.isNew]),
    [
      ['granted', true],
      ['granted', true],
      ['quota-exceeded', true],
      ['granted', false],
    ],
  );
  assert.equal(node.brokers[1].subscriptionCount, 2);
});

test('shard broker: routes change only with a new version, and a version covers the peers’ changes too', () => {
  const node = new SimulatedNode(2, new SeededRandom(1));
  const before = node.brokers[0].compileRoute('t');
  assert.equal(before.version, node.brokers[0].subscriptionVersion);
  const subscriber = new Subscriber('s', 1);
  subscribe(node, subscriber, 't');
  node.settle();
  const after = node.brokers[0].compileRoute('t');
  assert.ok(after.version > before.version);
  assert.deepEqual(after.shards, [1]);
  assert.deepEqual(node.brokers[1].unsubscribe(subscriber, ['t', 'u']), [true, false]);
  node.settle();
  assert.ok(node.brokers[0].subscriptionVersion > after.version);
  assert.deepEqual(node.brokers[0].compileRoute('t').shards, []);
});

test('shard broker: a retained quota is refused by the owner and heard by the publisher', () => {
  const node = new SimulatedNode(2, new SeededRandom(1), false, {
    subscriptionsMax: 2,
    retained: { messagesMax: 2, bytesMax: 0, payloadBytesMax: 0, expiryMs: 0 },
  });
  const statuses = new Map<string, string[]>();
  for (const topic of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const owner = String(ownerOf(topic, 2));
    node.brokers[0].retain(topic, messageOf(topic, 1), (status) => statuses.set(owner, [...(statuses.get(owner) ?? []), status]));
  }
  node.settle();
  for (const [owner, answers] of statuses) {
    assert.equal(answers[0], 'stored', `owner ${owner}`);
    assert.ok(answers.slice(1).every((status) => status === 'quota-exceeded'));
  }
});

test('shard broker: a message to a shared subscription reaches one member, on whichever shard, each in turn', () => {
  const node = new SimulatedNode(3, new SeededRandom(3));
  const members = [0, 1, 1, 2, 2, 2].map((shard, index) => new Subscriber(`m${index}`, shard));
  const plain = new Subscriber('plain', 1);
  for (const member of members) subscribe(node, member, '$share/g/t/+');
  subscribe(node, plain, 't/#');
  node.settle();
  for (let sequence = 0; sequence < 60; sequence += 1) node.publish(0, 't/x', sequence);
  node.settle();
  assert.equal(plain.live.length, 60);
  assert.deepEqual(
    members.map((member) => member.live.length),
    [10, 10, 10, 10, 10, 10],
  );
  node.brokers[2].forget(members[5]);
  node.settle();
  const route = node.brokers[0].compileRoute('t/x');
  assert.deepEqual(route.shards, [1]);
  for (let sequence = 60; sequence < 110; sequence += 1) node.publish(0, 't/x', sequence);
  node.settle();
  assert.equal(plain.live.length, 110);
  assert.deepEqual(
    members.map((member) => member.live.length),
    [20, 20, 20, 20, 20, 10],
  );
});

type Change =
  | { readonly what: 'subscribe' | 'unsubscribe'; readonly who: number; readonly filter: string; readonly identifier: number }
  | { readonly what: 'forget'; readonly who: number }
  | { readonly what: 'replace'; readonly who: number }
  | { readonly what: 'deliver'; readonly who: number };

const subscribedFilter = fc.oneof(
  { weight: 3, arbitrary: filterArbitrary },
  { weight: 1, arbitrary: filterArbitrary.map((filter) => `$share/g/${filter}`) },
);
const who = fc.nat(5);

const changeArbitrary: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant('subscribe' as const), who, filter: subscribedFilter, identifier: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('unsubscribe' as const), who, filter: subscribedFilter, identifier: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('forget' as const), who }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('replace' as const), who }) },
  { weight: 8, arbitrary: fc.record({ what: fc.constant('deliver' as const), who: fc.nat(10) }) },
);

test('shard broker: after any changes, deaths and interleavings every shard routes by the truth, and every subscribe was answered', () => {
  const run = fc.property(
    fc.integer({ min: 1, max: 4 }),
    fc.integer(),
    fc.array(changeArbitrary, { maxLength: 50 }),
    fc.array(topicArbitrary, { minLength: 3, maxLength: 6 }),
    checkRoutes,
  );
  fc.assert(run, randomRuns(1000));
});

function checkRoutes(shardCount: number, seed: number, changes: readonly Change[], topics: readonly string[]): void {
  const node = new SimulatedNode(shardCount, new SeededRandom(seed));
  const model = new SubscriptionModel();
  const subscribers = Array.from({ length: 6 }, (_, index) => new Subscriber(`s${index}`, index % shardCount));
  // Answers still owed, by shard: a shard that dies owes none.
  const owed = new Array<number>(shardCount).fill(0);
  const generations = new Array<number>(shardCount).fill(0);
  for (const change of changes) {
    const subscriber = subscribers[change.who % subscribers.length];
    const shard = subscriber.shard;
    if (change.what === 'deliver') {
      for (let count = 0; count < change.who; count += 1) node.step();
    } else if (change.what === 'subscribe') {
      const generation = generations[shard];
      owed[shard] += 1;
      model.add(subscriber, change.filter);
      node.brokers[shard].subscribe(subscriber, [{ filter: change.filter, options: optionsOf({ identifier: change.identifier }) }], () => {
        assert.equal(generation, generations[shard]);
        owed[shard] -= 1;
      });
    } else if (change.what === 'unsubscribe') {
      assert.deepEqual(node.brokers[shard].unsubscribe(subscriber, [change.filter]), [model.remove(subscriber, change.filter)]);
    } else if (change.what === 'forget') {
      node.brokers[shard].forget(subscriber);
      model.forget(subscriber);
    } else if (shardCount > 1) {
      node.replace(shard);
      model.forgetShard(shard);
      owed[shard] = 0;
      generations[shard] += 1;
    }
  }
  node.settle();
  assert.deepEqual(owed, new Array(shardCount).fill(0));
  for (const broker of node.brokers) {
    assert.equal(broker.waitingCount, 0);
    for (const topic of topics) checkRoute(node, model, broker.shard, topic);
  }
}

function checkRoute(node: SimulatedNode, model: SubscriptionModel, shard: number, topic: string): void {
  const { shardCount } = node;
  const route = node.brokers[shard].compileRoute(topic);
  assert.deepEqual(route.receivers.map((receiver) => receiver.subscriber.name).sort(), model.receiversOn(shard, topic));
  const others = Array.from({ length: shardCount }, (_, other) => other).filter(
    (other) => other !== shard && model.receiversOn(other, topic).length > 0,
  );
  assert.deepEqual(route.shards, others);

  const groups = model.groupsOf(topic, shardCount);
  assert.deepEqual(route.shared.map((group) => group.key).sort(), [...groups.keys()].sort());
  for (const group of route.shared) {
    const counts = groups.get(group.key) ?? [];
    const total = counts.reduce((sum, count) => sum + count, 0);
    const picks = new Array<number>(shardCount).fill(0);
    for (let turn = 0; turn < total; turn += 1) {
      const pick = group.next(node.choice);
      picks[pick >= 0 ? shard : ~pick] += 1;
      if (pick < 0)
        assert.ok(node.brokers[~pick].sharedMember(group.numberOn(~pick), node.choice) !== null, 'the number means the group there');
    }
    assert.deepEqual(picks, counts, 'a full turn gives each member one message');
  }
}

test('shard broker: a new subscriber learns the last message of every topic, live or retained, however things interleave', () => {
  const publish = fc.record({ topic: topicArbitrary, writer: fc.nat(3), steps: fc.nat(6) });
  const joining = fc.record({ filter: filterArbitrary, shard: fc.nat(3), steps: fc.nat(6) });
  const events = fc.array(fc.oneof({ weight: 3, arbitrary: publish }, { weight: 1, arbitrary: joining }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4 }), fc.integer(), events, (shardCount, seed, all) => {
      const node = new SimulatedNode(shardCount, new SeededRandom(seed));
      const writers = new Map<string, number>();
      const last = new Map<string, number>();
      const joined: { subscriber: Subscriber; filter: string }[] = [];
      all.forEach((event, index) => {
        if ('topic' in event) {
          // One writer per topic: between two writers no order is promised.
          const writer = writers.get(event.topic) ?? event.writer % shardCount;
          writers.set(event.topic, writer);
          last.set(event.topic, index);
          node.publish(writer, event.topic, index);
          node.brokers[writer].retain(event.topic, messageOf(event.topic, index), (status) => assert.equal(status, 'stored'));
        } else {
          const subscriber = new Subscriber(`s${index}`, event.shard % shardCount);
          joined.push({ subscriber, filter: event.filter });
          node.brokers[subscriber.shard].subscribe(subscriber, [{ filter: event.filter, options: optionsOf() }], ([result]) => {
            for (const message of result.retained) subscriber.live.push({ topic: message.topic, sequence: message.receivedAtMs });
          });
        }
        for (let count = 0; count < event.steps; count += 1) node.step();
      });
      node.settle();
      for (const { subscriber, filter } of joined) {
        const seen = new Map<string, number>();
        for (const { topic, sequence } of subscriber.live) seen.set(topic, Math.max(sequence, seen.get(topic) ?? -1));
        for (const [topic, sequence] of last)
          if (matches(filter, topic)) assert.equal(seen.get(topic), sequence, `${filter} missed ${topic}`);
      }
    }),
    randomRuns(1000),
  );
});

function topicOwnedBy(shard: number, shardCount: number): string {
  for (let index = 0; ; index += 1) if (ownerOf(`t${index}`, shardCount) === shard) return `t${index}`;
}

test('shard broker: a retained message still on the way to its owner is waited for by a subscriber that was not routed to', () => {
  const node = new SimulatedNode(3, new SeededRandom(1));
  const topic = topicOwnedBy(2, 3);
  node.publish(1, topic, 7);
  node.brokers[1].retain(topic, messageOf(topic, 7), () => {});
  const results = subscribe(node, new Subscriber('s', 0), topic);
  node.deliver(0, 1);
  node.deliver(0, 2);
  node.deliver(2, 0);
  // Shard 1 has heard of the interest, but says so only when the owner has what it published before.
  assert.throws(() => node.deliver(1, 0), /on the way/);
  node.settle();
  assert.deepEqual(
    results[0].retained.map((message) => message.receivedAtMs),
    [7],
  );
});

test('shard broker: a message delivered here before a subscribe and not yet with its owner reaches the new subscriber of a known filter', () => {
  const node = new SimulatedNode(2, new SeededRandom(1));
  const topic = topicOwnedBy(0, 2);
  const [early, late] = [new Subscriber('early', 0), new Subscriber('late', 0)];
  subscribe(node, early, topic);
  node.settle();
  node.publish(1, topic, 7);
  node.brokers[1].retain(topic, messageOf(topic, 7), () => {});
  node.deliver(1, 0);
  assert.equal(early.live.length, 1);
  const results = subscribe(node, late, topic);
  node.settle();
  assert.equal(late.live.length, 0);
  assert.deepEqual(
    results[0].retained.map((message) => message.receivedAtMs),
    [7],
  );
});

test('shard broker: a subscribe that needs no message itself waits while its filter is still being told', () => {
  const node = new SimulatedNode(2, new SeededRandom(1));
  const first = subscribe(node, new Subscriber('first', 0), 't', { retainHandling: 2 });
  const second = subscribe(node, new Subscriber('second', 0), 't', { retainHandling: 2 });
  assert.deepEqual([first.length, second.length], [0, 0]);
  node.settle();
  assert.deepEqual([first.length, second.length], [1, 1]);
  const before = node.messageCount;
  assert.equal(subscribe(node, new Subscriber('third', 0), 't', { retainHandling: 2 }).length, 1);
  assert.equal(node.messageCount, before, 'a known filter costs no message');
});

test('shard broker: retained messages on the way to a shard that dies reach its successor, and their publisher is answered', () => {
  const node = new SimulatedNode(3, new SeededRandom(9));
  const topic = ['a', 'b', 'c', 'd', 'e'].find((name) => ownerOf(name, 3) === 1) ?? '';
  const answers: string[] = [];
  node.brokers[0].retain(topic, messageOf(topic, 1), (status) => answers.push(status));
  const subscriber = new Subscriber('s', 2);
  const results: SubscribeResult[] = [];
  node.brokers[2].subscribe(subscriber, [{ filter: '#', options: optionsOf() }], (answer) => results.push(...answer));
  node.replace(1);
  node.settle();
  assert.deepEqual(answers, ['stored']);
  assert.equal(node.brokers[1].retainedCount, 1);
  assert.equal(results.length, 1);
  assert.deepEqual(node.brokers[1].compileRoute(topic).shards, [2]);
});
