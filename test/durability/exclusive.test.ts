import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawClient } from '../clients/raw-client.js';
import { DurableBroker } from './durable-broker.js';

/* One session of the node has an exclusive subscription at a time, on two shards, and over kill -9. */

const KEPT = { sessionExpiryInterval: 3600 };

async function ask(client: RawClient, topic: string): Promise<number> {
  client.packets.length = 0;
  client.say({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic, qos: 1 }] });
  const { granted } = await client.hear('suback');
  return Number(granted[0]);
}

async function leave(client: RawClient, topic: string): Promise<void> {
  client.packets.length = 0;
  client.say({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: [topic] });
  await client.hear('unsuback');
}

async function several(context: TestContext, url: string, count: number): Promise<RawClient[]> {
  return await Promise.all(Array.from({ length: count }, () => RawClient.connect(context, url)));
}

test('exclusive: of many who ask at once one gets it and its messages, the others hear 0x97 until it leaves', async (context) => {
  const broker = await DurableBroker.start(context);
  const clients = await several(context, broker.url, 8);
  const codes = await Promise.all(clients.map((client) => ask(client, '$exclusive/lock/1')));
  assert.deepEqual(
    codes.filter((code) => code !== 0x97),
    [1],
  );
  const winner = clients[codes.indexOf(1)];
  const [loser, other] = clients.filter((client) => client !== winner);
  assert.equal(await ask(loser, 'lock/1'), 1, 'a plain subscription is nobody’s');
  assert.equal(await ask(loser, '$exclusive/lock/2'), 1, 'another filter is another one');
  other.say({ cmd: 'publish', topic: 'lock/1', payload: 'x', qos: 1, dup: false, retain: false, messageId: 1 });
  await winner.hear('publish');
  await leave(winner, '$exclusive/lock/1');
  assert.equal(await ask(other, '$exclusive/lock/1'), 1);
  assert.equal(await ask(winner, '$exclusive/lock/1'), 0x97);
  assert.equal(await ask(other, 'lock/1'), 1);
  assert.equal(await ask(winner, '$exclusive/lock/1'), 1, 'a plain subscription took the place of the exclusive one');
  winner.socket.destroy();
  await other.until(() => true, 'nothing');
  for (let tries = 0; ; tries += 1) {
    assert.ok(tries < 200, 'it is free when the connection of a session that ends with it is gone');
    if ((await ask(other, '$exclusive/lock/1')) === 1) break;
  }
});

test('exclusive: a session that is away keeps it, also over kill -9, and gets what was published meanwhile', async (context) => {
  const broker = await DurableBroker.start(context);
  const holder = await RawClient.connect(context, broker.url, { clientId: 'holder', clean: false, properties: KEPT });
  assert.equal(await ask(holder, '$exclusive/job/+'), 1);
  holder.socket.destroy();
  await broker.kill();
  await broker.start();
  const clients = await several(context, broker.url, 4);
  for (const client of clients) assert.equal(await ask(client, '$exclusive/job/+'), 0x97);
  clients[0].say({ cmd: 'publish', topic: 'job/1', payload: 'x', qos: 1, dup: false, retain: false, messageId: 1 });
  await clients[0].hear('puback');
  const back = await RawClient.connect(context, broker.url, { clientId: 'holder', clean: false, properties: KEPT });
  await back.hear('publish');
  back.say({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
  await back.closed();
  for (let tries = 0; ; tries += 1) {
    assert.ok(tries < 200, 'it is free when the session has ended');
    if ((await ask(clients[1], '$exclusive/job/+')) === 1) break;
  }
});

test('exclusive: where it is off, or shared, the filter is refused with 0x8F', async (context) => {
  const broker = await DurableBroker.start(context);
  const [client] = await several(context, broker.url, 1);
  for (const filter of ['$exclusive/', '$exclusive/$share/g/a', '$exclusive/$exclusive/a', '$exclusive/$queue/a'])
    assert.equal(await ask(client, filter), 0x8f, filter);
  const off = await DurableBroker.start(context, 'mqtt.exclusive_subscriptions=false');
  const [other] = await several(context, off.url, 1);
  assert.equal(await ask(other, '$exclusive/a'), 0x8f);
});
