import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import mqtt from 'mqtt';
import { RecordingLogger } from '../../src/base/logger.js';
import { loadNative } from '../../src/native/door.js';
import { type RunningNode, startNode } from '../../src/runtime/node.js';
import { SETTINGS_SCHEMA, type Settings } from '../../src/settings/schema.js';

const DEADLINE_MS = 20_000;
const TRANSPORTS = 'unavailable' in loadNative() ? (['node'] as const) : (['native', 'node'] as const);

function settingsFor(transport: 'native' | 'node', shards: number, engine: 'auto' | 'uws' | 'ws' = 'auto'): Settings {
  return SETTINGS_SCHEMA.parse({
    runtime: { shards, transport },
    mqtt: { tcp: { port: 0 }, ws: { port: 0, engine } },
  });
}

/** Looks until it is so; the look is cheap, and there is no event for it. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 8000;
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs, `in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function withNode(settings: Settings, run: (node: RunningNode, log: RecordingLogger) => Promise<void>): Promise<void> {
  const log = new RecordingLogger();
  const node = await startNode(settings, log);
  try {
    await run(node, log);
  } finally {
    await node.stop();
  }
}

function connectionsByShard(node: RunningNode): number[] {
  return Array.from({ length: node.shardCount }, (_, shard) => node.connectionsOf(shard));
}

function open(url: string): Promise<mqtt.MqttClient> {
  return mqtt.connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5 });
}

function nextMessage(client: mqtt.MqttClient): Promise<string> {
  return new Promise((resolve) => client.once('message', (topic, payload) => resolve(`${topic} ${payload}`)));
}

/** Opens clients until each of these shards has got one. */
async function clientsOn(node: RunningNode, url: string, shards: readonly number[]): Promise<mqtt.MqttClient[]> {
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

for (const transport of TRANSPORTS) {
  test(`node, ${transport}: clients of different shards reach each other, over TCP and WebSocket`, { timeout: DEADLINE_MS }, async () => {
    await withNode(settingsFor(transport, 2), async (node) => {
      assert.equal(node.transportKind, transport);
      const [tcp, ws] = node.listeners;
      assert.deepEqual([tcp.name, ws.name], ['mqtt.tcp', 'mqtt.ws']);
      const [first, second] = await clientsOn(node, tcp.url, [0, 1]);
      const third = await open(ws.url);
      for (const client of [second, third]) await client.subscribeAsync('t/#', { qos: 1 });
      const got = [nextMessage(second), nextMessage(third)];
      await first.publishAsync('t/a', 'hello', { qos: 1 });
      assert.deepEqual(await Promise.all(got), ['t/a hello', 't/a hello']);
      await Promise.all([first, second, third].map((client) => client.endAsync()));
      await until('all connections are gone', () => node.connections() === 0);
    });
  });

  test(`node, ${transport}: a shard that dies comes back within 2 s, and another serves all the while`, { timeout: DEADLINE_MS }, async () => {
    await withNode(settingsFor(transport, 2), async (node, log) => {
      const url = node.listeners[0].url;
      const [victim, survivor] = await clientsOn(node, url, [0, 1]);
      await survivor.subscribeAsync('s', { qos: 1 });
      const isGone = new Promise<void>((resolve) => victim.once('close', resolve));
      const beganMs = performance.now();
      node.terminateShard(0);
      await isGone;
      const got = nextMessage(survivor);
      await survivor.publishAsync('s', 'still here', { qos: 1 });
      assert.equal(await got, 's still here');
      await until('the death is seen', () => log.records.some((record) => record.event === 'shard.died'));
      await until('the shard serves again', () => node.isServing(0));
      assert.ok(performance.now() - beganMs < 2000, 'within 2 s');
      const died = log.records.find((record) => record.event === 'shard.died');
      assert.match(String(died?.fields.error), /RMQ-1013/);

      const [returned] = await clientsOn(node, url, [0]);
      const crossing = nextMessage(survivor);
      await returned.publishAsync('s', 'across', { qos: 1 });
      assert.equal(await crossing, 's across');
    });
  });
}

test('node: a shard that hangs is ended where it stands, with the process and the others alive', { timeout: DEADLINE_MS }, async () => {
  await withNode(settingsFor(TRANSPORTS[0], 2), async (node, log) => {
    const [survivor] = await clientsOn(node, node.listeners[0].url, [1]);
    node.terminateShard(0, 'hang');
    await survivor.subscribeAsync('never answered by the other', { qos: 0 }).catch(() => {});
    await until('the hung shard is ended', () => log.records.some((record) => record.event === 'shard.died'));
    await until('the shard serves again', () => node.isServing(0));
    const died = log.records.find((record) => record.event === 'shard.died');
    const error = died?.fields.error;
    assert.ok(error instanceof Error && error.cause instanceof Error);
    assert.match(error.cause.message, /runtime\/shard\.js/);
    const got = nextMessage(survivor);
    await survivor.subscribeAsync('t');
    await survivor.publishAsync('t', 'alive');
    assert.equal(await got, 't alive');
  });
});

test('node: a port in use is one error with a cure, and nothing stays open', { timeout: DEADLINE_MS }, async () => {
  await withNode(settingsFor(TRANSPORTS[0], 1), async (node) => {
    const [tcp, ws] = node.listeners;
    const settings = settingsFor(TRANSPORTS[0], 1);
    const taken = { ...settings, mqtt: { ...settings.mqtt, tcp: { ...settings.mqtt.tcp, port: tcp.port } } };
    await assert.rejects(startNode(taken, new RecordingLogger()), /RMQ-1003 cannot listen on 127\.0\.0\.1:\d+ \(mqtt tcp\): .*use/);
    const takenWs = { ...settings, mqtt: { ...settings.mqtt, ws: { ...settings.mqtt.ws, port: ws.port } } };
    await assert.rejects(startNode(takenWs, new RecordingLogger()), /RMQ-1003 cannot listen on 127\.0\.0\.1:\d+ \(mqtt ws\): .*use/);
  });
});

test('node: the other WebSocket engine serves too', { timeout: DEADLINE_MS }, async () => {
  await withNode(settingsFor(TRANSPORTS[0], 2, 'ws'), async (node) => {
    assert.match(node.webSocketEngine, /^ws/);
    const client = await open(node.listeners[1].url);
    await client.endAsync();
  });
});

test('node: stop tells the clients, closes the ports and ends the shards', { timeout: DEADLINE_MS }, async () => {
  const node = await startNode(settingsFor(TRANSPORTS[0], 2), new RecordingLogger());
  const clients = await Promise.all(node.listeners.map(({ url }) => open(url)));
  const told = clients.map((client) => new Promise((resolve) => client.once('disconnect', (packet) => resolve(packet.reasonCode))));
  const beganMs = performance.now();
  await node.stop();
  assert.deepEqual(await Promise.all(told), [0x8b, 0x8b]);
  assert.ok(performance.now() - beganMs < 3000, 'nobody had to be ended');
  const socket = connectTcp(node.listeners[0].port, '127.0.0.1');
  await assert.rejects(once(socket, 'connect'), /ECONNREFUSED/);
});

test('node: connections beyond the limit are refused', { timeout: DEADLINE_MS }, async () => {
  const settings = settingsFor(TRANSPORTS[0], 2);
  await withNode({ ...settings, mqtt: { ...settings.mqtt, connections_max: 2 } }, async (node) => {
    const { url } = node.listeners[0];
    const clients = await Promise.all([open(url), open(url)]);
    await until('both are counted', () => node.connections() === 2);
    const socket = connectTcp(node.listeners[0].port, '127.0.0.1');
    await once(socket, 'close');
    for (const client of clients) assert.ok(client.connected);
  });
});
