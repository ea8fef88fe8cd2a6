import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import type { IPublishPacket } from 'mqtt-packet';
import { RawClient } from '../clients/raw-client.js';
import { DurableBroker } from './durable-broker.js';

/* What a client finds after the broker was killed, beside its messages. */

const KEPT = { sessionExpiryInterval: 3600 };

function publishesOf(client: RawClient): IPublishPacket[] {
  return client.packets.filter((packet) => packet.cmd === 'publish');
}

test('restart: the will of a client that was on line when the broker was killed is published by the next one, after its delay', async (context) => {
  const broker = await DurableBroker.start(context);
  const watcher = await RawClient.connect(context, broker.url, { clientId: 'watcher', clean: false, properties: KEPT });
  await watcher.subscribe('will/#', 1);
  const will = (topic: string, willDelayInterval: number) => ({
    topic,
    payload: Buffer.from('gone'),
    qos: 1 as const,
    retain: false,
    properties: { willDelayInterval },
  });
  await RawClient.connect(context, broker.url, { clientId: 'soon', clean: true, will: will('will/soon', 0) });
  await RawClient.connect(context, broker.url, { clientId: 'late', clean: false, properties: KEPT, will: will('will/late', 2) });
  await RawClient.connect(context, broker.url, { clientId: 'back', clean: false, properties: KEPT, will: will('will/back', 2) });
  await broker.kill();
  await broker.start();
  const startedMs = performance.now();
  const back = await RawClient.connect(context, broker.url, { clientId: 'back', clean: false, properties: KEPT });
  assert.equal(back.packets.length, 1, 'nothing but its CONNACK');
  const again = await RawClient.connect(context, broker.url, { clientId: 'watcher', clean: false, properties: KEPT });
  await again.until(() => publishesOf(again).length === 2, 'two wills');
  assert.deepEqual(
    publishesOf(again).map(({ topic }) => topic),
    ['will/soon', 'will/late'],
  );
  assert.ok(performance.now() - startedMs > 1_000, 'not before its delay');
  await pass(500);
  assert.equal(publishesOf(again).length, 2, 'who came back in time has no will');
});

test('restart: the time that a message waited while the broker was down counts towards its expiry', async (context) => {
  const broker = await DurableBroker.start(context);
  const reader = await RawClient.connect(context, broker.url, { clientId: 'reader', clean: false, properties: KEPT });
  await reader.subscribe('expiry/#', 1);
  reader.say({ cmd: 'disconnect' });
  await reader.closed();
  const publisher = await RawClient.connect(context, broker.url);
  for (const [index, messageExpiryInterval] of [1, 600].entries())
    publisher.say({
      cmd: 'publish',
      topic: `expiry/${messageExpiryInterval}`,
      payload: 'x',
      qos: 1,
      messageId: index + 1,
      dup: false,
      retain: true,
      properties: { messageExpiryInterval },
    });
  await publisher.until(() => publisher.count('puback') === 2, 'both are taken');
  await broker.kill();
  await pass(1_500);
  await broker.start();
  const back = await RawClient.connect(context, broker.url, { clientId: 'reader', clean: false, properties: KEPT });
  await back.hear('publish');
  back.say({ cmd: 'pingreq' });
  await back.hear('pingresp');
  const [left, ...more] = publishesOf(back);
  assert.deepEqual(more, []);
  assert.equal(left.topic, 'expiry/600');
  assert.ok(Number(left.properties?.messageExpiryInterval) < 600, 'what is left of it');
  const late = await RawClient.connect(context, broker.url);
  await late.subscribe('expiry/#', 1);
  await late.hear('publish');
  late.say({ cmd: 'pingreq' });
  await late.hear('pingresp');
  assert.deepEqual(
    publishesOf(late).map(({ topic }) => topic),
    ['expiry/600'],
    'retained messages too',
  );
});

test('restart: a QoS 2 message that is sent again after a restart is stored once, and its packet id is free after PUBCOMP', async (context) => {
  const broker = await DurableBroker.start(context);
  const options = { clientId: 'sender', clean: false, properties: KEPT };
  const reader = await RawClient.connect(context, broker.url, { clientId: 'reader', clean: false, properties: KEPT });
  await reader.subscribe('once', 1);
  reader.say({ cmd: 'disconnect' });
  await reader.closed();
  const first = await RawClient.connect(context, broker.url, options);
  const message = { cmd: 'publish', topic: 'once', payload: 'a', qos: 2, messageId: 7, dup: false, retain: false } as const;
  first.say(message);
  await first.hear('pubrec');
  await broker.kill();
  await broker.start();
  const again = await RawClient.connect(context, broker.url, options);
  again.say({ ...message, dup: true });
  await again.hear('pubrec');
  again.say({ cmd: 'pubrel', messageId: 7 });
  await again.hear('pubcomp');
  await broker.kill();
  await broker.start();
  const third = await RawClient.connect(context, broker.url, options);
  third.say({ ...message, payload: 'b' });
  await third.hear('pubrec');
  const back = await RawClient.connect(context, broker.url, { clientId: 'reader', clean: false, properties: KEPT });
  await back.until(() => publishesOf(back).length === 2, 'both messages');
  assert.deepEqual(
    publishesOf(back).map(({ payload }) => payload.toString()),
    ['a', 'b'],
  );
});

test('restart: a session that expired while the broker was down is gone, and one that did not is there', async (context) => {
  const broker = await DurableBroker.start(context);
  for (const [clientId, sessionExpiryInterval] of [
    ['short', 1],
    ['long', 600],
  ] as const) {
    const client = await RawClient.connect(context, broker.url, { clientId, clean: false, properties: { sessionExpiryInterval } });
    await client.subscribe('any', 1);
    client.say({ cmd: 'disconnect' });
    await client.closed();
  }
  await broker.kill();
  await pass(1_500);
  await broker.start();
  await pass(300);
  for (const [clientId, isPresent] of [
    ['short', false],
    ['long', true],
  ] as const) {
    const client = await RawClient.open(context, broker.url);
    client.say({ cmd: 'connect', clientId, protocolVersion: 5, clean: false, keepalive: 0 });
    assert.equal((await client.hear('connack')).sessionPresent, isPresent, clientId);
  }
});
