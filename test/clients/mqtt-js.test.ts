import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeOf, connectClient, connectInbox, disconnectOf, Inbox, settle, startBroker, urlOf } from './running-broker.js';

/*
  mqtt.js, unmodified, against a whole broker with two shards: connections are dealt to both, so most of these cross a ring.
*/
const SHARDS = 'runtime.shards=2';

for (const listener of ['mqtt.tcp', 'mqtt.ws'] as const) {
  for (const protocolVersion of [4, 5] as const) {
    test(`mqtt.js: every QoS arrives as the lower of published and granted, over ${listener}, version ${protocolVersion}`, async (context) => {
      const broker = await startBroker(context, SHARDS);
      const subscriber = await connectClient(context, urlOf(broker, listener), { protocolVersion });
      const publisher = await connectClient(context, urlOf(broker, listener), { protocolVersion });
      const inbox = new Inbox(subscriber);
      for (const granted of [0, 1, 2] as const) await subscriber.subscribeAsync(`q/${granted}/+`, { qos: granted });
      for (const granted of [0, 1, 2]) {
        for (const qos of [0, 1, 2] as const) await publisher.publishAsync(`q/${granted}/${qos}`, `${granted}${qos}`, { qos });
      }
      const messages = await inbox.until(9);
      for (const message of messages) {
        const [granted, qos] = message.payload;
        assert.equal(message.qos, Math.min(Number(granted), Number(qos)), `published ${qos}, granted ${granted}`);
      }
      assert.equal(new Set(messages.map((message) => message.payload)).size, 9);
    });
  }
}

test('mqtt.js: a message passes from TCP to WebSocket and back, with a large payload', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const tcp = await connectClient(context, urlOf(broker));
  const ws = await connectClient(context, urlOf(broker, 'mqtt.ws'));
  const [fromWs, fromTcp] = [new Inbox(tcp), new Inbox(ws)];
  await tcp.subscribeAsync('to/tcp', { qos: 1 });
  await ws.subscribeAsync('to/ws', { qos: 1 });
  const large = 'x'.repeat(1_500_000);
  await ws.publishAsync('to/tcp', large, { qos: 1 });
  await tcp.publishAsync('to/ws', large, { qos: 1 });
  assert.equal((await fromWs.until(1))[0].payload, large);
  assert.equal((await fromTcp.until(1))[0].payload, large);
});

test('mqtt.js: retained messages reach later subscribers on any shard, by wildcard too, and go when emptied', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  for (let i = 0; i < 20; i += 1) await publisher.publishAsync(`house/${i}/state`, `${i}`, { qos: 1, retain: true });
  await publisher.publishAsync('house/3/state', '', { qos: 1, retain: true });
  for (let round = 0; round < 4; round += 1) {
    const subscriber = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
    const inbox = new Inbox(subscriber);
    await subscriber.subscribeAsync('house/+/state', { qos: 1, properties: { subscriptionIdentifier: 7 } });
    const messages = await inbox.until(19);
    assert.ok(messages.every((message) => message.retain && message.properties.subscriptionIdentifier === 7));
    await settle(subscriber);
    assert.equal(messages.length, 19);
  }
});

test('mqtt.js: retain handling and retain as published', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  await publisher.publishAsync('r/a', 'kept', { qos: 1, retain: true });
  const subscriber = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync('r/a', { qos: 1, rh: 2 });
  await settle(subscriber);
  assert.equal(inbox.messages.length, 0, 'retain handling 2 sends nothing');
  await subscriber.subscribeAsync('r/a', { qos: 1, rh: 1 });
  await settle(subscriber);
  assert.equal(inbox.messages.length, 0, 'retain handling 1 sends nothing to a subscription that exists');
  await subscriber.subscribeAsync('r/a', { qos: 1, rh: 0, rap: true });
  assert.equal((await inbox.until(1))[0].retain, true);
  await publisher.publishAsync('r/a', 'live', { qos: 1, retain: true });
  assert.equal((await inbox.until(2))[1].retain, true, 'retain as published');
  await subscriber.subscribeAsync('r/a', { qos: 1, rh: 2 });
  await publisher.publishAsync('r/a', 'live', { qos: 1, retain: true });
  assert.equal((await inbox.until(3))[2].retain, false, 'not as published');
});

test('mqtt.js: overlapping subscriptions are one delivery with the highest QoS and all identifiers', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const subscriber = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync('o/#', { qos: 0, properties: { subscriptionIdentifier: 300 } });
  await subscriber.subscribeAsync('o/+', { qos: 2, properties: { subscriptionIdentifier: 2 } });
  await subscriber.subscribeAsync('o/a', { qos: 1 });
  await publisher.publishAsync('o/a', 'once', { qos: 2 });
  const [message] = await inbox.until(1);
  await settle(subscriber);
  assert.equal(inbox.messages.length, 1);
  assert.equal(message.qos, 2);
  assert.deepEqual(message.properties.subscriptionIdentifier, [2, 300]);
});

test('mqtt.js: every property of a PUBLISH passes through, user properties in order', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const subscriber = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync('p', { qos: 1 });
  const properties = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 60,
    contentType: 'text/plain',
    responseTopic: 'answer/here',
    correlationData: Buffer.from([1, 2, 3]),
    userProperties: { a: ['1', '2'], b: '3' },
  };
  await publisher.publishAsync('p', 'x', { qos: 1, properties });
  const [message] = await inbox.until(1);
  assert.deepEqual({ ...(message.properties.userProperties as object) }, properties.userProperties);
  const { userProperties: _, ...plain } = message.properties;
  const { userProperties: __, ...expected } = properties;
  assert.deepEqual(plain, expected);
});

test('mqtt.js: topic aliases both ways, the publisher’s never leak', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const plain = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const aliased = await connectClient(context, urlOf(broker), { protocolVersion: 5, properties: { topicAliasMaximum: 2 } });
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5, autoAssignTopicAlias: true });
  const [plainInbox, aliasedInbox] = [new Inbox(plain), new Inbox(aliased)];
  const aliases: unknown[] = [];
  aliased.on('packetreceive', (packet) => {
    if (packet.cmd === 'publish') aliases.push(packet.properties?.topicAlias);
  });
  for (const client of [plain, aliased]) await client.subscribeAsync('alias/#', { qos: 1 });
  const topics = ['alias/one', 'alias/two', 'alias/three', 'alias/one', 'alias/two', 'alias/three', 'alias/one'];
  for (const topic of topics) await publisher.publishAsync(topic, topic, { qos: 1 });
  for (const inbox of [plainInbox, aliasedInbox]) {
    const messages = await inbox.until(topics.length);
    assert.deepEqual(
      messages.map((message) => message.payload),
      topics,
    );
    assert.deepEqual(
      messages.map((message) => message.topic),
      topics,
    );
  }
  assert.ok(plainInbox.messages.every((message) => message.properties.topicAlias === undefined));
  assert.deepEqual(aliases, [1, 2, undefined, 1, 2, undefined, 1]);
});

test('mqtt.js: no local keeps a client’s own messages from it', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const [one, two] = [
    await connectClient(context, urlOf(broker), { protocolVersion: 5 }),
    await connectClient(context, urlOf(broker), { protocolVersion: 5 }),
  ];
  const inbox = new Inbox(one);
  await one.subscribeAsync('nl', { qos: 1, nl: true });
  for (const qos of [0, 1, 2] as const) await one.publishAsync('nl', 'own', { qos });
  await two.publishAsync('nl', 'other', { qos: 1 });
  assert.equal((await inbox.until(1))[0].payload, 'other');
  await settle(one);
  assert.equal(inbox.messages.length, 1);
});

test('mqtt.js: a will is published when the client goes without a word, not when it takes leave', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const watcher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const inbox = new Inbox(watcher);
  await watcher.subscribeAsync('will/#', { qos: 2 });
  const will = { topic: 'will/a', payload: Buffer.from('gone'), qos: 2 as const, retain: false, properties: { contentType: 'text/plain' } };
  const polite = await connectClient(context, urlOf(broker), { protocolVersion: 5, will });
  await polite.endAsync();
  const rude = await connectClient(context, urlOf(broker), { protocolVersion: 5, will: { ...will, topic: 'will/b' } });
  rude.stream.destroy();
  const [message] = await inbox.until(1);
  assert.equal(message.topic, 'will/b');
  assert.equal(message.payload, 'gone');
  assert.equal(message.properties.contentType, 'text/plain');
});

test('mqtt.js: a delayed will is cancelled by the client that comes back', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const watcher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const inbox = new Inbox(watcher);
  await watcher.subscribeAsync('late/#', { qos: 1 });
  const options = (topic: string) => ({
    protocolVersion: 5 as const,
    clean: false,
    properties: { sessionExpiryInterval: 60 },
    will: { topic, payload: Buffer.from('gone'), qos: 1 as const, retain: false, properties: { willDelayInterval: 1 } },
  });
  const back = await connectClient(context, urlOf(broker), { clientId: 'comes-back', ...options('late/cancelled') });
  const away = await connectClient(context, urlOf(broker), { clientId: 'stays-away', ...options('late/due') });
  const bothGone = Promise.all([closeOf(back), closeOf(away)]);
  back.stream.destroy();
  away.stream.destroy();
  await bothGone;
  await connectClient(context, urlOf(broker), { clientId: 'comes-back', ...options('late/other') });
  await inbox.until(1);
  assert.deepEqual(
    inbox.messages.map((message) => message.topic),
    ['late/due'],
  );
});

test('mqtt.js: a second connection takes the session over, from any shard', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const options = { clientId: 'moving', protocolVersion: 5 as const, clean: false, properties: { sessionExpiryInterval: 60 } };
  let client = await connectClient(context, urlOf(broker), options);
  await client.subscribeAsync('take/over', { qos: 1 });
  for (let round = 0; round < 6; round += 1) {
    const told = disconnectOf(client);
    const gone = closeOf(client);
    const next = await connectClient(context, urlOf(broker), options);
    const inbox = new Inbox(next);
    assert.equal(await told, 0x8e);
    await gone;
    await publisher.publishAsync('take/over', `${round}`, { qos: 1 });
    assert.equal((await inbox.until(1))[0].payload, `${round}`);
    client = next;
  }
});

test('mqtt.js: a persistent session keeps its subscriptions and what came meanwhile', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const publisher = await connectClient(context, urlOf(broker));
  const options = { clientId: 'sleeper', clean: false };
  const first = await connectClient(context, urlOf(broker), options);
  await first.subscribeAsync('sleep/#', { qos: 2 });
  await first.endAsync();
  for (let i = 0; i < 100; i += 1) await publisher.publishAsync('sleep/a', `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
  await publisher.publishAsync('sleep/a', 'not kept', { qos: 0 });
  const { inbox } = await connectInbox(context, urlOf(broker), options);
  const messages = await inbox.until(100);
  // The client shows a QoS 2 message only at PUBREL, so the order is that of each QoS (MQTT 5.0 §4.6).
  for (const qos of [1, 2]) {
    assert.deepEqual(
      messages.filter((message) => message.qos === qos).map((message) => Number(message.payload)),
      Array.from({ length: 50 }, (_, i) => i * 2 + qos - 1),
    );
  }
});

test('mqtt.js: an expired message is not delivered to a session that comes back late', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  const options = { clientId: 'late', clean: false, protocolVersion: 5 as const, properties: { sessionExpiryInterval: 60 } };
  const first = await connectClient(context, urlOf(broker), options);
  await first.subscribeAsync('e', { qos: 1 });
  await first.endAsync();
  await publisher.publishAsync('e', 'short', { qos: 1, properties: { messageExpiryInterval: 1 } });
  await publisher.publishAsync('e', 'long', { qos: 1, properties: { messageExpiryInterval: 100 } });
  await new Promise((resolve) => setTimeout(resolve, 1_300)); // The time that passes is what is tested.
  const { client, inbox } = await connectInbox(context, urlOf(broker), options);
  const [message] = await inbox.until(1);
  await settle(client);
  assert.equal(message.payload, 'long');
  assert.equal(inbox.messages.length, 1);
  assert.ok(Number(message.properties.messageExpiryInterval) < 100);
});

test('mqtt.js: the server assigns an identifier where there is none', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const client = await connectClient(context, urlOf(broker), { protocolVersion: 5, clientId: '', manualConnect: false });
  await settle(client);
});

test('mqtt.js: a shared subscription gives each message to one member, in turn, over both shards', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const inboxes: Inbox[] = [];
  for (let member = 0; member < 4; member += 1) {
    const client = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
    inboxes.push(new Inbox(client));
    await client.subscribeAsync('$share/workers/jobs/#', { qos: 1 });
  }
  const everything = await connectClient(context, urlOf(broker));
  const all = new Inbox(everything);
  await everything.subscribeAsync('jobs/#', { qos: 1 });
  const publisher = await connectClient(context, urlOf(broker));
  const sent = Array.from({ length: 40 }, (_, i) => `${i}`);
  await Promise.all(sent.map((payload) => publisher.publishAsync('jobs/a', payload, { qos: 1 })));
  await all.until(40);
  for (const inbox of inboxes) await inbox.until(10);
  const got = inboxes.flatMap((inbox) => inbox.messages.map((message) => message.payload));
  assert.deepEqual(got.sort(), [...sent].sort());
});
