import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { RecordingLogger } from '../../src/base/logger.js';
import { loadNative } from '../../src/native/door.js';
import { type RunningNode, startNode, type Watching } from '../../src/runtime/node.js';
import { SETTINGS_SCHEMA, type Settings } from '../../src/settings/schema.js';

export const DEADLINE_MS: number = 20_000;
export const TRANSPORTS: readonly ('native' | 'node')[] =
  'unavailable' in loadNative() ? (['node'] as const) : (['native', 'node'] as const);

/** Settings with a data directory of their own, which goes with the process. */
export function settingsFor(transport: 'native' | 'node', shards: number, engine: 'auto' | 'uws' | 'ws' = 'auto'): Settings {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-node-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return SETTINGS_SCHEMA.parse({
    data_path: directory,
    runtime: { shards, transport },
    mqtt: { tcp: { port: 0 }, ws: { port: 0, engine }, tls: { port: 0 }, wss: { port: 0 } },
    grpc: { port: 0 },
    http: { port: 0 },
  });
}

/** Looks until it is so; the look is cheap, and there is no event for it. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 8000;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, `in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function withNode(
  settings: Settings,
  run: (node: RunningNode, log: RecordingLogger) => Promise<void>,
  watching: Watching = {},
): Promise<void> {
  const log = new RecordingLogger();
  const node = await startNode(settings, log, watching);
  try {
    await run(node, log);
  } finally {
    await node.stop();
  }
}

function connectionsByShard(node: RunningNode): number[] {
  return Array.from({ length: node.shardCount }, (_, shard) => node.connectionsOf(shard));
}

/** @param options for TLS. */
export function open(url: string, options: mqtt.IClientOptions = {}): Promise<mqtt.MqttClient> {
  return mqtt.connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5, ...options });
}

export function nextMessage(client: mqtt.MqttClient): Promise<string> {
  return new Promise((resolve) => client.once('message', (topic, payload) => resolve(`${topic} ${payload}`)));
}

/** Opens clients until each of these shards has got one. */
export async function clientsOn(node: RunningNode, url: string, shards: readonly number[]): Promise<mqtt.MqttClient[]> {
  const byShard = new Map<number, mqtt.MqttClient>();
  const others: mqtt.MqttClient[] = [];
  while (shards.some((shard) => !byShard.has(shard))) {
    assert.ok(others.length < 200, 'every shard gets connections');
    const before = connectionsByShard(node);
    const client = await open(url);
    await until('the connection is counted', () => connectionsByShard(node).some((count, shard) => count > before[shard]));
    const shard = connectionsByShard(node).findIndex((count, index) => count > before[index]);
    if (byShard.has(shard) || !shards.includes(shard)) others.push(client);
    else byShard.set(shard, client);
  }
  const left = node.connections() - others.length;
  await Promise.all(others.map((client) => client.endAsync()));
  await until('the others are gone', () => node.connections() === left);
  return shards.map((shard) => byShard.get(shard) ?? assert.fail('each has one'));
}
