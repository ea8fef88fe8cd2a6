import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { RawClient } from '../clients/raw-client.js';
import { ChildBroker, type ChildStatus } from './child-broker.js';
import { eventually, pass } from './deadline.js';
import { PacedLoad, percentile, stampOf } from './paced-load.js';

const RECEIVERS = 50;
/** Windows in which the one is awake and asleep take turns. */
const WINDOW_PAIRS = 2;
const WINDOW_MS = 200;
/** Generous: for a machine that others use. Who must not be held is not judged by time, but by the broker's own count. */
const FLOOR_MS = 100;
const FLOOD_BYTES = 32_768;
/** Publishes to all the receivers, the laggard among them. */
const SHARED_RUNS = 40;

const HIGH_MARK_BYTES = 262_144;
const QUEUE_BYTES_MAX = 1_048_576;
/** A run that is written in the turn in which a receiver becomes congested passes the high mark by at most this. */
const TURN_BYTES_MAX = 1_048_576;
/** What the kernel may hold on the way from publisher to broker and from broker to receiver: as large as this machine lets its buffers grow. */
const KERNEL_BYTES_MAX: number = 2 * (bufferBytesMax('tcp_rmem') + bufferBytesMax('tcp_wmem'));
/** Of the broker's process, beside the budgets: garbage of V8 between two collections. */
const GARBAGE_BYTES_MAX = 32 * 1_048_576;
/** Of each of two shards: staging slabs, entries and batches on their way to the disk, the latest that stay in memory, the store's own. */
const JOURNAL_BYTES_MAX = 2 * 48 * 1_048_576;

/** @param name of a setting of three numbers: least, default, most. */
function bufferBytesMax(name: string): number {
  return Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').split(/\s+/)[2]);
}

/** The one that stops reading: what it receives of the flood, in order or not. */
class Sleeper {
  readonly client: RawClient;
  /** Of everything, and of the flood alone. */
  messages = 0;
  received = 0;
  last = -1;
  disorder = 0;

  constructor(client: RawClient) {
    this.client = client;
    client.onPacket = (packet) => {
      if (packet.cmd !== 'publish') return;
      client.packets.length = 0;
      if (packet.qos === 1) client.say({ cmd: 'puback', messageId: packet.messageId as number });
      this.messages += 1;
      if (packet.topic !== 'flood') return;
      const { sequence } = stampOf(packet.payload);
      if (sequence <= this.last) this.disorder += 1;
      this.last = sequence;
      this.received += 1;
    };
  }
}

/** Connected receivers of both topics of the fast ones; their latencies go to `samples`. */
async function openReceivers(context: TestContext, url: string, qos: 0 | 1, samples: number[]): Promise<void> {
  const openOne = async (): Promise<void> => {
    const client = await RawClient.connect(context, url, {}, 4);
    client.onPacket = (packet) => {
      if (packet.cmd !== 'publish') return;
      client.packets.length = 0;
      if (packet.topic === 'fast/paced') samples.push(performance.now() - stampOf(packet.payload).dueMs);
      if (packet.qos === 1) client.say({ cmd: 'puback', messageId: packet.messageId as number });
    };
    client.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'fast/#', qos }] });
    await client.hear('suback');
  };
  await Promise.all(Array.from({ length: RECEIVERS }, openOne));
}

async function openLoad(context: TestContext, url: string, topic: string, qos: 0 | 1, bytes: number, rate: number): Promise<PacedLoad> {
  const publisher = await RawClient.connect(context, url, {}, 4);
  publisher.socket.setNoDelay(true);
  publisher.onPacket = () => {
    publisher.packets.length = 0;
  };
  const load = new PacedLoad(publisher, topic, qos, bytes, rate);
  context.after(() => load.stop());
  return load;
}

/** The latency that 99 of 100 deliveries to the fast ones keep while `WINDOW_MS` pass, or longer, until there is enough to judge by: a held load comes late. */
async function measure(samples: number[]): Promise<number> {
  samples.length = 0;
  await pass(WINDOW_MS);
  await eventually('the fast ones receive all the while', () => samples.length > RECEIVERS);
  return percentile(samples, 0.99);
}

const total = (status: ChildStatus, name: string): number =>
  status.node.shards.reduce((sum, { transport, mqtt }) => sum + (transport[name] ?? 0) + (mqtt?.[name] ?? 0), 0);

for (const qos of [0, 1] as const) {
  test(`slow receiver: one that stops reading costs the others nothing, and memory within its budget (QoS ${qos})`, async (context) => {
    const journal = ['journal.tail_bytes=4MiB', 'journal.cache_bytes=4MiB'];
    const budgets = [
      ...journal,
      `mqtt.output_high_mark=${HIGH_MARK_BYTES}`,
      'mqtt.output_low_mark=65536',
      `mqtt.queue_bytes_max=${QUEUE_BYTES_MAX}`,
    ];
    const broker = await ChildBroker.start(context, null, 'runtime.shards=2', ...budgets);
    const url = broker.urlOf('mqtt.tcp');
    const samples: number[] = [];
    await openReceivers(context, url, qos, samples);
    const sleeper = new Sleeper(await RawClient.connect(context, url, {}, 4));
    sleeper.client.say({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'flood', qos },
        { topic: 'fast/#', qos },
      ],
    });
    await sleeper.client.hear('suback');
    // Shards take turns: the paced publisher comes to that of the sleeper, where it could be held back for it.
    const flood = await openLoad(context, url, 'flood', qos, FLOOD_BYTES, 1_000);
    const paced = await openLoad(context, url, 'fast/paced', qos, 1024, 100);
    const fastFlood = await openLoad(context, url, 'fast/flood', qos, 4096, 50);
    for (const load of [paced, flood, fastFlood]) load.start();
    await pass(50);

    const residentBytes = broker.residentBytes();
    const awakeMs: number[] = [];
    const asleepMs: number[] = [];
    for (let pair = 0; pair < WINDOW_PAIRS; pair += 1) {
      sleeper.client.socket.resume();
      awakeMs.push(await measure(samples));
      sleeper.client.socket.pause();
      await eventually('the one that sleeps is congested', async () => total(await broker.status(), 'outputBytes') > HIGH_MARK_BYTES / 2);
      asleepMs.push(await measure(samples));
      const waitingBytes = total(await broker.status(), 'outputBytes');
      assert.ok(waitingBytes < HIGH_MARK_BYTES + TURN_BYTES_MAX, `${waitingBytes} bytes of output wait`);
    }
    const growth = broker.residentBytes() - residentBytes;
    const texts = [awakeMs, asleepMs].map((windows) => windows.map((ms) => ms.toFixed(1)).join(' and '));
    context.diagnostic(`p99 ${texts[0]} ms awake, ${texts[1]} ms asleep; ${growth} bytes more resident`);
    const journalBytes = qos === 0 ? 0 : JOURNAL_BYTES_MAX;
    assert.ok(
      growth < QUEUE_BYTES_MAX + HIGH_MARK_BYTES + TURN_BYTES_MAX + GARBAGE_BYTES_MAX + journalBytes,
      `the broker grew by ${growth} bytes`,
    );
    // What the broker does wrong shows in every window, what the machine does in some.
    assert.ok(Math.min(...asleepMs) < 2 * Math.max(...awakeMs) + FLOOR_MS, 'the others are served as before');
    flood.stop();
    sleeper.client.socket.resume();

    const { received } = sleeper;
    for (const load of [paced, fastFlood]) load.stop();
    // The counts come once a second.
    const all = flood.sent + paced.sent + fastFlood.sent;
    let dropped = 0;
    await eventually('every message was received or counted as dropped', async () => {
      const status = await broker.status();
      dropped = total(status, 'droppedQos0') + total(status, 'droppedCongested') + total(status, 'droppedQueueFull');
      return dropped > 0 && sleeper.messages + dropped >= all;
    });
    context.diagnostic(`${sleeper.received - received} came after it woke, ${dropped} of ${all} were dropped`);
    assert.equal(sleeper.disorder, 0, 'what it receives is in order and not repeated');
    const bytesAfter = (sleeper.received - received) * FLOOD_BYTES;
    assert.ok(
      bytesAfter < HIGH_MARK_BYTES + TURN_BYTES_MAX + KERNEL_BYTES_MAX + (qos === 1 ? QUEUE_BYTES_MAX : 0),
      'no more than the budgets',
    );
    if (qos === 1) assert.ok(bytesAfter > QUEUE_BYTES_MAX * 0.8, 'what had room in the queue was kept');
  });
}

test('slow receiver: one laggard among many holds no publisher (QoS 1)', async (context) => {
  // One shard: with more, a publisher might wait for the ring to another.
  const budgets = [`mqtt.output_high_mark=${HIGH_MARK_BYTES}`, 'mqtt.output_low_mark=65536'];
  const broker = await ChildBroker.start(context, null, 'runtime.shards=1', ...budgets);
  const url = broker.urlOf('mqtt.tcp');
  await openReceivers(context, url, 1, []);
  const laggard = await RawClient.connect(context, url, {}, 4);
  laggard.say({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [
      { topic: 'flood', qos: 0 }, // Congests it; and QoS 0 holds nobody, whoever lags.
      { topic: 'fast/#', qos: 1 },
    ],
  });
  await laggard.hear('suback');
  laggard.socket.pause();
  const flood = await openLoad(context, url, 'flood', 0, FLOOD_BYTES, 1_000);
  flood.start();
  await eventually('it is congested', async () => total(await broker.status(), 'outputBytes') > HIGH_MARK_BYTES);
  flood.stop();

  const publisher = await RawClient.connect(context, url, {}, 4);
  for (let run = 1; run <= SHARED_RUNS; run += 1) {
    publisher.say({ cmd: 'publish', topic: 'fast/shared', payload: 'x', qos: 1, messageId: run, dup: false, retain: false });
    await publisher.until(() => publisher.count('puback') === run, 'the broker owns it');
  }
  const after = await broker.status();
  assert.ok(total(after, 'outputBytes') > HIGH_MARK_BYTES / 2, 'it lagged all the while');
  await RawClient.connect(context, url);
  const sessions = RECEIVERS + 4; // The laggard, two publishers and the last one, which shows that the counts are newer than the publishes.
  await eventually('the counts are new', async () => (await broker.status()).node.shards[0].sessions === sessions);
  assert.equal(total(await broker.status(), 'publishersPaused'), 0, 'nobody was held');
});
