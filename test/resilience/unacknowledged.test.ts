import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawClient } from '../clients/raw-client.js';
import { startBroker, urlOf } from '../clients/running-broker.js';
import { eventually } from './deadline.js';

const MESSAGES = 4_000;
const PAYLOAD_BYTES = 4096;
const QUEUE_BYTES_MAX = 1_048_576;
const OUTPUT_BYTES_MAX = 12_582_912;
/** What may be in flight, and a run that begins below the limit. */
const IN_FLIGHT_BYTES_MAX: number = QUEUE_BYTES_MAX + 262_144;

async function connectForgetful(
  context: TestContext,
  url: string,
): Promise<{ client: RawClient; order: number[]; duplicates: () => number }> {
  const client = await RawClient.open(context, url);
  const order: number[] = [];
  let duplicates = 0;
  client.onPacket = (packet) => {
    if (packet.cmd !== 'publish') return;
    client.packets.length = 0;
    order.push(Number(packet.payload.toString().slice(0, 8)));
    if (packet.dup) duplicates += 1;
  };
  client.say({
    cmd: 'connect',
    clientId: 'forgetful',
    protocolVersion: 5,
    clean: false,
    keepalive: 0,
    properties: { sessionExpiryInterval: 60 },
  });
  await client.hear('connack');
  return { client, order, duplicates: () => duplicates };
}

test('unacknowledged: what a client that never answers has in flight is bounded in bytes, and comes again when it returns', async (context) => {
  const budgets = [`mqtt.queue_bytes_max=${QUEUE_BYTES_MAX}`, `mqtt.output_bytes_max=${OUTPUT_BYTES_MAX}`, 'mqtt.output_high_mark=262144'];
  const broker = await startBroker(context, 'runtime.shards=2', 'mqtt.output_low_mark=65536', ...budgets);
  const url = urlOf(broker);
  const forgetful = await connectForgetful(context, url);
  forgetful.client.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 1 }] });
  await forgetful.client.hear('suback');

  const publisher = await RawClient.connect(context, url, {}, 4); // An MQTT 5 client would have to keep to our Receive Maximum.
  let acknowledged = 0;
  publisher.onPacket = (packet) => {
    publisher.packets.length = 0;
    if (packet.cmd === 'puback') acknowledged += 1;
  };
  const payload = Buffer.alloc(PAYLOAD_BYTES);
  for (let i = 0; i < MESSAGES; i += 1) {
    payload.write(String(i).padStart(8, '0'));
    publisher.say({ cmd: 'publish', topic: 't', payload, qos: 1, messageId: i + 1, dup: false, retain: false });
  }
  await eventually('the publisher is answered', () => acknowledged === MESSAGES, 8_000);
  forgetful.client.say({ cmd: 'pingreq' });
  await forgetful.client.hear('pingresp');
  const inFlight = forgetful.order.length;
  assert.ok(inFlight * PAYLOAD_BYTES < IN_FLIGHT_BYTES_MAX, `${inFlight * PAYLOAD_BYTES} bytes are in flight`);
  assert.ok(inFlight * PAYLOAD_BYTES > QUEUE_BYTES_MAX / 2);

  forgetful.client.socket.destroy();
  await eventually('it is gone', () => broker.connections() === 1);
  const returned = await connectForgetful(context, url);
  returned.client.say({ cmd: 'pingreq' });
  await returned.client.hear('pingresp');
  assert.equal(returned.client.isClosed, false);
  assert.deepEqual(returned.order.slice(0, inFlight), forgetful.order, 'the same, in the same order');
  assert.equal(returned.duplicates(), inFlight);

  // It answers at last: what waited in the queue comes too.
  for (let id = 1; id <= inFlight; id += 1) returned.client.say({ cmd: 'puback', messageId: id });
  await eventually('the queue follows', () => returned.order.length > inFlight + 100);
  for (const [index, sequence] of returned.order.entries()) assert.equal(sequence, index, 'in order, nothing left out');
});
