import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Packet } from 'mqtt-packet';
import { RawClient } from '../clients/raw-client.js';
import { startBroker, urlOf } from '../clients/running-broker.js';
import { eventually } from './deadline.js';

const MESSAGES = 4_000;
const PAYLOAD_BYTES = 4096;
const QUEUE_BYTES_MAX = 1_048_576;
const OUTPUT_BYTES_MAX = 4_194_304;
/** Half of the output's budget, and the run that passes it: a batch of a ring at most. */
const IN_FLIGHT_BYTES_MAX: number = OUTPUT_BYTES_MAX / 2 + 1_048_576;

/** A client that notes what it hears and acknowledges nothing. */
class Forgetful {
  readonly client: RawClient;
  /** Sequence numbers as they came. */
  readonly order: number[] = [];
  duplicates = 0;
  #pongs = 0;

  static async connect(context: TestContext, url: string): Promise<Forgetful> {
    const properties = { sessionExpiryInterval: 60 };
    return new Forgetful(await RawClient.connect(context, url, { clientId: 'forgetful', clean: false, properties }));
  }

  private constructor(client: RawClient) {
    this.client = client;
    for (const packet of client.packets) this.#take(packet);
    client.onPacket = (packet) => this.#take(packet);
  }

  /** Resolves when what was sent to it before has come. */
  async settle(): Promise<void> {
    const pongs = this.#pongs;
    this.client.say({ cmd: 'pingreq' });
    await this.client.until(() => this.#pongs > pongs, 'a PINGRESP');
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'pingresp') this.#pongs += 1;
    if (packet.cmd !== 'publish') return;
    this.order.push(Number(packet.payload.toString().slice(0, 8)));
    if (packet.dup) this.duplicates += 1;
  }
}

test('unacknowledged: what a client that never answers has in flight is bounded in bytes, and comes again when it returns', async (context) => {
  const budgets = [
    `mqtt.queue_bytes_max=${QUEUE_BYTES_MAX}`,
    `mqtt.output_bytes_max=${OUTPUT_BYTES_MAX}`,
    'mqtt.output_high_mark=262144',
    'mqtt.queue_overflow=drop-newest',
  ];
  const broker = await startBroker(context, 'runtime.shards=2', 'mqtt.output_low_mark=65536', ...budgets);
  const url = urlOf(broker);
  const forgetful = await Forgetful.connect(context, url);
  await forgetful.client.subscribe('t', 1);

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
  await forgetful.settle();
  const inFlight = forgetful.order.length;
  assert.ok(inFlight * PAYLOAD_BYTES < IN_FLIGHT_BYTES_MAX, `${inFlight * PAYLOAD_BYTES} bytes are in flight`);
  assert.ok(inFlight * PAYLOAD_BYTES > OUTPUT_BYTES_MAX / 4);

  forgetful.client.socket.destroy();
  await eventually('it is gone', () => broker.connections() === 1);
  const returned = await Forgetful.connect(context, url);
  await returned.settle();
  assert.equal(returned.client.isClosed, false);
  context.diagnostic(`${inFlight} messages in flight, ${returned.order.length} came after the return`);
  assert.deepEqual(returned.order.slice(0, inFlight), forgetful.order, 'the same, in the same order');
  assert.equal(returned.duplicates, inFlight);

  // It answers at last: what waited in the queue comes too.
  for (let id = 1; id <= inFlight; id += 1) returned.client.say({ cmd: 'puback', messageId: id });
  await eventually('the queue follows', () => returned.order.length > inFlight + 100);
  for (const [index, sequence] of returned.order.entries()) assert.equal(sequence, index, 'in order, nothing left out');
});
