import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { RawClient } from '../clients/raw-client.js';
import { ChildBroker } from './child-broker.js';
import { eventually } from './deadline.js';
import { PacketSource } from './packet-source.js';

/*
  Many short lives of two clients that know each other's topics and identifiers: they connect, say a few things in turn, valid ones and others
  (packet-source.ts), and go, in order or not. After any number of them the broker runs, has let go of what they held, and a third client that
  behaves was served all the while.

  FUZZ_SEQUENCES makes it longer, FUZZ_SEED plays it again.
*/
const SEQUENCES = Number(process.env.FUZZ_SEQUENCES ?? 400);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
/** At a time: of one alone the broker's answers take most of the time. */
const SIDE_BY_SIDE = 16;
const STEPS_MAX = 14;
/** Sequences between two looks at the client that behaves. */
const ROUND = 200;
const FAULTS: readonly string[] = ['shard.died', 'shard.hung', 'shard.stuck', 'server.failed', 'server.crashed'];
/** Of 15,000 lives, without garbage: what is kept of each is at most 2 KiB, and of many more nothing more. */
const GROWTH_BYTES_MAX: number = 32 * 2 ** 20;

interface Life {
  readonly socket: Socket;
  readonly source: PacketSource;
}

function begin(port: number, random: SeededRandom): Life {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // The broker resets those who deserve it.
  socket.resume();
  const source = new PacketSource(random);
  const hello = source.connect();
  if (random.below(30) > 0) socket.write(hello);
  return { socket, source };
}

/** One sequence. The seed decides what is said; when the other side answers, nobody does. */
async function play(port: number, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const pair = [begin(port, random), begin(port, random)];
  for (let steps = 2 + random.below(STEPS_MAX); steps > 0; steps -= 1) {
    const { socket, source } = pair[random.below(2)];
    const bytes = source.bytes();
    const cut = random.below(bytes.length + 1);
    if (!socket.destroyed) socket.write(bytes.subarray(0, cut));
    if (random.below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    if (!socket.destroyed) socket.write(bytes.subarray(cut));
  }
  await Promise.all(pair.map(({ socket }) => endOf(socket, random.below(3) === 0)));
}

/** What was said last is heard before the end, unless the client goes without a word. */
function endOf(socket: Socket, abruptly: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', () => resolve());
    if (abruptly) socket.destroy();
    else socket.end(() => socket.destroySoon());
    setTimeout(() => socket.destroy(), 2000).unref();
  });
}

async function isServed(good: RawClient, round: number): Promise<void> {
  const messageId = (round % 65_535) + 1;
  good.say({ cmd: 'publish', topic: 'good', payload: `${round}`, qos: 1, messageId, dup: false, retain: false });
  await good.until(
    () => good.isClosed || good.packets.some((packet) => packet.cmd === 'publish' && packet.payload.toString() === `${round}`),
    `message ${round}`,
    10_000,
  );
  assert.equal(good.isClosed, false, `seed ${SEED}: the client that behaves was closed: ${JSON.stringify(good.packets.at(-1))}`);
  for (const packet of good.packets) if (packet.cmd === 'publish') good.say({ cmd: 'puback', messageId: packet.messageId as number });
  good.packets.length = 0;
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

async function start(context: TestContext): Promise<ChildBroker> {
  const limits = ['mqtt.queue_messages_max=50', 'mqtt.inflight_max=30', 'mqtt.session_expiry_max=5s', 'mqtt.retained_messages_max=1000'];
  const caches = ['journal.tail_bytes=1MiB', 'journal.cache_bytes=1MiB', 'journal.segment_bytes=16MiB'];
  return await ChildBroker.startWithoutGarbage(context, 'runtime.shards=2', ...limits, ...caches);
}

test(`fuzz: ${SEQUENCES} lives of two clients leave nothing behind, and a third is served (FUZZ_SEED=${SEED})`, async (context) => {
  const broker = await start(context);
  const { port } = new URL(broker.urlOf('mqtt.tcp'));
  const good = await RawClient.connect(context, broker.urlOf('mqtt.tcp'), { clientId: 'good', properties: {} });
  await good.subscribe('good', 1);
  let played = 0;
  let grownFrom = 0;
  const descriptors = descriptorsOf(broker.pid);
  for (let round = 1; played < SEQUENCES; round += 1) {
    const until = Math.min(SEQUENCES, played + ROUND);
    const one = async (): Promise<void> => {
      while (played < until) {
        played += 1;
        await play(Number(port), SEED + played);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
    assert.ok(broker.isRunning, `seed ${SEED}: the broker ended after ${played} sequences`);
    const fault = broker.log.find(({ event }) => FAULTS.includes(event));
    assert.equal(fault, undefined, `seed ${SEED}: ${JSON.stringify(fault)}`);
    await isServed(good, round);
    if (grownFrom === 0 && played >= SEQUENCES / 4) grownFrom = broker.residentBytes();
  }
  await eventually('the others are gone', async () => (await broker.status()).connections === 1, 20_000);
  await eventually('their descriptors are', () => descriptorsOf(broker.pid) <= descriptors + 4, 10_000);
  await eventually(
    'their sessions have expired',
    async () => (await broker.status()).node.shards.reduce((sum, { sessions = 0 }) => sum + sessions, 0) === 1,
    20_000,
  );
  const grown = broker.residentBytes() - grownFrom;
  context.diagnostic(`${played} sequences, ${Math.round(grown / 2 ** 20)} MiB more than after a quarter of them`);
  assert.ok(grown < GROWTH_BYTES_MAX, `seed ${SEED}: ${Math.round(grown / 2 ** 20)} MiB more than after a quarter of the sequences`);
});
