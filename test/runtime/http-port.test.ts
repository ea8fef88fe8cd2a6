import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import mqtt from 'mqtt';
import type { RunningNode } from '../../src/runtime/node.js';
import { CONNECTIONS, HISTOGRAM_FAMILIES, SHARD_FAMILIES, SLOT_FAMILIES } from '../../src/telemetry/metrics/families.js';
import { COUNT, COUNTS_COUNT, LISTENERS_MAX } from '../../src/telemetry/metrics/slots.js';
import { nextMessage, settingsFor, until, withNode } from './running-node.js';

const urlOf = (node: RunningNode, path: string): string => `http://${node.httpAddress}${path}`;
const plainUrl = (node: RunningNode): string => node.listeners.find(({ name }) => name === 'mqtt.tcp')?.url ?? '';

async function page(node: RunningNode): Promise<string> {
  const reply = await fetch(urlOf(node, '/metrics'));
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  return reply.text();
}

/** NaN: there is no such sample. */
function valueIn(text: string, sample: string): number {
  const line = text.split('\n').find((it) => it.startsWith(`${sample} `));
  return line === undefined ? Number.NaN : Number(line.slice(sample.length));
}

function readingOf(text: string, sample: string): number {
  const value = valueIn(text, sample);
  assert.ok(!Number.isNaN(value), `there is a sample ${sample}`);
  return value;
}

test('metrics: messages of real clients are counted where they came, went and were dropped', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const before = await page(node);
    assert.equal(readingOf(before, 'robustmq_connections{protocol="mqtt",listener="mqtt.tcp"}'), 0);
    const [publisher, subscriber] = await Promise.all(
      ['p', 's'].map((clientId) => mqtt.connectAsync(plainUrl(node), { clientId, protocolVersion: 5, reconnectPeriod: 0 })),
    );
    await subscriber.subscribeAsync('a/#', { qos: 1 });
    for (const qos of [0, 1] as const) {
      const message = nextMessage(subscriber);
      await publisher.publishAsync('a/b', 'x', { qos });
      await message;
    }
    await publisher.publishAsync('nobody/wants/it', 'x', { qos: 0 });
    await publisher.publishAsync('$SYS/forged', 'x', { qos: 1 }).catch(() => {});
    await publisher.publishAsync('a/kept', 'x', { qos: 1, retain: true });
    let text = '';
    await until('counted', () => {
      void page(node).then((now) => {
        text = now;
      });
      return /^robustmq_retained_messages\{protocol="mqtt"\} 1$/m.test(text) && /^robustmq_sessions\{protocol="mqtt"\} 2$/m.test(text);
    });
    const expected: Readonly<Record<string, number>> = {
      'robustmq_messages_received_total{protocol="mqtt",qos="0"}': 2,
      'robustmq_messages_received_total{protocol="mqtt",qos="1"}': 3,
      'robustmq_messages_sent_total{protocol="mqtt",qos="0"}': 1,
      'robustmq_messages_sent_total{protocol="mqtt",qos="1"}': 2,
      'robustmq_messages_dropped_total{protocol="mqtt",reason="no-subscriber"}': 1,
      'robustmq_messages_dropped_total{protocol="mqtt",reason="reserved-topic"}': 1,
      'robustmq_packets_received_total{protocol="mqtt",type="connect"}': 2,
      'robustmq_packets_received_total{protocol="mqtt",type="subscribe"}': 1,
      'robustmq_packets_received_total{protocol="mqtt",type="publish"}': 5,
      'robustmq_connections{protocol="mqtt",listener="mqtt.tcp"}': 2,
      'robustmq_authentications_total{protocol="mqtt",result="admitted"}': 2,
      'robustmq_subscriptions{protocol="mqtt"}': 1,
    };
    for (const [sample, value] of Object.entries(expected)) assert.equal(readingOf(text, sample), value, sample);
    assert.ok(readingOf(text, 'robustmq_wal_fsync_seconds_count') > 0);
    assert.ok(readingOf(text, 'robustmq_message_latency_seconds_count{protocol="mqtt"}') > 0);
    assert.ok(readingOf(text, 'robustmq_received_bytes_total') > 50);
    for (const shard of [0, 1]) assert.ok(readingOf(text, `robustmq_shard_busy_ratio{shard="${shard}"}`) <= 1);
    await Promise.all([publisher, subscriber].map((client) => client.endAsync()));
    await until('connections are gone', () => node.connections() === 0);
    assert.equal(readingOf(await page(node), 'robustmq_connections{protocol="mqtt",listener="mqtt.tcp"}'), 0);
  });
});

test('metrics: every counter of the list is there, each family has help and type once, and promtool has no complaint', async (context) => {
  await withNode(settingsFor('native', 1), async (node) => {
    const text = await page(node);
    for (const { name, help, samples } of SLOT_FAMILIES) {
      assert.ok(text.includes(`# HELP ${name} ${help}\n`), name);
      assert.equal(text.split('\n').filter((line) => line.startsWith(`${name}{`)).length, samples.length, name);
    }
    for (const { name, help } of [...SHARD_FAMILIES, ...HISTOGRAM_FAMILIES]) assert.ok(text.includes(`# HELP ${name} ${help}\n`), name);
    const families = [...text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map(([, name]) => name);
    assert.equal(new Set(families).size, families.length);
    assert.ok(families.includes(CONNECTIONS));
    assert.equal([...text.matchAll(/^# HELP \S+ \S.*$/gm)].length, families.length);
    // Of slots that somebody increments none is missing; rows have some in reserve.
    const shown = new Set(SLOT_FAMILIES.flatMap(({ samples }) => samples.map(([, slot]) => slot)));
    const elsewhere = new Set<number>([COUNT.linkBytesWaiting, COUNT.journalPendingBytes, COUNT.journalFull]);
    const rows = new Set<number>([
      COUNT.dropped,
      COUNT.packetsReceived,
      COUNT.connectionsRefused,
      COUNT.authentications,
      COUNT.connectionsEnded,
    ]);
    for (const [name, slot] of Object.entries(COUNT))
      if (slot !== COUNT.connections && !rows.has(slot) && !elsewhere.has(slot)) assert.ok(shown.has(slot), name);
    assert.ok(COUNTS_COUNT >= COUNT.connections + LISTENERS_MAX);

    const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (promtool.error !== undefined) context.diagnostic('promtool is not here (Debian: prometheus), so the text was not checked by it');
    else assert.deepEqual([promtool.status, promtool.stderr], [0, '']);
  });
});

test('http: what a shard counted before it died is still counted', async () => {
  await withNode(settingsFor('native', 1), async (node) => {
    const client = await mqtt.connectAsync(plainUrl(node), { reconnectPeriod: 0 });
    client.on('error', () => {});
    await client.publishAsync('a', 'x', { qos: 1 });
    const gone = new Promise((resolve) => client.once('close', () => resolve(null)));
    node.terminateShard(0);
    await gone;
    let text = '';
    await until('the shard is replaced', () => {
      void page(node).then((now) => {
        text = now;
      });
      return valueIn(text, 'robustmq_shard_restarts_total') === 1 && node.isServing(0);
    });
    assert.equal(readingOf(text, 'robustmq_messages_received_total{protocol="mqtt",qos="1"}'), 1);
    assert.equal(readingOf(text, 'robustmq_connections{protocol="mqtt",listener="mqtt.tcp"}'), 0, 'a gauge is not');
    assert.equal(readingOf(text, 'robustmq_shard_restarts_total'), 1);
  });
});

test('http: the API answers with the token that the first start made, and changes what there is', async () => {
  const settings = settingsFor('native', 2);
  const path = join(settings.data_path, 'secrets', 'http-token');
  await withNode(settings, async (node) => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const token = readFileSync(path, 'utf8').trim();
    const ask = async (method: string, place: string, body?: object): Promise<readonly [number, Record<string, unknown>]> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const reply = await fetch(urlOf(node, place), { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      return [reply.status, (await reply.json()) as Record<string, unknown>];
    };
    assert.equal((await fetch(urlOf(node, '/api/v1/mqtt/clients'))).status, 401);
    const client = await mqtt.connectAsync(plainUrl(node), { clientId: 'c/1', reconnectPeriod: 0 });
    const [status, clients] = await ask('GET', '/api/v1/mqtt/clients');
    assert.equal(status, 200);
    assert.deepEqual(
      (clients.items as { clientId: string }[]).map(({ clientId }) => clientId),
      ['c/1'],
    );
    assert.equal((await ask('POST', '/api/v1/mqtt/subscriptions', { clientId: 'c/1', filter: 'x/#' }))[0], 200);
    const message = nextMessage(client);
    await client.publishAsync('x/y', 'hello', { retain: true, qos: 1 });
    assert.equal(await message, 'x/y hello');
    assert.equal((await ask('GET', '/api/v1/mqtt/retained/x%2Fy'))[1].message !== undefined, true);
    assert.equal((await ask('PUT', '/api/v1/mqtt/acl-rules/r', { permission: 'deny' }))[0], 400);
    assert.equal((await ask('PUT', '/api/v1/mqtt/acl-rules/r', { permission: 'deny', filter: 'z/#' }))[0], 200);
    const closed = new Promise((resolve) => client.once('close', () => resolve(null)));
    assert.equal((await ask('DELETE', '/api/v1/mqtt/clients/c%2F1'))[0], 200);
    await closed;
    const [missing, problem] = await ask('GET', '/api/v1/mqtt/clients/c%2F1');
    assert.deepEqual([missing, problem.code], [404, 'RMQ-1023']);
    assert.equal((await fetch(urlOf(node, '/health/ready'))).status, 200);
  });
  await withNode(settings, async () => {
    assert.ok(readFileSync(path, 'utf8').length > 16, 'and the next start has the same');
  });
});

test('http: a port in use is one clear error, and nothing is half started', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const bound = taken.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const settings = settingsFor('native', 1);
  const busy = { ...settings, http: { ...settings.http, port: bound.port } };
  await assert.rejects(
    withNode(busy, async () => {}),
    /RMQ-1003 cannot listen on 127\.0\.0\.1:\d+ \(http\): in use/,
  );
  taken.close();
  await withNode(settings, async (node) => assert.equal((await fetch(urlOf(node, '/health/live'))).status, 200));
});
