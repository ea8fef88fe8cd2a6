import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawClient } from '../clients/raw-client.js';
import { DurableBroker } from '../durability/durable-broker.js';

/* Many retained messages and a subscriber to all of them: it gets each, and the others do not notice. RETAINED_COUNT=1000000 is the size that is promised. */

const COUNT = Number(process.env.RETAINED_COUNT ?? 40_000);
const FEW = 3_000;
const MINUTES_3 = 180_000;
const BATCH = 500;
/** What another client waits for PINGRESP at most: 100 ms of the shard's loop, and a machine that has other things to do. */
const PING_MS_MAX = 400;

async function start(context: TestContext, shards: number): Promise<DurableBroker> {
  const broker = new DurableBroker({ settings: [`runtime.shards=${shards}`, 'mqtt.queue_messages_max=1000'] });
  context.after(() => broker.dispose());
  await broker.start();
  return broker;
}

async function retain(context: TestContext, url: string, count: number): Promise<void> {
  const publisher = await RawClient.connect(context, url);
  for (let next = 0; next < count; next += BATCH) {
    const end = Math.min(next + BATCH, count);
    publisher.packets.length = 0;
    for (let i = next; i < end; i += 1)
      publisher.say({ cmd: 'publish', topic: `many/${i}`, payload: 'x', qos: 1, retain: true, dup: false, messageId: 1 + (i % 60_000) });
    await publisher.until(() => publisher.count('puback') === end - next, 'acknowledgements', MINUTES_3);
  }
  publisher.socket.destroy();
}

for (const shards of [1, 2]) {
  test(`retained: a subscriber with a small window gets each of ${FEW}, and once (shards: ${shards})`, async (context) => {
    const { url } = await start(context, shards);
    await retain(context, url, FEW);
    const client = await RawClient.connect(context, url, { properties: { receiveMaximum: 10 } });
    const seen: string[] = [];
    client.onPacket = (packet) => {
      if (packet.cmd !== 'publish') return;
      assert.ok(packet.retain);
      seen.push(packet.topic);
      client.say({ cmd: 'puback', messageId: packet.messageId ?? 0 });
    };
    client.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 1 }] });
    await client.until(() => seen.length >= FEW, 'all', MINUTES_3);
    assert.equal(new Set(seen).size, FEW);
    assert.equal(seen.length, FEW);
  });
}

test(`retained: while ${COUNT} of them go to a subscriber another client waits no longer than ${PING_MS_MAX} ms`, {
  timeout: 3 * MINUTES_3,
}, async (context) => {
  const { url } = await start(context, 1);
  await retain(context, url, COUNT);
  let bytesLeft = 0;
  for (let i = 0; i < COUNT; i += 1) bytesLeft += 2 + 2 + `many/${i}`.length + 1; // As MQTT 3 has them: header, topic, payload.
  const other = await RawClient.connect(context, url);
  const greedy = await RawClient.connect(context, url, {}, 4);
  greedy.socket.removeAllListeners('data');
  let isAcknowledged = false;
  greedy.socket.on('data', (bytes) => {
    bytesLeft -= bytes.length - (isAcknowledged ? 0 : 5); // SUBACK comes first.
    isAcknowledged = true;
  });
  greedy.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] });
  const beganMs = performance.now();
  let longestMs = 0;
  while (bytesLeft > 0) {
    const askedMs = performance.now();
    other.packets.length = 0;
    other.say({ cmd: 'pingreq' });
    await other.hear('pingresp', MINUTES_3);
    longestMs = Math.max(longestMs, performance.now() - askedMs);
    assert.ok(!greedy.isClosed);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  context.diagnostic(`longest wait of another client ${longestMs.toFixed(1)} ms; ${Math.round(COUNT / seconds)} messages/s`);
  assert.equal(bytesLeft, 0, 'not one more');
  assert.ok(longestMs < PING_MS_MAX, `another client waited ${longestMs.toFixed(0)} ms`);
});
