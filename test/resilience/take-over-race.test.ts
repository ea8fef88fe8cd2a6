import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawClient } from '../clients/raw-client.js';
import { startBroker, urlOf } from '../clients/running-broker.js';
import { eventually } from './deadline.js';

const CLIENTS = 200;
const ROUNDS = 4;

/** Connects without expecting to stay. */
async function contend(context: TestContext, url: string, isPersistent: boolean): Promise<RawClient> {
  const client = await RawClient.open(context, url);
  client.say({
    cmd: 'connect',
    clientId: 'contended',
    protocolVersion: 5,
    clean: !isPersistent,
    keepalive: 0,
    properties: { sessionExpiryInterval: isPersistent ? 60 : 0 },
  });
  return client;
}

for (const isPersistent of [false, true]) {
  const kind = isPersistent ? 'a session that persists' : 'clean starts';
  test(`take-over race: of ${CLIENTS} clients with one id on two shards exactly one survives and receives once (${kind})`, async (context) => {
    const broker = await startBroker(context, 'runtime.shards=2');
    const url = urlOf(broker);
    const publisher = await RawClient.connect(context, url);
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => contend(context, url, isPersistent)));
      await eventually('one is left', () => clients.filter(({ isClosed }) => !isClosed).length === 1);
      const survivor = clients.find(({ isClosed }) => !isClosed) ?? assert.fail('one is left');
      assert.equal((await survivor.hear('connack')).reasonCode, 0);
      for (const client of clients) {
        if (client === survivor || client.count('connack') === 0) continue;
        assert.equal((await client.hear('disconnect')).reasonCode, 0x8e, 'who was connected hears that the session was taken over');
      }
      await eventually('the broker counts two', () => broker.connections() === 2);

      await survivor.subscribe('after', 1);
      const messageId = round + 1;
      publisher.say({ cmd: 'publish', topic: 'after', payload: `${round}`, qos: 1, messageId, dup: false, retain: false });
      await survivor.hear('publish');
      publisher.say({ cmd: 'publish', topic: 'after', payload: 'last', qos: 1, messageId: messageId + 100, dup: false, retain: false });
      await survivor.until(() => survivor.count('publish') >= 2, 'the last message');
      const payloads = survivor.packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
      assert.deepEqual(payloads, [`${round}`, 'last']);
      survivor.say({ cmd: 'puback', messageId: 1 });
      survivor.say({ cmd: 'puback', messageId: 2 });
      survivor.say({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
      await survivor.closed();
    }
  });
}

/** Races of two for a session with messages that wait. */
const RACES = Number(process.env.TAKE_OVER_RACES ?? 60);
const WAITING = ['1', '2', '3', '4', '5'];

test(`take-over race: in ${RACES} races of two for a session its messages reach the one who stays, and at most one will is heard`, async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  const url = urlOf(broker);
  const publisher = await RawClient.connect(context, url);
  const watcher = await RawClient.connect(context, url);
  await watcher.subscribe('will/#', 0);
  let messageId = 0;
  for (let race = 0; race < RACES; race += 1) {
    const clientId = `raced-${race}`;
    const properties = { sessionExpiryInterval: 60 };
    const before = await RawClient.connect(context, url, { clientId, clean: false, properties });
    await before.subscribe(`work/${race}`, 1);
    before.socket.destroy();
    for (const payload of WAITING) {
      messageId = (messageId % 60_000) + 1;
      publisher.say({ cmd: 'publish', topic: `work/${race}`, payload, qos: 1, messageId, dup: false, retain: false });
    }
    await publisher.until(() => publisher.count('puback') === WAITING.length, 'what waits is stored');
    publisher.packets.length = 0;

    const contenders = await Promise.all([0, 1].map(() => RawClient.open(context, url)));
    for (const [i, client] of contenders.entries()) {
      const will = { topic: `will/${race}`, payload: Buffer.from(`${i}`), qos: 0 as const, retain: false };
      client.say({ cmd: 'connect', clientId, protocolVersion: 5, clean: false, keepalive: 0, properties, will });
    }
    await eventually('one is left', () => contenders.filter(({ isClosed }) => !isClosed).length === 1);
    const survivor = contenders.find(({ isClosed }) => !isClosed) ?? assert.fail('one is left');
    assert.equal((await survivor.hear('connack')).reasonCode, 0);
    await survivor.until(() => survivor.count('publish') >= WAITING.length, `what waited (race ${race})`);
    const payloads = survivor.packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
    assert.deepEqual(payloads, WAITING, `race ${race}: all of it, once, in order`);

    survivor.say({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
    await survivor.closed();
    messageId = (messageId % 60_000) + 1;
    publisher.say({ cmd: 'publish', topic: `will/${race}`, payload: 'end', qos: 1, messageId, dup: false, retain: false });
    const willsOf = (): string[] =>
      watcher.packets.flatMap((packet) => (packet.cmd === 'publish' && packet.topic === `will/${race}` ? [packet.payload.toString()] : []));
    await watcher.until(() => willsOf().includes('end'), 'the end of the race');
    assert.ok(willsOf().length <= 2, `race ${race}: ${JSON.stringify(willsOf())}`);
    watcher.packets.length = 0;
    publisher.packets.length = 0;
    for (const client of contenders) client.socket.destroy();
  }
});
