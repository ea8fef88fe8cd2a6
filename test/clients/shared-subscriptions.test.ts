import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawClient } from './raw-client.js';
import { connectClient, connectInbox, Inbox, startBroker, urlOf } from './running-broker.js';

const SHARDS = 'runtime.shards=2';
const MESSAGES = 120;

test('shared subscriptions: a member whose window is full is passed over', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=1');
  const url = urlOf(broker);
  const silent = await RawClient.connect(context, url, { properties: { receiveMaximum: 2 } });
  await silent.subscribe('$share/g/jobs', 1);
  const { client, inbox } = await connectInbox(context, url, { protocolVersion: 5 });
  await client.subscribeAsync('$share/g/jobs', { qos: 1 });
  const publisher = await connectClient(context, url);
  for (let i = 0; i < MESSAGES; i += 1) await publisher.publishAsync('jobs', String(i), { qos: 1 });
  await inbox.until(MESSAGES - 2);
  assert.equal(silent.count('publish'), 2);
  assert.equal(inbox.messages.length, MESSAGES - 2);
});

test('shared subscriptions: hash-topic gives each topic to one member, over both shards', async (context) => {
  const broker = await startBroker(context, SHARDS, 'mqtt.shared_subscription_strategy=hash-topic');
  const url = urlOf(broker);
  const inboxes: Inbox[] = [];
  for (let i = 0; i < 4; i += 1) {
    const { client, inbox } = await connectInbox(context, url, { protocolVersion: 5 });
    await client.subscribeAsync('$queue/jobs/#', { qos: 1 });
    inboxes.push(inbox);
  }
  const publishers = [await connectClient(context, url), await connectClient(context, url)];
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < MESSAGES; i += 1)
    sent.push(publishers[i % 2].publishAsync(`jobs/${i % 30}`, String(i), { qos: ((i >> 1) % 3) as 0 | 1 | 2 }));
  await Promise.all(sent);
  await Inbox.untilTogether(inboxes, MESSAGES);
  const owner = new Map<string, number>();
  for (const [member, { messages }] of inboxes.entries())
    for (const { topic } of messages) {
      assert.equal(owner.get(topic) ?? member, member, topic);
      owner.set(topic, member);
    }
  assert.equal(owner.size, 30);
  assert.ok(new Set(owner.values()).size > 1, 'more than one member has topics');
});

test('shared subscriptions: hash-client gives all of a publisher to one member, whatever the topic and the shard', async (context) => {
  const broker = await startBroker(context, SHARDS, 'mqtt.shared_subscription_strategy=hash-client');
  const url = urlOf(broker);
  const inboxes: Inbox[] = [];
  for (let i = 0; i < 4; i += 1) {
    const { client, inbox } = await connectInbox(context, url, { protocolVersion: 5 });
    await client.subscribeAsync('$share/g/#', { qos: 2 });
    inboxes.push(inbox);
  }
  const sent: Promise<unknown>[] = [];
  for (let p = 0; p < 8; p += 1) {
    const publisher = await connectClient(context, url, { clientId: `sensor-${p}` });
    for (let i = 0; i < 9; i += 1) sent.push(publisher.publishAsync(`t/${p}/${i}`, String(p), { qos: (i % 3) as 0 | 1 | 2 }));
  }
  await Promise.all(sent);
  await Inbox.untilTogether(inboxes, 72);
  const owner = new Map<string, number>();
  for (const [member, { messages }] of inboxes.entries())
    for (const { payload } of messages) {
      assert.equal(owner.get(payload) ?? member, member, `sensor-${payload}`);
      owner.set(payload, member);
    }
  assert.equal(owner.size, 8);
});

test('shared subscriptions: sticky gives everything to one member, and to the next when that one has gone', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=1', 'mqtt.shared_subscription_strategy=sticky');
  const url = urlOf(broker);
  const first = await connectInbox(context, url, { protocolVersion: 5 });
  const second = await connectInbox(context, url, { protocolVersion: 5 });
  for (const { client } of [first, second]) await client.subscribeAsync('$share/g/t', { qos: 1 });
  const publisher = await connectClient(context, url);
  for (let i = 0; i < 10; i += 1) await publisher.publishAsync('t', String(i), { qos: 1 });
  await first.inbox.until(10);
  await first.client.endAsync();
  for (let i = 0; i < 5; i += 1) await publisher.publishAsync('t', String(i), { qos: 1 });
  await second.inbox.until(5);
  assert.deepEqual([first.inbox.messages.length, second.inbox.messages.length], [10, 5]);
});
