import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { RawClient } from '../clients/raw-client.js';
import { DurableBroker } from './durable-broker.js';

/* Messages that are published later, through kill -9 and restarts. */

const KEPT = { sessionExpiryInterval: 3600 };
const SLACK_MS = 8_000;

function publishesOf(client: RawClient): IPublishPacket[] {
  return client.packets.filter((packet) => packet.cmd === 'publish');
}

async function reader(context: TestContext, url: string, clientId = 'reader'): Promise<RawClient> {
  return await RawClient.connect(context, url, { clientId, clean: false, properties: KEPT });
}

async function publish(client: RawClient, packet: Partial<IPublishPacket> & { topic: string }, messageId: number): Promise<number> {
  client.say({ cmd: 'publish', payload: 'x', qos: 1, dup: false, retain: false, messageId, ...packet });
  const kind = packet.qos === 2 ? 'pubrec' : 'puback';
  const isIt = (answer: (typeof client.packets)[number]): boolean => answer.cmd === kind && answer.messageId === messageId;
  await client.until(() => client.packets.some(isIt), `an answer to ${messageId}`);
  const answer = client.packets.find(isIt);
  return answer !== undefined && 'reasonCode' in answer ? (answer.reasonCode ?? 0) : 0;
}

test('delayed: a message comes not before its time, with its QoS, payload and properties, and its expiry counts from then', async (context) => {
  const broker = await DurableBroker.start(context);
  const client = await reader(context, broker.url);
  await client.subscribe('later/#', 2);
  const publisher = await RawClient.connect(context, broker.url);
  const beganMs = Date.now();
  const properties = { messageExpiryInterval: 100, contentType: 'text/plain', userProperties: { a: 'b' }, responseTopic: 'r' };
  assert.equal(await publish(publisher, { topic: '$delayed/2/later/two', payload: 'second', qos: 2, properties }, 1), 0);
  assert.equal(await publish(publisher, { topic: '$delayed/1/later/one', payload: 'first', retain: true }, 2), 0);
  await client.until(() => publishesOf(client).length === 2, 'both', 2_000 + SLACK_MS);
  assert.ok(Date.now() - beganMs >= 2_000, 'not before its time');
  const [first, second] = publishesOf(client);
  assert.deepEqual([first.topic, String(first.payload), first.qos], ['later/one', 'first', 1]);
  assert.deepEqual([second.topic, String(second.payload), second.qos], ['later/two', 'second', 2]);
  assert.deepEqual({ ...second.properties?.userProperties }, { a: 'b' });
  assert.equal(second.properties?.contentType, 'text/plain');
  assert.equal(second.properties?.responseTopic, 'r');
  assert.ok(Number(second.properties?.messageExpiryInterval) >= 95, 'it has not aged while it waited');
  const late = await RawClient.connect(context, broker.url);
  await late.subscribe('later/+', 1);
  const retained = await late.hear('publish');
  assert.deepEqual([retained.topic, retained.retain], ['later/one', true]);
});

test('delayed: what waits and what was due while the broker was down comes once after kill -9, to a client that was away too', async (context) => {
  const broker = await DurableBroker.start(context);
  const away = await reader(context, broker.url);
  await away.subscribe('later/#', 2);
  away.say({ cmd: 'disconnect' });
  await away.closed();
  const publisher = await RawClient.connect(context, broker.url);
  const at = Math.ceil(Date.now() / 1000) + 4;
  for (let i = 0; i < 40; i += 1) {
    const when = i % 2 === 0 ? '1' : String(at);
    assert.equal(await publish(publisher, { topic: `$delayed/${when}/later/${i}`, payload: String(i), qos: i % 4 < 2 ? 1 : 2 }, i + 1), 0);
  }
  await broker.kill();
  for (let life = 0; life < 2; life += 1) {
    await broker.start();
    await broker.kill();
  }
  await broker.start();
  const client = await reader(context, broker.url);
  await client.until(() => publishesOf(client).length >= 40, 'all of them', 4_000 + SLACK_MS);
  assert.ok(Date.now() >= at * 1000, 'those of a time not before it');
  client.say({ cmd: 'pingreq' });
  await client.hear('pingresp');
  const seen = publishesOf(client).map(({ payload }) => Number(payload));
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    Array.from({ length: 40 }, (_, i) => i),
    'each once',
  );
});

test('delayed: a message with QoS 0 is kept too, and delivered to who is there', async (context) => {
  const broker = await DurableBroker.start(context);
  const publisher = await RawClient.connect(context, broker.url);
  publisher.say({ cmd: 'publish', topic: '$delayed/3/later', payload: 'x', qos: 0, dup: false, retain: false });
  await publish(publisher, { topic: '$delayed/3/later', payload: 'y' }, 1);
  await broker.kill();
  await broker.start();
  const client = await RawClient.connect(context, broker.url);
  await client.subscribe('later', 1);
  await client.until(() => publishesOf(client).length === 2, 'both', 3_000 + SLACK_MS);
  assert.deepEqual(
    publishesOf(client)
      .map(({ payload, qos }) => `${payload} ${qos}`)
      .sort(),
    ['x 0', 'y 1'],
  );
});

test('delayed: a QoS 2 message that is sent again after kill -9 is there once', async (context) => {
  const broker = await DurableBroker.start(context);
  const watcher = await reader(context, broker.url, 'watcher');
  await watcher.subscribe('later', 2);
  const sender = await reader(context, broker.url, 'sender');
  assert.equal(await publish(sender, { topic: '$delayed/2/later', qos: 2 }, 7), 0);
  await broker.kill();
  await broker.start();
  const again = await reader(context, broker.url, 'sender');
  assert.equal(await publish(again, { topic: '$delayed/2/later', qos: 2, dup: true }, 7), 0);
  again.say({ cmd: 'pubrel', messageId: 7 });
  await again.hear('pubcomp');
  assert.equal(await publish(again, { topic: '$delayed/3/later', payload: 'end', qos: 2 }, 8), 0);
  const back = await reader(context, broker.url, 'watcher');
  await back.until(() => publishesOf(back).some(({ payload }) => String(payload) === 'end'), 'the end', 3_000 + SLACK_MS);
  assert.deepEqual(
    publishesOf(back).map(({ payload }) => String(payload)),
    ['x', 'end'],
  );
});

test('delayed: what says no time or no topic, or is too late, is refused with 0x90, what is too much with 0x97', async (context) => {
  const broker = await DurableBroker.start(context, 'mqtt.delayed_messages_max=4', 'mqtt.delayed_max=60s');
  const client = await RawClient.connect(context, broker.url);
  assert.equal(await publish(client, { topic: '$delayed/soon/t' }, 1), 0x90);
  assert.equal(await publish(client, { topic: '$delayed/5' }, 2), 0x90);
  assert.equal(await publish(client, { topic: '$delayed/61/t' }, 3), 0x90);
  const codes: number[] = [];
  for (let i = 0; i < 20; i += 1) codes.push(await publish(client, { topic: '$delayed/60/t', qos: i % 2 === 0 ? 1 : 2 }, i + 10));
  assert.equal(codes.filter((code) => code === 0).length, 2, 'each shard takes its share of them');
  assert.ok(codes.every((code) => code === 0 || code === 0x97));
  const old = await RawClient.connect(context, broker.url, {}, 4);
  old.say({ cmd: 'publish', topic: '$delayed/soon/t', payload: 'x', qos: 1, dup: false, retain: false, messageId: 1 });
  await old.closed();
  assert.equal(old.count('puback'), 0, 'never acknowledged and not kept');
});

test('delayed: a will may be delayed', async (context) => {
  const broker = await DurableBroker.start(context);
  const watcher = await RawClient.connect(context, broker.url);
  await watcher.subscribe('wills', 1);
  const will = { topic: '$delayed/1/wills', payload: Buffer.from('gone'), qos: 1 as const, retain: false };
  const dying = await RawClient.connect(context, broker.url, { will });
  const beganMs = performance.now();
  dying.socket.destroy();
  const heard = await watcher.hear('publish', SLACK_MS);
  assert.equal(String(heard.payload), 'gone');
  assert.ok(performance.now() - beganMs >= 990, 'after its delay');
});
