import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { RawClient } from '../clients/raw-client.js';
import { DurableBroker } from './durable-broker.js';

/* Subscriptions that begin in the past: from the log, on two shards. */

const TOPICS = 8;
const ROUNDS = 40;

function publishesOf(client: RawClient): IPublishPacket[] {
  return client.packets.filter((packet) => packet.cmd === 'publish');
}

async function publish(client: RawClient, from: number, to: number, fields: Partial<IPublishPacket> = {}): Promise<void> {
  client.packets.length = 0;
  for (let i = from; i < to; i += 1)
    client.say({
      ...{
        cmd: 'publish',
        topic: `past/${i % TOPICS}`,
        payload: String(i),
        qos: 1,
        dup: false,
        retain: false,
        messageId: 1 + (i % 60_000),
      },
      ...fields,
    });
  await client.until(() => client.count('puback') === to - from, 'acknowledgements');
}

/** Acknowledges what comes, and keeps what it was. */
function collect(client: RawClient): IPublishPacket[] {
  const seen: IPublishPacket[] = [];
  client.onPacket = (packet) => {
    if (packet.cmd !== 'publish') return;
    seen.push(packet);
    if (packet.qos === 1) client.say({ cmd: 'puback', messageId: packet.messageId ?? 0 });
  };
  return seen;
}

function assertInOrder(seen: readonly IPublishPacket[]): void {
  const last = new Map<string, number>();
  for (const { topic, payload } of seen) {
    const value = Number(payload);
    assert.ok(value > (last.get(topic) ?? -1), `${topic}: ${value} after ${last.get(topic)}`);
    last.set(topic, value);
  }
}

test('replay: what the log has comes in order by topic with RETAIN, its time and place, also after kill -9, then what is new without', async (context) => {
  const broker = await DurableBroker.start(context);
  await publish(await RawClient.connect(context, broker.url), 0, TOPICS * ROUNDS);
  await broker.kill();
  await broker.start();
  const publisher = await RawClient.connect(context, broker.url);
  await publish(publisher, 9_000, 9_001, { topic: 'past/expired', properties: { messageExpiryInterval: 1 } });
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // The expiry itself.
  const client = await RawClient.connect(context, broker.url, { properties: { receiveMaximum: 5 } });
  const seen = collect(client);
  client.say({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [{ topic: '$replay/earliest/past/+', qos: 1 }],
    properties: { subscriptionIdentifier: 7 },
  });
  await client.until(() => seen.length >= TOPICS * ROUNDS, 'all of them', 15_000);
  assert.equal((await client.hear('suback')).granted[0], 1);
  assert.equal(client.packets[1].cmd, 'suback', 'SUBACK comes first');
  assertInOrder(seen);
  assert.equal(seen.length, TOPICS * ROUNDS, 'each once');
  for (const { retain, properties, topic } of seen) {
    assert.ok(retain && topic !== 'past/expired');
    assert.equal(properties?.subscriptionIdentifier, 7);
    assert.ok(Date.parse(String(properties?.userProperties?.['replay-time'])) <= Date.now());
    assert.ok(Number(properties?.userProperties?.['replay-offset']) >= 0);
  }
  await publish(publisher, 1_000, 1_020);
  await client.until(() => seen.length >= TOPICS * ROUNDS + 20, 'what is new');
  assertInOrder(seen);
  assert.ok(seen.slice(TOPICS * ROUNDS).every(({ retain }) => !retain));
});

test('replay: one of an exact topic that begins at a time has what came from then on, and ends with UNSUBSCRIBE', async (context) => {
  const broker = await DurableBroker.start(context);
  const publisher = await RawClient.connect(context, broker.url);
  await publish(publisher, 0, 1, { topic: 'past/0' });
  await new Promise((resolve) => setTimeout(resolve, 1_100)); // Times in filters are seconds.
  const from = new Date().toISOString();
  await publish(publisher, 1, 3, { topic: 'past/0' });
  const client = await RawClient.connect(context, broker.url, {}, 4);
  const seen = collect(client);
  await client.subscribe(`$replay/${from}/past/0`, 0);
  await client.until(() => seen.length === 2, 'two');
  assert.deepEqual(
    seen.map(({ payload, qos }) => `${payload} ${qos}`),
    ['1 0', '2 0'],
  );
  await publish(publisher, 3, 4, { topic: 'past/0' });
  await client.until(() => seen.length === 3, 'a new one');
  client.say({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: [`$replay/${from}/past/0`] });
  await client.hear('unsuback');
  await publish(publisher, 4, 5, { topic: 'past/0' });
  client.say({ cmd: 'pingreq' });
  await client.hear('pingresp');
  assert.equal(publishesOf(client).length, 3);
});

test('replay: a topic that has no messages yet is followed from its first on', async (context) => {
  const broker = await DurableBroker.start(context);
  const clients: IPublishPacket[][] = [];
  for (const filter of ['$replay/1h/none/yet', '$replay/1h/none/#']) {
    const client = await RawClient.connect(context, broker.url);
    clients.push(collect(client));
    await client.subscribe(filter, 1);
  }
  const publisher = await RawClient.connect(context, broker.url);
  await publish(publisher, 0, 3, { topic: 'none/yet' });
  const last = await RawClient.connect(context, broker.url);
  await last.until(() => true, 'nothing');
  for (let tries = 0; clients.some((seen) => seen.length < 3); tries += 1) {
    assert.ok(tries < 500, 'three each');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const seen of clients) assertInOrder(seen);
});

test('replay: the last of each topic comes once, then what is new', async (context) => {
  const broker = await DurableBroker.start(context);
  const publisher = await RawClient.connect(context, broker.url);
  await publish(publisher, 0, TOPICS * ROUNDS);
  for (let i = 0; i < 300; i += 1)
    publisher.say({ cmd: 'publish', topic: `many/${i}`, payload: 'x', qos: 1, dup: false, retain: false, messageId: 1_000 + i });
  await publisher.until(() => publisher.count('puback') >= TOPICS * ROUNDS + 300, 'all are taken');
  const client = await RawClient.connect(context, broker.url);
  const seen = collect(client);
  await client.subscribe('$replay/last/past/+', 1);
  await client.until(() => seen.length >= TOPICS, 'one of each');
  await publish(publisher, 1_000, 1_003);
  await client.until(() => seen.length >= TOPICS + 3, 'what is new');
  const texts = seen.map(({ payload, retain }) => `${payload} ${retain}`);
  assert.deepEqual(texts.slice(0, TOPICS).sort(), Array.from({ length: TOPICS }, (_, i) => `${TOPICS * (ROUNDS - 1) + i} true`).sort());
  assert.deepEqual(texts.slice(TOPICS).sort(), ['1000 false', '1001 false', '1002 false']);
  const other = await RawClient.connect(context, broker.url);
  const many = collect(other);
  await other.subscribe('$replay/last/#', 0);
  await other.until(() => many.length >= TOPICS + 300, 'more than one question brings');
  assert.equal(new Set(many.map(({ topic }) => topic)).size, TOPICS + 300);
});

test('replay: malformed it is refused with 0x8F, and more than so many with 0x97', async (context) => {
  const broker = await DurableBroker.start(context, 'mqtt.replays_max=2');
  const client = await RawClient.connect(context, broker.url);
  const codes: number[] = [];
  for (const filter of ['$replay/soon/a', '$replay/1m/$share/g/a', '$replay/1m/a', '$replay/1m/b', '$replay/1m/c']) {
    client.packets.length = 0;
    await client.subscribe(filter, 1);
    codes.push(Number((await client.hear('suback')).granted[0]));
  }
  assert.deepEqual(codes, [0x8f, 0x8f, 1, 1, 0x97]);
});
