import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { RawClient } from './raw-client.js';
import { connectClient, connectInbox, Inbox, startBroker, urlOf } from './running-broker.js';

const SHARDS = 'runtime.shards=2';
const MESSAGES = 200;
const TOPICS = 10;
const DURABLE = { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 600 } } as const;

/** A client that says nothing of what it gets. */
async function silent(context: TestContext, url: string, clientId: string, receiveMaximum = 100): Promise<RawClient> {
  return RawClient.connect(context, url, { clientId, clean: false, properties: { sessionExpiryInterval: 600, receiveMaximum } });
}

async function publishAll(context: TestContext, url: string, count: number, qos: 1 | 2, first = 0): Promise<void> {
  const publisher = await connectClient(context, url);
  const sent: Promise<unknown>[] = [];
  for (let i = first; i < first + count; i += 1) sent.push(publisher.publishAsync(`jobs/${i % TOPICS}`, String(i), { qos }));
  await Promise.all(sent);
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

function heardBy(...inboxes: Inbox[]): number[] {
  return inboxes.flatMap(({ messages }) => messages.map(({ payload }) => Number(payload))).sort((a, b) => a - b);
}

for (const qos of [1, 2] as const)
  test(`shared queues: what is published while every member is away waits for the first that comes back, QoS ${qos}`, async (context) => {
    const broker = await startBroker(context, SHARDS);
    const url = urlOf(broker);
    const first = await connectClient(context, url, { ...DURABLE, clientId: 'worker' });
    await first.subscribeAsync('$share/g/jobs/#', { qos });
    await first.endAsync();
    await publishAll(context, url, MESSAGES, qos);
    const { inbox } = await connectInbox(context, url, { ...DURABLE, clientId: 'worker' });
    await inbox.until(MESSAGES);
    await publishAll(context, url, 20, qos, MESSAGES);
    await inbox.until(MESSAGES + 20);
    assert.deepEqual(heardBy(inbox), numbers(0, MESSAGES + 20));
    for (const { qos: delivered } of inbox.messages) assert.equal(delivered, qos);
  });

test('shared queues: members that outlive their connection and others share what waits, each message once', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const url = urlOf(broker);
  const keeper = await connectClient(context, url, { ...DURABLE, clientId: 'keeper' });
  await keeper.subscribeAsync('$share/g/jobs/#', { qos: 1 });
  await keeper.endAsync();
  const inboxes: Inbox[] = [];
  await publishAll(context, url, MESSAGES, 1);
  for (let i = 0; i < 3; i += 1) {
    const { client, inbox } = await connectInbox(context, url, { protocolVersion: i === 0 ? 4 : 5 });
    await client.subscribeAsync('$share/g/jobs/#', { qos: i as 0 | 1 | 2 });
    inboxes.push(inbox);
  }
  await publishAll(context, url, MESSAGES, 1, MESSAGES);
  await Inbox.untilTogether(inboxes, 2 * MESSAGES);
  assert.deepEqual(heardBy(...inboxes), numbers(0, 2 * MESSAGES));
  for (const [i, { messages }] of inboxes.entries()) {
    assert.ok(messages.length > 0, `member ${i} has a share`);
    for (const { qos } of messages) assert.equal(qos, Math.min(i, 1), 'what was granted (MQTT-4.8.2-3)');
  }
});

test('shared queues: what a lost member had of QoS 1 goes to another', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const url = urlOf(broker);
  const lost = await silent(context, url, 'lost');
  await lost.subscribe('$share/g/jobs/#', 1);
  await publishAll(context, url, MESSAGES, 1);
  await lost.until(() => lost.count('publish') === 100, 'a full window');
  const { client, inbox } = await connectInbox(context, url, { ...DURABLE, clientId: 'other' });
  await client.subscribeAsync('$share/g/jobs/#', { qos: 1 });
  await inbox.until(MESSAGES - 100);
  lost.socket.destroy();
  await inbox.until(MESSAGES);
  assert.deepEqual(heardBy(inbox), numbers(0, MESSAGES));
  const back = await silent(context, url, 'lost');
  back.say({ cmd: 'pingreq' });
  await back.hear('pingresp');
  assert.equal(back.count('publish'), 0, 'nothing of it is sent again');
});

test('shared queues: QoS 2 in progress finishes with the same session, and with nobody if that ends (MQTT-4.8.2-4, MQTT-4.8.2-5)', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const url = urlOf(broker);
  const lost = await silent(context, url, 'lost', 4);
  await lost.subscribe('$share/g/jobs/1', 2);
  await publishAll(context, url, 20, 2);
  await publishAll(context, url, 20, 2, 20);
  await lost.until(() => lost.count('publish') === 2, 'its part of the window for this shard’s logs');
  const given = lost.packets.filter((packet): packet is IPublishPacket => packet.cmd === 'publish');
  lost.socket.destroy();
  const { client, inbox } = await connectInbox(context, url, { ...DURABLE, clientId: 'other' });
  await client.subscribeAsync('$share/g/jobs/1', { qos: 2 });
  await inbox.until(2);
  assert.deepEqual(heardBy(inbox), [21, 31]);
  const back = await silent(context, url, 'lost', 4);
  await back.until(() => back.count('publish') === 2, 'both again');
  const again = back.packets.filter((packet): packet is IPublishPacket => packet.cmd === 'publish');
  assert.deepEqual(
    again.map(({ messageId, payload, dup }) => [messageId, payload.toString(), dup]),
    given.map(({ messageId, payload }) => [messageId, payload.toString(), true]),
  );
  back.socket.destroy();
  // A clean start ends the session: the two are gone, and not somebody else's.
  const fresh = await RawClient.connect(context, url, { clientId: 'lost', clean: true });
  await publishAll(context, url, 10, 2, 40);
  await inbox.until(3);
  assert.deepEqual(heardBy(inbox), [21, 31, 41]);
  assert.equal(fresh.count('publish'), 0);
});

test('shared queues: a message that a member refuses is nobody’s any more (MQTT-4.8.2-6)', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=1');
  const url = urlOf(broker);
  const refusing = await silent(context, url, 'refusing');
  refusing.onPacket = (packet) => {
    if (packet.cmd !== 'publish') return;
    const cmd = packet.qos === 1 ? 'puback' : 'pubrec';
    refusing.say({ cmd, messageId: packet.messageId as number, reasonCode: 0x80 });
  };
  await refusing.subscribe('$share/g/jobs/#', 2);
  await publishAll(context, url, 20, 1);
  await publishAll(context, url, 20, 2, 20);
  await refusing.until(() => refusing.count('publish') === 40, 'all of them');
  const { client, inbox } = await connectInbox(context, url, { ...DURABLE, clientId: 'second' });
  await client.subscribeAsync('$share/g/jobs/#', { qos: 2 });
  refusing.socket.destroy();
  await publishAll(context, url, 1, 1, 40);
  await inbox.until(1);
  assert.deepEqual(heardBy(inbox), [40]);
});
