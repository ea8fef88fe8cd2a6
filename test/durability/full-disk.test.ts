import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { IPublishPacket, Packet } from 'mqtt-packet';
import { RawClient } from '../clients/raw-client.js';
import { eventually } from '../resilience/deadline.js';
import { DurableBroker } from './durable-broker.js';
import { mountSmall } from './mounts.js';

const MEBIBYTES = 160;
const FILLER_BYTES = 80 * 2 ** 20;
const PAYLOAD_BYTES = 60_000;
const WINDOW = 20;
const QUOTA_EXCEEDED = 0x97;
const skip: string | false = process.getuid?.() === 0 ? false : 'needs root: it mounts file systems';

/** Publishes numbers until it is told to stop, and notes what was taken. */
class Counter {
  readonly client: RawClient;
  readonly accepted: number[] = [];
  refused = 0;
  lastReason = 0;
  isOn = true;
  #next = 1;
  readonly #numberOf = new Map<number, number>();

  constructor(client: RawClient) {
    this.client = client;
    client.onPacket = (packet) => this.#take(packet);
  }

  run(): void {
    while (this.isOn && this.#numberOf.size < WINDOW) {
      const number = this.#next;
      this.#next += 1;
      const messageId = (number % 60_000) + 1;
      this.#numberOf.set(messageId, number);
      const payload = Buffer.alloc(PAYLOAD_BYTES, 0x66);
      payload.write(String(number).padStart(8, '0'));
      this.client.say({ cmd: 'publish', topic: 'full/disk', payload, qos: 1, messageId, dup: false, retain: false });
    }
  }

  #take(packet: Packet): void {
    this.client.packets.length = 0;
    if (packet.cmd !== 'puback') return;
    const messageId = packet.messageId ?? 0;
    const number = this.#numberOf.get(messageId) ?? 0;
    this.#numberOf.delete(messageId);
    this.lastReason = packet.reasonCode ?? 0;
    if (this.lastReason < 0x80) this.accepted.push(number);
    else this.refused += 1;
    this.run();
  }
}

async function persistent(context: TestContext, url: string): Promise<RawClient> {
  return await RawClient.connect(context, url, { clientId: 'reader', clean: false, properties: { sessionExpiryInterval: 3600 } });
}

/** What waits for the session, as far as it comes before `until`. */
async function read(context: TestContext, url: string, until: (numbers: readonly number[]) => boolean): Promise<number[]> {
  const reader = await persistent(context, url);
  const numbers: number[] = [];
  const take = (packet: IPublishPacket): void => {
    numbers.push(Number(packet.payload.toString().slice(0, 8)));
    reader.say({ cmd: 'puback', messageId: packet.messageId ?? 0 });
  };
  for (const packet of reader.packets) if (packet.cmd === 'publish') take(packet);
  reader.onPacket = (packet) => {
    reader.packets.length = 0;
    if (packet.cmd === 'publish') take(packet);
  };
  await eventually(`the messages have come: ${numbers.length} so far`, () => until(numbers), 15_000);
  reader.say({ cmd: 'disconnect' });
  await reader.closed();
  return numbers;
}

test('fault 7: a full disk refuses publishes with 0x97, serves readers, and takes publishes again without a restart', {
  skip,
}, async (context) => {
  const mount = mountSmall(context, MEBIBYTES);
  const settings = ['runtime.shards=2', 'journal.segment_bytes=4MiB', 'journal.free_space_min=16MiB', 'mqtt.queue_bytes_max=1GiB'];
  const broker = new DurableBroker({ dataPath: join(mount, 'data'), settings });
  context.after(() => broker.dispose());
  await broker.start();
  const reader = await persistent(context, broker.url);
  await reader.subscribe('full/#', 1);
  reader.say({ cmd: 'disconnect' });
  await reader.closed();
  const filler = join(mount, 'filler');
  writeFileSync(filler, Buffer.alloc(FILLER_BYTES));

  const counter = new Counter(await RawClient.connect(context, broker.url));
  counter.run();
  await eventually('publishes are refused', () => counter.refused >= WINDOW, 20_000);
  assert.equal(counter.lastReason, QUOTA_EXCEEDED);
  assert.ok(counter.accepted.length > 100, `${counter.accepted.length} were taken before`);
  // The log goes a way of its own, from shard to main, which the answers of the shard may outrun.
  await eventually('the log says so', () => broker.alarms().some((line) => JSON.stringify(line).includes('RMQ-1019')));
  counter.isOn = false;
  const before = [...counter.accepted];
  const heard = await read(context, broker.url, (numbers) => numbers.length >= before.length);
  assert.deepEqual(heard.slice(0, before.length), before, 'readers have all that was acknowledged, in order');

  rmSync(filler);
  counter.isOn = true;
  await eventually(
    'publishes are taken again',
    () => {
      counter.run();
      return counter.accepted.length > before.length + 50;
    },
    10_000,
  );
  counter.isOn = false;
  await broker.kill();
  await broker.start();
  const after = counter.accepted.slice(before.length);
  const rest = new Set(await read(context, broker.url, (numbers) => after.every((number) => numbers.includes(number))));
  for (const number of after) assert.ok(rest.has(number), `${number} was acknowledged`);
});
