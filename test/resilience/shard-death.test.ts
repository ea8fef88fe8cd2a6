import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { partitionOfKey } from '../../src/broker/streams/murmur2.js';
import { groupOf, shardOf } from '../../src/journal/placement.js';
import { type RunningNode, startNode } from '../../src/runtime/node.js';
import { PARTITIONS_DEFAULT } from '../../src/settings/journal-schema.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';
import { RawClient } from '../clients/raw-client.js';
import { eventually } from './deadline.js';

const SHARDS = 2;
const VICTIM = 0;
const SURVIVOR = 1;
const CLIENTS_PER_SHARD = 10;
const RETAINED = 20;
const RECONNECT_MS_MAX = 2_000;
/** Of the exchange on the shard that lives, while another thread starts on the same processors. */
const GAP_MS_MAX = 500;

interface Opened {
  readonly client: RawClient;
  readonly clientId: string;
}

/** Opens clients, whose sessions outlive them, one by one: each shows on the count of the shard that it was dealt to. */
async function openBoth(context: TestContext, node: RunningNode): Promise<{ onVictim: Opened[]; onSurvivor: Opened[] }> {
  const onVictim: Opened[] = [];
  const onSurvivor: Opened[] = [];
  for (let i = 0; i < CLIENTS_PER_SHARD * SHARDS; i += 1) {
    const before = [node.connectionsOf(VICTIM), node.connectionsOf(SURVIVOR)];
    const clientId = `client-${i}`;
    const client = await RawClient.connect(context, node.listeners[0].url, persistent(clientId));
    await eventually('it is counted', () => node.connections() === i + 1);
    (node.connectionsOf(VICTIM) > before[VICTIM] ? onVictim : onSurvivor).push({ client, clientId });
  }
  assert.equal(onVictim.length, CLIENTS_PER_SHARD, 'clients are dealt evenly');
  return { onVictim, onSurvivor };
}

function persistent(clientId: string): { clientId: string; clean: boolean; properties: { sessionExpiryInterval: number } } {
  return { clientId, clean: false, properties: { sessionExpiryInterval: 60 } };
}

/** A topic whose log is of the shard that lives. */
function topicOfSurvivor(prefix: string): string {
  const shape = { groups: 16, groupLanes: SHARDS, lanes: SHARDS };
  for (let i = 0; ; i += 1) {
    const topic = `${prefix}/${i}`;
    const group = groupOf(1, partitionOfKey(Buffer.from(topic), PARTITIONS_DEFAULT), shape);
    if (shardOf(group, shape, SHARDS) === SURVIVOR) return topic;
  }
}

const EXCHANGE_TOPICS = [topicOfSurvivor('exchange/0'), topicOfSurvivor('exchange/1')];

/** Two clients of one shard send each other the same QoS 1 message as fast as they can; says how long the longest pause was. */
class Exchange {
  rounds = 0;
  gapMsMax = 0;
  #atMs = performance.now();

  static async start(first: RawClient, second: RawClient): Promise<Exchange> {
    const exchange = new Exchange();
    for (const [index, client] of [first, second].entries()) {
      client.socket.setNoDelay(true);
      await client.subscribe(EXCHANGE_TOPICS[index], 1);
      client.onPacket = (packet) => {
        client.packets.length = 0;
        if (packet.cmd !== 'publish') return;
        client.say({ cmd: 'puback', messageId: packet.messageId as number });
        exchange.#count();
        throwTo(client, 1 - index);
      };
    }
    throwTo(first, 1);
    return exchange;
  }

  #count(): void {
    const nowMs = performance.now();
    this.gapMsMax = Math.max(this.gapMsMax, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.rounds += 1;
  }
}

function throwTo(client: RawClient, index: number): void {
  client.say({ cmd: 'publish', topic: EXCHANGE_TOPICS[index], payload: 'ball', qos: 1, messageId: 1, dup: false, retain: false });
}

/** Connects until it is served: nobody listens to a dead shard's share, and its successor takes a moment. */
async function reconnect(context: TestContext, url: string, clientId: string): Promise<RawClient> {
  const deadlineMs = performance.now() + RECONNECT_MS_MAX;
  for (;;) {
    try {
      return await RawClient.connect(context, url, persistent(clientId));
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
  }
}

test('shard death: the other shard does not pause, its sessions and retained messages stay, and the lost clients are back in 2 s', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-shard-death-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const settings = SETTINGS_SCHEMA.parse({
    data_path: directory,
    runtime: { shards: SHARDS },
    mqtt: { tcp: { port: 0 }, ws: { port: 0 }, tls: { port: 0 }, wss: { port: 0 } },
    grpc: { port: 0 },
    http: { port: 0 },
  });
  const node = await startNode(settings, SILENT_LOGGER);
  context.after(() => node.stop());
  const url = node.listeners[0].url;
  const { onVictim, onSurvivor } = await openBoth(context, node);
  const [first, second, sleeper, { client: publisher }] = onSurvivor;
  for (let i = 0; i < RETAINED; i += 1)
    publisher.say({ cmd: 'publish', topic: `kept/${i}`, payload: 'r', qos: 1, messageId: i + 1, dup: false, retain: true });
  await publisher.until(() => publisher.count('puback') === RETAINED, 'all are retained');
  await sleeper.client.subscribe('asleep', 1);
  sleeper.client.socket.destroy();
  await eventually('it sleeps', () => node.connections() === CLIENTS_PER_SHARD * SHARDS - 1);

  const exchange = await Exchange.start(first.client, second.client);
  await eventually('the exchange runs', () => exchange.rounds > 50);
  const roundsBefore = exchange.rounds;
  const beganMs = performance.now();
  node.terminateShard(VICTIM);
  await Promise.all(onVictim.map(({ client }) => client.closed()));
  const back = await Promise.all(onVictim.map(({ clientId }) => reconnect(context, url, clientId)));
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < RECONNECT_MS_MAX, `the lost clients are back after ${tookMs.toFixed(0)} ms`);
  await eventually('the shard serves again', () => node.isServing(VICTIM));
  context.diagnostic(
    `back after ${tookMs.toFixed(0)} ms, ${exchange.rounds - roundsBefore} rounds, longest pause ${exchange.gapMsMax.toFixed(0)} ms`,
  );
  assert.ok(exchange.gapMsMax < GAP_MS_MAX, `the other shard paused for ${exchange.gapMsMax.toFixed(0)} ms`);
  assert.ok(exchange.rounds > roundsBefore + 10);
  for (const opened of onSurvivor) assert.equal(opened.client.isClosed, opened === sleeper, 'who is on the other shard stays');

  // Served, on the new shard too: every one of them hears what one of them says.
  await Promise.all(back.map((client) => client.subscribe('again', 1)));
  back[0].say({ cmd: 'publish', topic: 'again', payload: 'x', qos: 1, messageId: 9, dup: false, retain: false });
  await Promise.all(back.map((client) => client.hear('publish')));

  // Retained messages, those of the shard that died too.
  const kept = Array.from({ length: RETAINED }, (_, i) => `kept/${i}`);
  const reader = await RawClient.connect(context, url);
  await reader.subscribe('kept/#', 0);
  const heard = (topic: string): boolean => reader.packets.some((packet) => packet.cmd === 'publish' && packet.topic === topic);
  await reader.until(() => kept.every(heard), 'all retained messages');

  // The session that sleeps on the living shard, whichever shard its client comes to.
  back[0].say({ cmd: 'publish', topic: 'asleep', payload: 'good morning', qos: 1, messageId: 10, dup: false, retain: false });
  await back[0].until(() => back[0].packets.some((packet) => packet.cmd === 'puback' && packet.messageId === 10), 'the PUBACK');
  const awake = await RawClient.connect(context, url, persistent(sleeper.clientId));
  assert.equal((await awake.hear('connack')).sessionPresent, true);
  assert.equal((await awake.hear('publish')).payload.toString(), 'good morning');
});
