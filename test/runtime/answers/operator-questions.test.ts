import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqtt from 'mqtt';
import { ACL_RULES, BANS, USER_DELETE, USER_LIST, USER_PUT } from '../../../src/admin/questions/mqtt-access.js';
import { CLIENT_DISCONNECT, CLIENT_LIST, CLIENT_SHOW, type ClientRow } from '../../../src/admin/questions/mqtt-clients.js';
import { DELAYED_CANCEL, DELAYED_CLEAR, DELAYED_LIST } from '../../../src/admin/questions/mqtt-delayed.js';
import { PUBLISH } from '../../../src/admin/questions/mqtt-messages.js';
import { RETAINED_CLEAR, RETAINED_DELETE, RETAINED_LIST, RETAINED_SHOW } from '../../../src/admin/questions/mqtt-retained.js';
import { TENANTS } from '../../../src/admin/questions/mqtt-rules.js';
import { SESSION_DELETE, SESSION_SHOW, SESSIONS } from '../../../src/admin/questions/mqtt-sessions.js';
import { SHARED_GROUPS } from '../../../src/admin/questions/mqtt-shared.js';
import { SUBSCRIPTION_ADD, SUBSCRIPTION_LIST, SUBSCRIPTION_REMOVE } from '../../../src/admin/questions/mqtt-subscriptions.js';
import type { Page, PageAsk, Question } from '../../../src/admin/questions/question.js';
import type { RunningNode } from '../../../src/runtime/node.js';
import { clientsOn, nextMessage, settingsFor, until, withNode } from '../running-node.js';

/* Every question, put to a real node with clients on two shards. What is answered has the form that the question promises. */

async function ask<A extends object, R extends object>(node: RunningNode, question: Question<A, R>, given: Partial<A>): Promise<R> {
  const answer = await node.query({ verb: 'ask', question: question.name, ask: given });
  return question.answers.parse(JSON.parse(JSON.stringify(answer)));
}

async function allOf<A extends PageAsk, Row>(node: RunningNode, question: Question<A, Page<Row>>, given: Partial<A>): Promise<Row[]> {
  const rows: Row[] = [];
  const rest: Partial<A> = { ...given };
  for (let after = ''; ; ) {
    const page: Page<Row> = await ask(node, question, { ...rest, after });
    assert.deepEqual(page.silent, []);
    rows.push(...page.items);
    if (page.next === null) return rows;
    after = page.next;
  }
}

const plainUrl = (node: RunningNode): string => node.listeners.find(({ name }) => name === 'mqtt.tcp')?.url ?? '';
const idOf = (client: mqtt.MqttClient): string => client.options.clientId ?? '';

test('operator questions: clients are listed over all shards in pages, found by what they are like, shown and disconnected', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const [one, two] = await clientsOn(node, plainUrl(node), [0, 1]);
    const three = await mqtt.connectAsync(plainUrl(node), { clientId: 'sensor-3', protocolVersion: 4, reconnectPeriod: 0, keepalive: 33 });
    const ids = [idOf(one), idOf(two), 'sensor-3'].sort();
    assert.deepEqual(
      (await allOf(node, CLIENT_LIST, { limit: 1 })).map(({ clientId }) => clientId),
      ids,
    );
    assert.deepEqual(new Set((await allOf(node, CLIENT_LIST, {})).map(({ shard }) => shard)), new Set([0, 1]));

    const found = async (given: Partial<ClientRow> & { match?: string }): Promise<string[]> =>
      (await allOf(node, CLIENT_LIST, given)).map(({ clientId }) => clientId);
    assert.deepEqual(await found({ match: 'sensor-*' }), ['sensor-3']);
    assert.deepEqual(await found({ address: '127.0.0.*' }), ids);
    assert.deepEqual(await found({ address: '10.*' }), []);
    assert.deepEqual(await found({ listener: 'mqtt.ws' }), []);

    const { client } = await ask(node, CLIENT_SHOW, { clientId: 'sensor-3' });
    assert.deepEqual([client.version, client.keepAliveSeconds, client.listener, client.tenant], [4, 33, 'mqtt.tcp', 'default']);
    const closed = new Promise<void>((resolve) => three.once('close', () => resolve()));
    assert.match((await ask(node, CLIENT_DISCONNECT, { clientId: 'sensor-3' })).text, /disconnected "sensor-3"/);
    await closed;
    await assert.rejects(ask(node, CLIENT_SHOW, { clientId: 'sensor-3' }), /RMQ-1023/);
    await assert.rejects(ask(node, CLIENT_DISCONNECT, { clientId: 'sensor-3' }), /RMQ-1023/);
    await Promise.all([one, two].map((it) => it.endAsync()));
  });
});

test('operator questions: a subscription that an operator adds delivers, and one that is removed does not', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const [one, two] = await clientsOn(node, plainUrl(node), [0, 1]);
    await one.subscribeAsync('a/+', { qos: 1 });
    await one.subscribeAsync('$share/g/b/#', { qos: 2 });
    await ask(node, SUBSCRIPTION_ADD, { clientId: idOf(two), filter: 'a/#', qos: 1 });

    const rows = await allOf(node, SUBSCRIPTION_LIST, { limit: 1 });
    const expected = [`${idOf(one)} $share/g/b/#`, `${idOf(one)} a/+`, `${idOf(two)} a/#`].sort();
    assert.deepEqual(
      rows.map(({ clientId, filter }) => `${clientId} ${filter}`),
      expected,
    );
    const matching = await allOf(node, SUBSCRIPTION_LIST, { topic: 'b/1' });
    assert.deepEqual(
      matching.map(({ filter, qos }) => [filter, qos]),
      [['$share/g/b/#', 2]],
    );
    assert.deepEqual(
      (await allOf(node, SUBSCRIPTION_LIST, { match: idOf(two) })).map(({ filter }) => filter),
      ['a/#'],
    );

    const message = nextMessage(two);
    await one.publishAsync('a/1', 'x', { qos: 1 });
    assert.equal(await message, 'a/1 x');
    await ask(node, SUBSCRIPTION_REMOVE, { clientId: idOf(two), filter: 'a/#' });
    assert.deepEqual(await allOf(node, SUBSCRIPTION_LIST, { match: idOf(two) }), []);
    await assert.rejects(ask(node, SUBSCRIPTION_REMOVE, { clientId: idOf(two), filter: 'a/#' }), /RMQ-1023 .*not subscribed/);
    await assert.rejects(ask(node, SUBSCRIPTION_ADD, { clientId: idOf(two), filter: 'a/#/b' }), /RMQ-1036/);
    await assert.rejects(ask(node, SUBSCRIPTION_ADD, { clientId: 'nobody', filter: 'a' }), /RMQ-1023/);
    await Promise.all([one, two].map((it) => it.endAsync()));
  });
});

test('operator questions: a durable session that is away is subscribed, and has the messages when it is back', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const options = {
      clientId: 'away',
      clean: false,
      properties: { sessionExpiryInterval: 600 },
      protocolVersion: 5,
      reconnectPeriod: 0,
    } as const;
    const first = await mqtt.connectAsync(plainUrl(node), options);
    await first.endAsync();
    await ask(node, SUBSCRIPTION_ADD, { clientId: 'away', filter: 'later/#', qos: 1 });
    const publisher = await mqtt.connectAsync(plainUrl(node), { reconnectPeriod: 0 });
    await publisher.publishAsync('later/1', 'kept', { qos: 1 });
    assert.deepEqual(
      (await allOf(node, SESSIONS, {})).map(({ clientId, waiting }) => [clientId, waiting]).filter(([id]) => id === 'away'),
      [['away', 1]],
    );
    const again = mqtt.connect(plainUrl(node), options);
    assert.equal(await nextMessage(again), 'later/1 kept');
    await again.endAsync();
    const { session } = await ask(node, SESSION_SHOW, { clientId: 'away' });
    assert.deepEqual(
      session.filters.map(({ filter }) => filter),
      ['later/#'],
    );
    await ask(node, SESSION_DELETE, { clientId: 'away' });
    await assert.rejects(ask(node, SESSION_SHOW, { clientId: 'away' }), /RMQ-1023/);
    await publisher.endAsync();
  });
});

test('operator questions: retained messages are listed by topic, shown, deleted and cleared', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const client = await mqtt.connectAsync(plainUrl(node), { protocolVersion: 5, reconnectPeriod: 0 });
    const topics = Array.from({ length: 25 }, (_, at) => `site/${String(at).padStart(2, '0')}/state`);
    for (const topic of topics) await client.publishAsync(topic, `state of ${topic}`, { qos: 1, retain: true });
    await client.publishAsync('site/bytes', Buffer.from([0xff, 0x00]), {
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval: 600 },
    });
    assert.deepEqual(
      (await allOf(node, RETAINED_LIST, { limit: 4, filter: 'site/+/state' })).map(({ topic }) => topic),
      topics,
    );
    const { message } = await ask(node, RETAINED_SHOW, { topic: 'site/03/state' });
    assert.deepEqual([message.payload, message.qos, message.expiresAtMs], ['state of site/03/state', 1, null]);
    const bytes = (await ask(node, RETAINED_SHOW, { topic: 'site/bytes' })).message;
    assert.deepEqual([bytes.payload, bytes.bytes], [{ base64: '/wA=' }, 2]);
    assert.ok((bytes.expiresAtMs ?? 0) > Date.now());

    await ask(node, RETAINED_DELETE, { topic: 'site/03/state' });
    await assert.rejects(ask(node, RETAINED_SHOW, { topic: 'site/03/state' }), /RMQ-1023/);
    await assert.rejects(ask(node, RETAINED_DELETE, { topic: 'site/+/state' }), /RMQ-1036/);
    assert.equal((await ask(node, RETAINED_CLEAR, { filter: 'site/+/state' })).deleted, 24);
    assert.deepEqual(
      (await allOf(node, RETAINED_LIST, {})).map(({ topic }) => topic),
      ['site/bytes'],
    );
    await client.endAsync();
  });
});

test('operator questions: a message that an operator publishes goes the way of all', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const [one, two] = await clientsOn(node, plainUrl(node), [0, 1]);
    for (const client of [one, two]) await client.subscribeAsync('o/#', { qos: 1 });
    for (const qos of [0, 1, 2] as const) {
      const both = Promise.all([nextMessage(one), nextMessage(two)]);
      assert.match((await ask(node, PUBLISH, { topic: `o/${qos}`, payload: 'hello', qos })).text, /^published 5 bytes to o\/\d$/);
      assert.deepEqual(await both, [`o/${qos} hello`, `o/${qos} hello`]);
    }
    const rich = new Promise<mqtt.IPublishPacket>((resolve) => one.once('message', (_topic, _payload, packet) => resolve(packet)));
    const userProperties = [
      ['a', '1'],
      ['b', 'ü'],
    ] as const;
    await ask(node, PUBLISH, { topic: 'o/rich', payload: { base64: '/wA=' }, expirySeconds: 600, contentType: 'x/y', userProperties });
    const { payload, properties } = await rich;
    assert.deepEqual([...Buffer.from(payload)], [0xff, 0]);
    assert.deepEqual({ ...properties?.userProperties }, { a: '1', b: 'ü' });
    assert.deepEqual([properties?.contentType, (properties?.messageExpiryInterval ?? 0) > 590], ['x/y', true]);

    await ask(node, PUBLISH, { topic: 'kept', payload: 'state', retain: true, qos: 0 });
    assert.equal((await ask(node, RETAINED_SHOW, { topic: 'kept' })).message.payload, 'state');
    await ask(node, PUBLISH, { topic: 'kept', payload: '', retain: true });
    await assert.rejects(ask(node, RETAINED_SHOW, { topic: 'kept' }), /RMQ-1023/);
    assert.match((await ask(node, PUBLISH, { topic: 'unheard', payload: '', qos: 0 })).text, /nobody is subscribed/);
    for (const topic of ['a/#', '$SYS/x', '$share/g/a', '$tenant/acme/a', '$delayed/5/a', 'x\u0000y'])
      await assert.rejects(ask(node, PUBLISH, { topic, payload: '' }), /RMQ-1036/, topic);
    await assert.rejects(ask(node, PUBLISH, { topic: 'a', payload: '', tenant: 'nobody' }), /RMQ-1023/);
    await assert.rejects(ask(node, PUBLISH, { topic: 'a', payload: 'x'.repeat(3_000_000) }), /RMQ-1036 .*packet_bytes_max/);
    await Promise.all([one, two].map((it) => it.endAsync()));
  });
});

test('operator questions: delayed messages are listed, cancelled by id and by topic, and what is left is published', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const client = await mqtt.connectAsync(plainUrl(node), { protocolVersion: 5, reconnectPeriod: 0, clientId: 'planner' });
    const topics = Array.from({ length: 25 }, (_, at) => `later/${String(at).padStart(2, '0')}`);
    for (const topic of topics) await client.publishAsync(`$delayed/3600/${topic}`, `for ${topic}`, { qos: 1 });
    const received: string[] = [];
    client.on('message', (topic) => received.push(topic));
    await client.subscribeAsync('+', { qos: 1 });
    await client.publishAsync('$delayed/2/soon', 'x', { qos: 1 });
    const listed = await allOf(node, DELAYED_LIST, { limit: 4, filter: 'later/+' });
    assert.deepEqual(listed.map(({ topic }) => topic).sort(), topics);
    const [first] = listed;
    assert.deepEqual([first.publisher, first.qos, first.isRetained, first.bytes], ['planner', 1, false, `for ${first.topic}`.length]);
    assert.ok(first.dueAtMs - first.receivedAtMs === 3_600_000);
    await ask(node, DELAYED_CANCEL, { id: first.id });
    await assert.rejects(ask(node, DELAYED_CANCEL, { id: first.id }), /RMQ-1023/);
    await assert.rejects(ask(node, DELAYED_CANCEL, { id: 'nonsense' }), /RMQ-1023/);
    assert.equal((await ask(node, DELAYED_CLEAR, { filter: 'later/#' })).cancelled, 24);
    await until('what was not cancelled is published', () => received.length > 0);
    assert.deepEqual(received, ['soon']);
    assert.deepEqual(await allOf(node, DELAYED_LIST, {}), []);
    await client.endAsync();
  });
});

test('operator questions: users are made once, changed, and their passwords are hashes that nobody is shown', async () => {
  await withNode(settingsFor('native', 1), async (node) => {
    await ask(node, USER_PUT, { name: 'alice', password: 'secret of alice', when: 'create', comment: 'first' });
    await assert.rejects(ask(node, USER_PUT, { name: 'alice', password: 'x', when: 'create' }), /RMQ-1031 .*there already/);
    await assert.rejects(ask(node, USER_PUT, { name: 'bob', password: 'x', when: 'change' }), /RMQ-1023/);
    await ask(node, USER_PUT, { name: 'alice', isSuperuser: true, when: 'change' });
    const answer = await node.query({ verb: 'ask', question: USER_LIST.name, ask: {} });
    assert.doesNotMatch(JSON.stringify(answer), /argon2|passwordHash/);
    const [alice] = USER_LIST.answers.parse(answer).items;
    assert.deepEqual([alice.name, alice.isSuperuser, alice.hasPassword, alice.comment], ['alice', true, true, 'first']);
    await assert.rejects(ask(node, USER_DELETE, { name: 'alice', expected: alice.revision + 1000 }), /RMQ-1030/);
    await ask(node, USER_DELETE, { name: 'alice', expected: alice.revision });
    assert.deepEqual(await allOf(node, USER_LIST, {}), []);
  });
});

test('operator questions: rules, bans and tenants go to the catalogue with their defaults, and come from it in pages', async () => {
  await withNode(settingsFor('native', 1), async (node) => {
    await ask(node, TENANTS.put, { name: 'acme', quotas: { connections: 5 } as never });
    const acme = (await allOf(node, TENANTS.list, {})).find(({ name }) => name === 'acme');
    assert.deepEqual([acme?.quotas.connections, acme?.quotas.streams], [5, 0]);
    for (const name of ['c', 'a', 'b']) await ask(node, ACL_RULES.put, { tenant: 'acme', name, permission: 'deny', filter: `${name}/#` });
    const rules = await allOf(node, ACL_RULES.list, { tenant: 'acme', limit: 2 });
    assert.deepEqual(
      rules.map(({ name, order, principal, actions }) => [name, order, principal.kind, actions.length]),
      [
        ['a', 100, 'any', 2],
        ['b', 100, 'any', 2],
        ['c', 100, 'any', 2],
      ],
    );
    await assert.rejects(ask(node, TENANTS.delete, { name: 'acme' }), /RMQ-1031 .*there is something in it/);
    await assert.rejects(ask(node, ACL_RULES.put, { name: 'x', permission: 'allow', filter: 'a/#/b' }), /RMQ-1031 .*no topic filter/);
    await assert.rejects(ask(node, ACL_RULES.put, { name: 'x', filter: 'a' }), /RMQ-1036 .*permission/);
    await assert.rejects(ask(node, ACL_RULES.delete, { name: 'x' }), /RMQ-1023/);
    await ask(node, BANS.put, { kind: 'address', value: '10.0.0.0/8', reason: 'noise' });
    assert.deepEqual(
      (await allOf(node, BANS.list, {})).map(({ kind, value, untilMs }) => [kind, value, untilMs]),
      [['address', '10.0.0.0/8', 0]],
    );
  });
});

test('operator questions: what is no question, or not in its form, is refused in words', async () => {
  await withNode(settingsFor('native', 1), async (node) => {
    await assert.rejects(node.query({ verb: 'ask', question: 'mqtt-nonsense', ask: {} }), /RMQ-1036 .*no question "mqtt-nonsense"/);
    await assert.rejects(node.query({ verb: 'ask', question: CLIENT_LIST.name, ask: { limit: 1001 } }), /RMQ-1036 .*limit/);
    await assert.rejects(node.query({ verb: 'ask', question: CLIENT_LIST.name, ask: { after: 'garbage' } }), /RMQ-1036 .*after/);
    await assert.rejects(node.query({ verb: 'ask', question: CLIENT_LIST.name, ask: { bogus: 1 } }), /RMQ-1036 .*bogus/);
    await assert.rejects(node.query({ verb: 'ask', question: CLIENT_LIST.name, ask: 7 }), /RMQ-1036/);
    await until('nothing was harmed', () => node.isServing(0));
  });
});

test('operator questions: shared subscriptions are listed once over all shards, with members and what waits', async () => {
  await withNode(settingsFor('native', 2), async (node) => {
    const [one, two] = await clientsOn(node, plainUrl(node), [0, 1]);
    const away = await mqtt.connectAsync(plainUrl(node), {
      ...{ clientId: 'away', clean: false, protocolVersion: 5, reconnectPeriod: 0 },
      properties: { sessionExpiryInterval: 600 },
    });
    await away.subscribeAsync('$share/kept/jobs/#', { qos: 1 });
    await away.endAsync();
    for (const client of [one, two]) await client.subscribeAsync('$queue/news/+', { qos: 1 });
    for (let i = 0; i < 30; i += 1) await one.publishAsync(`jobs/${i}`, 'x', { qos: 1 });
    const rows = await allOf(node, SHARED_GROUPS, { limit: 1 });
    const plain = { tenant: 'default', strategy: 'round-robin' };
    const [queue, kept] = rows;
    assert.equal(rows.length, 2);
    assert.deepEqual(
      { ...queue },
      {
        ...{ ...plain, group: '$queue', filter: 'news/+', isKept: false, members: 2, durableMembers: 0, onlineMembers: 2 },
        ...{ waiting: 0, inHand: 0, oldestAtMs: 0 },
      },
    );
    const { oldestAtMs, ...rest } = kept;
    assert.deepEqual(rest, {
      ...{ ...plain, group: 'kept', filter: 'jobs/#', isKept: true, members: 1, durableMembers: 1, onlineMembers: 0 },
      ...{ waiting: 30, inHand: 0 },
    });
    assert.ok(oldestAtMs > Date.now() - 60_000 && oldestAtMs <= Date.now());
    assert.deepEqual(
      (await allOf(node, SHARED_GROUPS, { group: 'k*' })).map(({ group }) => group),
      ['kept'],
    );
    assert.deepEqual(await allOf(node, SHARED_GROUPS, { tenant: 'acme' }), []);
  });
});
