import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqtt from 'mqtt';
import { type ReceivedMessage, subscribe } from '../../src/launcher/ctl/mqtt/subscriber.js';
import type { RunningNode } from '../../src/runtime/node.js';
import { settingsFor, withNode } from '../runtime/running-node.js';

function optionsFor(node: RunningNode, filters: readonly string[], onMessage: (message: ReceivedMessage) => Promise<boolean>) {
  const tcp = node.listeners.find(({ name }) => name === 'mqtt.tcp');
  assert.ok(tcp !== undefined);
  const { signal } = new AbortController();
  return {
    host: tcp.host,
    port: tcp.port,
    clientId: 'watcher',
    userName: null,
    password: null,
    filters,
    qos: 2 as const,
    signal,
    onMessage,
  };
}

test('ctl subscriber: shows messages of every QoS in their order, retained ones first, and ends after the last wanted', async () => {
  await withNode(settingsFor('native', 1), async (node) => {
    const url = node.listeners.find(({ name }) => name === 'mqtt.tcp')?.url ?? '';
    const publisher = await mqtt.connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5 });
    await publisher.publishAsync('s/kept', 'state', { qos: 1, retain: true });
    const seen: string[] = [];
    await subscribe(
      optionsFor(node, ['s/#'], async ({ topic, payload, qos, retain }) => {
        seen.push(`${topic} ${Buffer.from(payload)} ${qos} ${retain}`);
        if (topic === 's/kept') for (const each of [0, 1, 2] as const) await publisher.publishAsync(`s/${each}`, 'x', { qos: each });
        return seen.length < 4;
      }),
    );
    assert.deepEqual(seen, ['s/kept state 1 true', 's/0 x 0 false', 's/1 x 1 false', 's/2 x 2 false']);
    await publisher.endAsync();
  });
});

test('ctl subscriber: who is told to end ends in peace, and who is refused hears why', async () => {
  await withNode(settingsFor('native', 1), async (node) => {
    const abort = new AbortController();
    const running = subscribe({ ...optionsFor(node, ['a'], async () => true), signal: abort.signal });
    setImmediate(() => abort.abort());
    await running;
    await assert.rejects(
      subscribe(optionsFor(node, ['$tenant/acme/a'], async () => true)),
      /RMQ-1039 .*\$tenant\/acme\/a is refused with 0x87/,
    );
    await assert.rejects(subscribe(optionsFor(node, ['a/#/b'], async () => true)), /RMQ-1039 .*ended the connection with 0x81/);
    await assert.rejects(subscribe({ ...optionsFor(node, ['a'], async () => true), port: 1 }), /RMQ-1039 .*ECONNREFUSED/);
  });
});
