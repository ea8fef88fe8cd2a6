import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SubscriptionOptions } from '../../src/broker/ports.js';
import { SharedGroups } from '../../src/broker/shared/shared-groups.js';
import { Subscriptions } from '../../src/broker/subscriptions.js';
import { filterArbitrary, matches, optionsOf, randomRuns, topicArbitrary } from './naive-matcher.js';

function newSubscriptions(limit = 100): Subscriptions<string> {
  return new Subscriptions<string>(limit, new SharedGroups<string>(0, 5), 5);
}

function put(subscriptions: Subscriptions<string>, subscriber: string, filter: string, changes: Partial<SubscriptionOptions> = {}): void {
  assert.ok(subscriptions.add(subscriber, filter, optionsOf(changes)) !== null);
}

test('subscriptions: overlapping ones of one subscriber give one receiver with the highest QoS and all identifiers', () => {
  const subscriptions = newSubscriptions();
  put(subscriptions, 's', 'a/#', { qos: 1, identifier: 7, retainAsPublished: true });
  put(subscriptions, 's', 'a/+', { qos: 2, identifier: 3 });
  put(subscriptions, 's', 'a/b', { qos: 0, identifier: 7 });
  put(subscriptions, 's', '+/b', { qos: 0 });
  const [receiver, ...others] = subscriptions.receiversOf('a/b');
  assert.deepEqual(others, []);
  assert.deepEqual({ ...receiver }, { subscriber: 's', qos: 2, identifiers: [3, 7], retainAsPublished: false, noLocal: false });
});

test('subscriptions: retain as published counts if any subscription of the highest QoS has it', () => {
  const subscriptions = newSubscriptions();
  put(subscriptions, 's', 'a/#', { qos: 1 });
  put(subscriptions, 's', 'a/b', { qos: 1, retainAsPublished: true });
  put(subscriptions, 's', '#', { qos: 0 });
  assert.equal(subscriptions.receiversOf('a/b')[0].retainAsPublished, true);
  assert.equal(subscriptions.receiversOf('a/c')[0].retainAsPublished, false);
});

test('subscriptions: no local holds only if every matching subscription has it', () => {
  const subscriptions = newSubscriptions();
  put(subscriptions, 's', 'a/#', { noLocal: true });
  put(subscriptions, 's', 'a/b', { noLocal: false });
  assert.equal(subscriptions.receiversOf('a/c')[0].noLocal, true);
  assert.equal(subscriptions.receiversOf('a/b')[0].noLocal, false);
});

test('subscriptions: a subscriber at its limit is refused one more, shared ones counted, and may go on after removing one', () => {
  for (const limit of [1, 2, 3]) {
    const subscriptions = newSubscriptions(limit);
    for (let index = 0; index < limit; index += 1) put(subscriptions, 's', index === 0 ? '$share/g/x' : `t/${index}`);
    assert.equal(subscriptions.add('s', 'more', optionsOf()), null);
    assert.equal(subscriptions.count, limit);
    const first = subscriptions.find('s', '$share/g/x');
    assert.ok(first !== undefined);
    subscriptions.remove(first);
    put(subscriptions, 's', 'more');
    put(subscriptions, 'other', 'more');
    assert.equal(subscriptions.count, limit + 1);
  }
});

test('subscriptions: options come back as they were given', () => {
  const subscriptions = newSubscriptions();
  const options = { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2, identifier: 268_435_455 } as const;
  put(subscriptions, 's', 'a', options);
  const subscription = subscriptions.find('s', 'a');
  assert.deepEqual(subscription?.options, options);
  assert.ok(subscription !== undefined);
  subscriptions.replaceOptions(subscription, optionsOf({ retainHandling: 1 }));
  assert.deepEqual(subscriptions.find('s', 'a')?.options, optionsOf({ retainHandling: 1 }));
});

test('subscriptions: receivers equal a naive evaluation through any adds, replacements and removals', () => {
  const change = fc.record({
    subscriber: fc.constantFrom('s', 't', 'u'),
    filter: filterArbitrary,
    isRemoval: fc.boolean(),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    noLocal: fc.boolean(),
    retainAsPublished: fc.boolean(),
    identifier: fc.nat(4),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.array(topicArbitrary, { maxLength: 8 }), (changes, topics) => {
      const subscriptions = newSubscriptions();
      const model = new Map<string, { subscriber: string; filter: string; options: SubscriptionOptions }>();
      for (const { subscriber, filter, isRemoval, ...flags } of changes) {
        const options = optionsOf(flags);
        const known = subscriptions.find(subscriber, filter);
        assert.equal(known !== undefined, model.has(`${subscriber} ${filter}`));
        if (isRemoval) {
          if (known !== undefined) subscriptions.remove(known);
          model.delete(`${subscriber} ${filter}`);
          continue;
        }
        if (known === undefined) put(subscriptions, subscriber, filter, flags);
        else subscriptions.replaceOptions(known, options);
        model.set(`${subscriber} ${filter}`, { subscriber, filter, options });
      }
      assert.equal(subscriptions.count, model.size);
      assert.deepEqual([...subscriptions.filters()].sort(), [...new Set([...model.values()].map((one) => one.filter))].sort());
      for (const topic of topics) assert.deepEqual(receivers(subscriptions, topic), naiveReceivers([...model.values()], topic));
      for (const subscriber of ['s', 't', 'u']) for (const one of subscriptions.of(subscriber)) subscriptions.remove(one);
      assert.equal(subscriptions.count, 0);
      assert.deepEqual([...subscriptions.filters()], []);
    }),
    randomRuns(300),
  );
});

function receivers(subscriptions: Subscriptions<string>, topic: string): object[] {
  return subscriptions
    .receiversOf(topic)
    .map((receiver) => ({ ...receiver }))
    .sort((left, right) => (left.subscriber < right.subscriber ? -1 : 1));
}

function naiveReceivers(all: readonly { subscriber: string; filter: string; options: SubscriptionOptions }[], topic: string): object[] {
  const result: object[] = [];
  for (const subscriber of ['s', 't', 'u']) {
    const own = all.filter((one) => one.subscriber === subscriber && matches(one.filter, topic)).map((one) => one.options);
    if (own.length === 0) continue;
    const qos = Math.max(...own.map((options) => options.qos));
    result.push({
      subscriber,
      qos,
      identifiers: [...new Set(own.map((options) => options.identifier).filter((id) => id > 0))].sort((left, right) => left - right),
      retainAsPublished: own.some((options) => options.qos === qos && options.retainAsPublished),
      noLocal: own.every((options) => options.noLocal),
    });
  }
  return result;
}
