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
