import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import mqtt from 'mqtt';
import { SystemClock } from '../../src/base/clock.js';
import { NO_QUOTAS, type TenantQuotas } from '../../src/metadata/catalogue/resources.js';
import { MetadataClient } from '../../src/metadata/client/metadata-client.js';
import { CatalogueService as catalogue } from '../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import type { RunningNode } from '../../src/runtime/node.js';
import { SETTINGS_SCHEMA, type Settings } from '../../src/settings/schema.js';
import { settingsFor, TRANSPORTS, until, withNode } from './running-node.js';

/** Settings of two shards, with limits of clients. */
function limited(limits: object): Settings {
  const settings = settingsFor(TRANSPORTS[0], 2);
  return { ...settings, mqtt: { ...settings.mqtt, limits: SETTINGS_SCHEMA.parse({ mqtt: { limits } }).mqtt.limits } };
}

async function enter(context: TestContext, node: RunningNode, options: mqtt.IClientOptions = {}): Promise<mqtt.MqttClient> {
  const client = await mqtt.connectAsync(node.listeners[0].url, { reconnectPeriod: 0, protocolVersion: 5, ...options });
  context.after(() => client.end(true));
  return client;
}

/** Reason codes of a burst of publishes. */
function codesOf(client: mqtt.MqttClient, count: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      client.publishAsync('t', 'x', { qos: 1 }).then(
        (packet) => (packet as unknown as { reasonCode?: number } | undefined)?.reasonCode ?? 0,
        (error: { code?: number }) => error.code ?? -1,
      ),
    ),
  );
}

test('limits: connections of an address are counted over all shards, and those that are gone make room', async (context) => {
  await withNode(limited({ address: { connections: 6 } }), async (node) => {
    const clients = [];
    for (let i = 0; i < 6; i += 1) clients.push(await enter(context, node));
    await assert.rejects(enter(context, node), { code: 0x97 });
    await clients[0].endAsync();
    await until('its place is free', () => node.connections() <= 5);
    await enter(context, node);
  });
});

test('limits: connections that come too fast are refused by their rate', async (context) => {
  await withNode(limited({ node: { connections_per_second: 5 } }), async (node) => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => enter(context, node)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => (reason as { code: number }).code);
    assert.ok(refused.length >= 10 && refused.every((code) => code === 0x9f), JSON.stringify(refused));
  });
});

test('limits: a client above its rate is paused, and nothing is lost', async (context) => {
  await withNode(limited({ client: { messages_per_second: 100 } }), async (node) => {
    const [publisher, receiver] = [await enter(context, node), await enter(context, node)];
    let heard = 0;
    receiver.on('message', () => {
      heard += 1;
    });
    await receiver.subscribeAsync('t', { qos: 1 });
    const beganMs = performance.now();
    for (let burst = 0; burst < 3; burst += 1) await codesOf(publisher, 100);
    await until('all came', () => heard === 300);
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs > 1000, `300 at 100 a second, the first 100 at once, took ${tookMs} ms`);
  });
});

test('limits: with on_excess = "reject" what is beyond the rate is refused, and the client stays', async (context) => {
  await withNode(limited({ on_excess: 'reject', user: {}, client: { messages_per_second: 50 } }), async (node) => {
    const publisher = await enter(context, node);
    const codes = await codesOf(publisher, 200);
    const refused = codes.filter((code) => code === 0x97).length;
    assert.ok(refused >= 100 && refused <= 150, `${refused} of 200 refused`);
    assert.ok(publisher.connected);
  });
});

test('limits: with on_excess = "disconnect" the client hears 0x96 and goes', async (context) => {
  await withNode(limited({ on_excess: 'disconnect', client: { messages_per_second: 10 } }), async (node) => {
    const publisher = await enter(context, node);
    const gone = new Promise<number>((resolve) => publisher.once('disconnect', (packet) => resolve(packet.reasonCode ?? -1)));
    publisher.on('error', () => {});
    void codesOf(publisher, 100);
    assert.equal(await gone, 0x96);
  });
});

test('limits: what goes to a client is slowed down: QoS 1 waits, QoS 0 is dropped', async (context) => {
  await withNode(limited({ client: { messages_out_per_second: 100 } }), async (node) => {
    const [publisher, receiver] = [await enter(context, node), await enter(context, node)];
    const heard = new Map<number, number>();
    receiver.on('message', (_topic, _payload, { qos }) => heard.set(qos, (heard.get(qos) ?? 0) + 1));
    await receiver.subscribeAsync('#', { qos: 1 });
    const beganMs = performance.now();
    await Promise.all(Array.from({ length: 250 }, () => publisher.publishAsync('one', 'x', { qos: 1 })));
    await until('QoS 1 has come', () => heard.get(1) === 250);
    assert.ok(performance.now() - beganMs > 1000, 'a hundred a second');
    for (let i = 0; i < 500; i += 1) publisher.publish('zero', 'x', { qos: 0 });
    await publisher.publishAsync('one', 'end', { qos: 1 });
    await until('the last one has come', () => heard.get(1) === 251);
    assert.ok((heard.get(0) ?? 0) < 250, `${heard.get(0)} of 500`);
  });
});

test('limits: quotas of a tenant are those of the catalogue, and take effect at once', async (context) => {
  await withNode(settingsFor(TRANSPORTS[0], 2), async (node) => {
    const fillRandom = (bytes: Uint8Array): void => void randomFillSync(bytes);
    const client = new MetadataClient({ addresses: [node.grpcAddress], token: '', tls: null, clock: new SystemClock(), fillRandom });
    context.after(() => client.close());
    const put = (quotas: Partial<TenantQuotas>): Promise<unknown> => {
      const value = { name: 'default', quotas: { ...NO_QUOTAS, ...quotas }, comment: '' };
      return client.call(catalogue.put, { resource: { resource: { $case: 'tenant', value } }, requestId: Buffer.alloc(0) });
    };
    const first = await enter(context, node, { clientId: 'first', clean: false, properties: { sessionExpiryInterval: 60 } });
    await first.subscribeAsync(['a', 'b'], { qos: 1 });
    await put({ sessions: 2, subscriptions: 3 });
    const second = await enter(context, node, { clientId: 'second' });
    await assert.rejects(enter(context, node, { clientId: 'third' }), { code: 0x97 }, 'two sessions');
    const granted = await second.subscribeAsync(['c', 'd'], { qos: 1 }).catch((error: unknown) => error);
    assert.match(String(granted), /quota|151/i, 'one more subscription');
    await first.endAsync();
    await assert.rejects(enter(context, node, { clientId: 'third' }), { code: 0x97 }, 'a session without its client counts');
    await put({ connections: 1 });
    await until('the client of the second is the only one', () => node.connections() === 1);
    await assert.rejects(enter(context, node, { clientId: 'first', clean: false }), { code: 0x97 });
    await put({});
    await enter(context, node, { clientId: 'third' });
  });
});
