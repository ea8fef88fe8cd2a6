import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import { BANS, USER_PUT } from '../../src/admin/questions/mqtt-access.js';
import type { RunningNode } from '../../src/runtime/node.js';
import { verifyAudit } from '../../src/telemetry/audit/audit-log.js';
import { RawClient } from '../clients/raw-client.js';
import { eventually } from '../resilience/deadline.js';
import { settingsFor, TRANSPORTS, until, withNode } from '../runtime/running-node.js';
import { CLIENT_ID } from './acl/rules.js';
import { Operator } from './operator.js';

const NOT_AUTHORIZED = 0x87;
const BANNED = 0x8a;
const ADMINISTRATIVE_ACTION = 0x98;

const plainUrl = (node: RunningNode): string => node.listeners.find(({ name }) => name === 'mqtt.tcp')?.url ?? '';

/** The reason code of CONNACK. */
async function knock(context: TestContext, url: string, clientId: string): Promise<number | undefined> {
  const client = await RawClient.open(context, url);
  client.say({ cmd: 'connect', clientId, protocolVersion: 5, clean: true, keepalive: 0 });
  return (await client.hear('connack')).reasonCode;
}

/** Publishes at QoS 1 and says how it was answered. */
async function publish(client: RawClient, topic: string): Promise<number> {
  const before = client.count('puback');
  client.say({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId: before + 1, dup: false, retain: false });
  await client.until(() => client.count('puback') > before, `an answer to ${topic}`);
  const answer = client.packets.filter((packet) => packet.cmd === 'puback').at(-1);
  return answer?.cmd === 'puback' ? (answer.reasonCode ?? 0) : -1;
}

/** Asks until the answer is another one: a change of the catalogue is a moment under way. */
async function publishUntil(client: RawClient, topic: string, wanted: (code: number) => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5000;
  while (!wanted(await publish(client, topic))) assert.ok(performance.now() < deadlineMs, `within 5 s: ${topic}`);
}

const isRefused = (code: number): boolean => code === NOT_AUTHORIZED;
const isTaken = (code: number): boolean => code < 0x80;

for (const transport of TRANSPORTS)
  test(`access: rules that come, change and go take effect for connected clients on every shard (${transport})`, async (context) => {
    await withNode(settingsFor(transport, 2), async (node) => {
      const operator = new Operator(node);
      const clients = await Promise.all(['a', 'b', 'c', 'd'].map((clientId) => RawClient.connect(context, plainUrl(node), { clientId })));
      for (const client of clients) assert.ok(isTaken(await publish(client, 'x')));
      await operator.allow('own', `d/${CLIENT_ID}/#`);
      for (const client of clients) await publishUntil(client, 'x', isRefused);
      for (const [index, client] of clients.entries()) {
        assert.ok(isTaken(await publish(client, `d/${'abcd'[index]}/1`)));
        assert.ok(isRefused(await publish(client, `d/${'bcda'[index]}/1`)));
      }
      await operator.allow('own', 'x');
      for (const client of clients) await publishUntil(client, 'x', isTaken);
      assert.ok(isRefused(await publish(clients[0], 'd/a/1')));
      await operator.erase('own');
      for (const client of clients) await publishUntil(client, 'd/e/1', isTaken);
    });
  });

test('access: a session that was opened without a name ends for a user with its client id, and then nobody without the name gets it', async (context) => {
  await withNode(settingsFor(TRANSPORTS[0], 2), async (node, log) => {
    const operator = new Operator(node);
    const url = plainUrl(node);
    const connect = (secret: string | null): Promise<MqttClient> =>
      mqtt.connectAsync(url, {
        ...{ clientId: 'same', protocolVersion: 5, clean: false, reconnectPeriod: 0, properties: { sessionExpiryInterval: 600 } },
        ...(secret === null ? {} : { username: 'ann', password: secret }),
      });
    const nobody = await connect(null);
    await nobody.subscribeAsync('#', { qos: 1 });
    await nobody.endAsync();
    const again = await connect(null);
    await again.endAsync();
    await operator.ask(USER_PUT, { name: 'ann', password: 'her secret', tenant: 'default' });
    let ann: MqttClient | null = null;
    await eventually('ann is known and let in', async () => {
      ann = await connect('her secret').catch(() => null);
      return ann !== null && log.records.some(({ event }) => event === 'session.unowned-ended');
    });
    assert.ok(ann !== null);
    const client: MqttClient = ann;
    context.after(() => client.endAsync(true));
    const heard: string[] = [];
    client.on('message', (topic) => heard.push(topic));
    await client.publishAsync('a', 'x', { qos: 1 });
    await client.subscribeAsync('end', { qos: 1 });
    await client.publishAsync('end', 'x', { qos: 1 });
    await until('what follows has come', () => heard.includes('end'));
    assert.deepEqual(heard, ['end'], 'nothing of the earlier session is hers');
    const outcome = await connect(null).then(
      () => 0,
      (error: { code?: number }) => error.code ?? -1,
    );
    assert.equal(outcome, NOT_AUTHORIZED);
    assert.ok(client.connected, 'and her connection does not notice');
  });
});

test('access: rules and bans are there again after a restart, before the first client comes', async (context) => {
  const settings = settingsFor(TRANSPORTS[0], 2);
  await withNode(settings, async (node) => {
    const operator = new Operator(node);
    await operator.allow('one', 'a');
    await operator.ban('client', 'bad');
  });
  await withNode(settings, async (node) => {
    const client = await RawClient.connect(context, plainUrl(node));
    assert.ok(isRefused(await publish(client, 'b')));
    assert.ok(isTaken(await publish(client, 'a')));
    assert.equal(await knock(context, plainUrl(node), 'bad'), BANNED);
  });
});

test('access: a ban ends who is there and keeps out who comes, until it is over or deleted', async (context) => {
  await withNode(settingsFor(TRANSPORTS[0], 2), async (node) => {
    const operator = new Operator(node);
    const url = plainUrl(node);
    const clients = await Promise.all(['bot-1', 'bot-2', 'bot-3', 'good'].map((clientId) => RawClient.connect(context, url, { clientId })));
    await operator.ban('client-pattern', 'bot-*', { reason: 'too many of them' });
    for (const client of clients.slice(0, 3)) {
      assert.equal((await client.hear('disconnect')).reasonCode, ADMINISTRATIVE_ACTION);
      await client.closed();
    }
    assert.ok(isTaken(await publish(clients[3], 'x')));
    assert.equal(await knock(context, url, 'bot-9'), BANNED);
    await operator.unban('client-pattern', 'bot-*');
    const deadlineMs = performance.now() + 5000;
    while ((await knock(context, url, 'bot-9')) === BANNED) assert.ok(performance.now() < deadlineMs, 'the ban is gone');
    await operator.ban('address', '127.0.0.0/8');
    await clients[3].closed();
    assert.equal(await knock(context, url, 'good'), BANNED);
  });
});

test('access: an address that is none is refused in words, for a rule and for a ban', async () => {
  await withNode(settingsFor(TRANSPORTS[0], 1), async (node) => {
    const operator = new Operator(node);
    await assert.rejects(operator.ban('address', '10.0.0.0/33'), /RMQ-1031.*no address and no network/);
    await assert.rejects(
      operator.allow('one', 'a', { principal: { kind: 'address', value: 'home' } }),
      /RMQ-1031.*no address and no network/,
    );
    assert.deepEqual((await operator.ask(BANS.list, {})).items, []);
  });
});

test('access: a client that connects too often on all shards together is banned in the catalogue; who is slower is not', async (context) => {
  const settings = settingsFor(TRANSPORTS[0], 2);
  const flapping = { enabled: true, connects_max: 15, window: 60_000, ban_time: 300_000 };
  await withNode({ ...settings, mqtt: { ...settings.mqtt, flapping } }, async (node) => {
    const operator = new Operator(node);
    for (let index = 0; index < 15; index += 1) assert.equal(await knock(context, plainUrl(node), 'slow'), 0);
    const deadlineMs = performance.now() + 8000;
    while ((await knock(context, plainUrl(node), 'restless')) !== BANNED) assert.ok(performance.now() < deadlineMs, 'it is banned');
    const { items } = await operator.ask(BANS.list, {});
    assert.deepEqual(
      items.map(({ kind, value, by }) => [kind, value, by]),
      [['client', 'restless', 'flapping']],
    );
    assert.ok(items[0].untilMs > Date.now() + 200_000);
    assert.equal(await knock(context, plainUrl(node), 'slow'), 0);
  });
});

test('access: refusals, changes and who made them are in the audit log, without secrets, in one chain', async (context) => {
  const settings = settingsFor(TRANSPORTS[0], 2);
  await withNode(settings, async (node) => {
    const operator = new Operator(node);
    await operator.allow('one', 'a');
    node.noteReload('SIGHUP', { applied: ['log.level'] });
    await operator.ban('client', 'bad', { reason: 'noise' });
    await operator.ask(USER_PUT, { name: 'ann', password: 'her secret', tenant: 'default' });
    const client = await RawClient.connect(context, plainUrl(node), { clientId: 'c1' });
    await publishUntil(client, 'b', isRefused);
    for (let index = 0; index < 20; index += 1) assert.equal(await knock(context, plainUrl(node), 'bad'), BANNED);
    await until('the shard has told', () => readAudit(settings.data_path).includes('"publish.refused"'));
    await until('all of them', () => countRefused(settings.data_path, 'ban.refused', 'bad') === 20);
  });
  const text = readAudit(settings.data_path);
  const records = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const events = new Set(records.map(({ event }) => event));
  for (const event of [
    'node.started',
    'acl-rule.written',
    'ban.written',
    'user.written',
    'operator.done',
    'publish.refused',
    'ban.refused',
    'settings.reloaded',
    'node.stopped',
  ])
    assert.ok(events.has(event), event);
  assert.ok(records.filter(({ event }) => event === 'ban.refused').length < 20, 'alike refusals are counted');
  assert.doesNotMatch(text, /her secret|argon2/);
  assert.equal(verifyAudit(join(settings.data_path, 'audit')).fault, null);
});

function readAudit(dataPath: string): string {
  const directory = join(dataPath, 'audit');
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('');
}

/** How often, by the counts of all notes. */
function countRefused(dataPath: string, wanted: string, clientId: string): number {
  return readAudit(dataPath)
    .split('\n')
    .filter((line) => line.includes(wanted) && line.includes(`"clientId":"${clientId}"`))
    .reduce((sum, line) => sum + Number(JSON.parse(line).count), 0);
}
