import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import mqtt from 'mqtt';
import { SystemClock } from '../../src/base/clock.js';
import { NO_QUOTAS } from '../../src/metadata/catalogue/resources.js';
import { MetadataClient } from '../../src/metadata/client/metadata-client.js';
import { CatalogueService as catalogue } from '../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import type { Resource } from '../../src/metadata/grpc/generated/robustmq/v1/resources.js';
import type { RunningNode } from '../../src/runtime/node.js';
import { settingsFor, TRANSPORTS, until, withNode } from './running-node.js';

const NO_ID: Buffer = Buffer.alloc(0);

function control(context: TestContext, node: RunningNode): MetadataClient {
  const fillRandom = (bytes: Uint8Array): void => void randomFillSync(bytes);
  const client = new MetadataClient({ addresses: [node.grpcAddress], token: '', tls: null, clock: new SystemClock(), fillRandom });
  context.after(() => client.close());
  return client;
}

async function putTenant(client: MetadataClient, name: string, quotas: Partial<typeof NO_QUOTAS> = {}): Promise<void> {
  const resource: Resource = { resource: { $case: 'tenant', value: { name, quotas: { ...NO_QUOTAS, ...quotas }, comment: '' } } };
  await client.call(catalogue.put, { resource, expectedRevision: undefined, requestId: NO_ID });
}

/** Connects until the tenant's stream is there: it is made a moment after the tenant. */
async function enter(context: TestContext, node: RunningNode, options: mqtt.IClientOptions): Promise<mqtt.MqttClient> {
  const url = node.listeners[0].url;
  const deadlineMs = performance.now() + 8000;
  for (;;) {
    try {
      const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, protocolVersion: 5, ...options });
      context.after(() => client.end(true));
      return client;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
  }
}

function heardBy(client: mqtt.MqttClient): string[] {
  const heard: string[] = [];
  client.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
  return heard;
}

const ACME = { properties: { userProperties: { tenant: 'acme' } } } as const;

for (const transport of TRANSPORTS) {
  test(`tenants: topics, retained messages and sessions of one are not those of another (${transport})`, async (context) => {
    await withNode(settingsFor(transport, 2), async (node) => {
      await putTenant(control(context, node), 'acme');
      const a = await enter(context, node, { clientId: 'same', ...ACME });
      const b = await enter(context, node, { clientId: 'same' });
      const listeners = await Promise.all([0, 1, 2, 3].map((i) => enter(context, node, { clientId: `l${i}`, ...ACME })));
      const heard = [heardBy(a), heardBy(b), ...listeners.map(heardBy)];
      await a.subscribeAsync(['#', '$x/+'], { qos: 1 });
      await b.subscribeAsync('#', { qos: 1 });
      for (const listener of listeners) await listener.subscribeAsync('t/+', { qos: 1 });

      await a.publishAsync('t/1', 'of acme', { qos: 1, retain: true });
      await b.publishAsync('t/1', 'of default', { qos: 1, retain: true });
      await a.publishAsync('t/2', 'also', { qos: 2 });
      await a.publishAsync('$x/y', 'dollar', { qos: 0 });
      await a.publishAsync('t/3', 'zero', { qos: 0 });
      await b.publishAsync('t/4', 'end', { qos: 1 });
      await a.publishAsync('t/4', 'end', { qos: 1 });
      await until('all has arrived', () => heard.every((of) => of.some((text) => text === 't/4 end')));

      const topics = ['t/1 of acme', 't/2 also', 't/3 zero', 't/4 end'];
      assert.deepEqual([...heard[0]].sort(), ['$x/y dollar', ...topics]);
      assert.deepEqual([...heard[1]].sort(), ['t/1 of default', 't/4 end']);
      for (const of of heard.slice(2)) assert.deepEqual([...of].sort(), topics);

      const late = await enter(context, node, { clientId: 'late', ...ACME });
      const heardLate = heardBy(late);
      await late.subscribeAsync('#', { qos: 1 });
      await until('the retained message is there', () => heardLate.length > 0);
      assert.deepEqual(heardLate, ['t/1 of acme']);
      assert.ok(a.connected && b.connected, 'the same client identifier in two tenants is two clients');
    });
  });
}

test('tenants: what a session of a tenant missed waits for it, also over a restart', async (context) => {
  const settings = settingsFor(TRANSPORTS[0], 2);
  const session = { clean: false, properties: { ...ACME.properties, sessionExpiryInterval: 600 } };
  await withNode(settings, async (node) => {
    await putTenant(control(context, node), 'acme');
    for (const clientId of ['s1', 's2', 's3']) {
      const client = await enter(context, node, { clientId, ...session });
      await client.subscribeAsync('job/#', { qos: 1 });
      await client.endAsync();
    }
    const publisher = await enter(context, node, { clientId: 'p', ...ACME });
    const stranger = await enter(context, node, { clientId: 'p' });
    for (let i = 0; i < 20; i += 1) {
      await publisher.publishAsync(`job/${i}`, 'acme', { qos: 1 });
      await stranger.publishAsync(`job/${i}`, 'stranger', { qos: 1 });
    }
  });
  await withNode(settings, async (node) => {
    for (const clientId of ['s1', 's2', 's3']) {
      const client = mqtt.connect(node.listeners[0].url, { reconnectPeriod: 0, protocolVersion: 5, clientId, ...session });
      context.after(() => client.end(true));
      const heard = heardBy(client);
      const [connack] = await new Promise<[mqtt.IConnackPacket]>((resolve) => client.once('connect', (packet) => resolve([packet])));
      assert.equal(connack.sessionPresent, true, clientId);
      await until('all of it', () => heard.length >= 20);
      assert.deepEqual([...heard].sort(), Array.from({ length: 20 }, (_, i) => `job/${i} acme`).sort(), clientId);
    }
  });
});

test('tenants: a client chooses by user name or client identifier too, and cannot name what is not there', async (context) => {
  await withNode(settingsFor(TRANSPORTS[0], 1), async (node) => {
    await putTenant(control(context, node), 'acme');
    const property = await enter(context, node, ACME);
    const heard = heardBy(property);
    await property.subscribeAsync('#', { qos: 0 });
    const clients = [
      await enter(context, node, { username: 'acme@bob', password: 'x' }),
      await enter(context, node, { clientId: 'acme@c' }),
      await enter(context, node, { username: 'bob@acme.example', password: 'x' }),
    ];
    for (const [i, client] of clients.entries()) await client.publishAsync('t', String(i), { qos: 1 });
    await property.publishAsync('t', 'end', { qos: 1 });
    await until('the last has arrived', () => heard.includes('t end'));
    assert.deepEqual(heard, ['t 0', 't 1', 't end'], 'a mail address names no tenant');

    const url = node.listeners[0].url;
    const unknown = { protocolVersion: 5, reconnectPeriod: 0, properties: { userProperties: { tenant: 'nobody' } } } as const;
    await assert.rejects(mqtt.connectAsync(url, unknown), { code: 0x87 });
    const granted = await clients[2].subscribeAsync('$tenant/acme/#', { qos: 0 }).catch((error: unknown) => error);
    assert.match(String(granted), /Not authorized|135|Unspecified/i, 'nobody names another tenant');
  });
});

test('tenants: one that stores as much as it may keeps nothing more until it may more; what nobody keeps passes, and others go on', async (context) => {
  await withNode(settingsFor(TRANSPORTS[0], 2), async (node) => {
    const metadata = control(context, node);
    await putTenant(metadata, 'acme', { storageBytes: 256 * 1024 });
    const client = await enter(context, node, { clientId: 'a', ...ACME });
    const other = await enter(context, node, { clientId: 'a' });
    const codeOf = (topic: string, payload: Buffer, qos: 0 | 1 | 2, retain = false): Promise<number> =>
      client.publishAsync(topic, payload, { qos, retain }).then(
        () => 0,
        (error: { code?: number }) => error.code ?? -1,
      );
    const body = Buffer.alloc(8 * 1024, 'x');
    assert.equal(await codeOf('kept', body, 1, true), 0);
    const deadlineMs = performance.now() + 20_000;
    let taken = 0;
    for (let i = 0; (await codeOf(`t/${i % 40}`, body, i % 2 === 0 ? 1 : 2)) !== 0x97; i += 1) {
      taken += 1;
      assert.ok(performance.now() < deadlineMs, 'it is full at some time');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(taken >= 20, `most of what it may keep was taken: ${taken} messages`);
    for (const qos of [1, 2] as const) assert.equal(await codeOf('t/x', body, qos), 0x97);
    const heard = heardBy(client);
    await client.subscribeAsync(['now', 'kept'], { qos: 0 });
    await codeOf('kept', Buffer.from('another'), 0, true);
    await codeOf('now', Buffer.from('passes'), 0);
    await until('what nobody keeps passes', () => heard.includes('now passes'));
    assert.ok(!heard.includes('kept another'), 'a retained message of QoS 0 would be kept');
    await other.publishAsync('t/x', body, { qos: 1 });

    await putTenant(metadata, 'acme', { storageBytes: 64 * 1024 * 1024 });
    const againMs = performance.now() + 8000;
    while ((await codeOf('t/x', body, 1)) !== 0) {
      assert.ok(performance.now() < againMs, 'a larger quota counts');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});
