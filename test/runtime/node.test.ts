import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { RecordingLogger } from '../../src/base/logger.js';
import { startNode } from '../../src/runtime/node.js';
import { clientsOn, DEADLINE_MS, nextMessage, open, settingsFor, TRANSPORTS, until, withNode } from './running-node.js';

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
}

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
  const clients = await Promise.all(node.listeners.map(({ url }) => open(url, { rejectUnauthorized: false })));
  const told = clients.map((client) => new Promise((resolve) => client.once('disconnect', (packet) => resolve(packet.reasonCode))));
  const beganMs = performance.now();
  await node.stop();
  assert.deepEqual(await Promise.all(told), [0x8b, 0x8b, 0x8b, 0x8b]);
  assert.ok(performance.now() - beganMs < 3000, 'nobody had to be ended');
  const socket = connectTcp(node.listeners[0].port, '127.0.0.1');
  await assert.rejects(once(socket, 'connect'), /ECONNREFUSED/);
});

test('node: the status counts what could not be accepted', { timeout: DEADLINE_MS }, async () => {
  for (const transport of TRANSPORTS) {
    await withNode(settingsFor(transport, 1), async (node) => {
      const status = node.status();
      assert.ok('acceptErrors' in status && status.acceptErrors === 0);
    });
  }
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
