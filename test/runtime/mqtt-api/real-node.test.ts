import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { CatalogueService } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import {
  AccessAction,
  AccessVerdict,
  ExplainVerdict,
  MqttService as M,
  type PublishRequest,
  PutWhen,
  type TestAccessRequest,
  TraceKind,
} from '../../../src/metadata/grpc/generated/robustmq/v1/mqtt.js';
import type { RunningNode } from '../../../src/runtime/node.js';
import { NO_ID, openClient } from '../../metadata/grpc/public-client.js';
import { answerOf, failureOf } from '../../metadata/grpc/raw-calls.js';
import { clientsOn, nextMessage, open, settingsFor, withNode } from '../running-node.js';

/* robustmq.v1.Mqtt over a real node, its metadata thread and two shards, by the client of grpc-js alone. */

const urlOf = (node: RunningNode): string => node.listeners.find(({ name }) => name === 'mqtt.tcp')?.url ?? '';
const PAGE = { pageSize: 0, pageToken: '' };
const ANY_CLIENT = { match: '', user: '', address: '', tenant: '', listener: '', ...PAGE };
const ANY_SUBSCRIPTION = { match: '', filter: '', topic: '', tenant: '', ...PAGE };

function published(topic: string, changes: Partial<PublishRequest> = {}): PublishRequest {
  return {
    ...{ tenant: '', topic, payload: Buffer.from('hello'), qos: 1, retain: false, expirySeconds: 0, contentType: '', userProperties: [] },
    ...changes,
  };
}

test('mqtt api: clients, sessions and subscriptions are listed, shown, made and ended over gRPC', async (context: TestContext) => {
  await withNode(settingsFor('native', 2), async (node) => {
    const grpc = openClient(context, node.grpcAddress);
    const [one, two] = await clientsOn(node, urlOf(node), [0, 1]);
    const ids = [one, two].map(({ options }) => options.clientId ?? '').sort();
    const first = await answerOf(grpc, M.listClients, { ...ANY_CLIENT, pageSize: 1 });
    const second = await answerOf(grpc, M.listClients, { ...ANY_CLIENT, pageSize: 1, pageToken: first.nextPageToken });
    assert.deepEqual(
      [...first.clients, ...second.clients].map(({ clientId }) => clientId),
      ids,
    );
    const { client } = await answerOf(grpc, M.getClient, { clientId: ids[0], tenant: '' });
    assert.deepEqual([client?.version, client?.tenant, client?.address], [5, 'default', '127.0.0.1']);

    await answerOf(grpc, M.addSubscription, {
      ...{ clientId: ids[0], tenant: '', filter: 'a/#', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    });
    const { subscriptions } = await answerOf(grpc, M.listSubscriptions, ANY_SUBSCRIPTION);
    assert.deepEqual(
      subscriptions.map(({ clientId, filter, qos }) => [clientId, filter, qos]),
      [[ids[0], 'a/#', 0]],
    );
    const owner = one.options.clientId === ids[0] ? one : two;
    const arrives = nextMessage(owner);
    await answerOf(grpc, M.publish, published('a/b'));
    assert.equal(await arrives, 'a/b hello');

    const { verdict, sentences, sessionJson } = await answerOf(grpc, M.explain, { tenant: '', clientId: ids[0], topic: 'a/b' });
    assert.ok(verdict === ExplainVerdict.YES || verdict === ExplainVerdict.PARTLY, sentences.join(' '));
    assert.equal(JSON.parse(sessionJson).state, 'connected');
    const shown = await answerOf(grpc, M.getSession, { clientId: ids[0], tenant: '' });
    assert.deepEqual(shown.filters, [{ filter: 'a/#', qos: 0 }]);
    assert.equal((await answerOf(grpc, M.listSessions, { match: '', ...PAGE })).sessions.length, 2);

    await answerOf(grpc, M.removeSubscription, { clientId: ids[0], tenant: '', filter: 'a/#' });
    assert.deepEqual((await answerOf(grpc, M.listSubscriptions, ANY_SUBSCRIPTION)).subscriptions, []);
    const closed = new Promise<void>((resolve) => owner.once('close', () => resolve()));
    assert.match((await answerOf(grpc, M.disconnectClient, { clientId: ids[0], tenant: '' })).text, /disconnected/);
    await closed;
    const gone = await failureOf(grpc, M.getClient, { clientId: ids[0], tenant: '' });
    assert.deepEqual([gone.status, gone.code], [status.NOT_FOUND, 'RMQ-1023']);
    assert.equal((await failureOf(grpc, M.clearRetained, { tenant: '', filter: '' })).status, status.INVALID_ARGUMENT);
    await Promise.all([one, two].map((it) => it.endAsync(true)));
  });
});

test('mqtt api: retained and delayed messages, shared groups, slow subscriptions, alarms and traces over gRPC', async (context: TestContext) => {
  await withNode(settingsFor('native', 2), async (node) => {
    const grpc = openClient(context, node.grpcAddress);
    await answerOf(grpc, M.startTrace, {
      ...{ name: 'all', kind: TraceKind.CLIENT, value: '*', tenant: '', seconds: undefined, bytesMax: undefined, payloadBytesMax: 0 },
    });
    const client = await open(urlOf(node));
    await client.subscribeAsync('$share/g/s/#', { qos: 1 });
    const groups = await answerOf(grpc, M.listSharedGroups, { group: '', filter: '', tenant: '', ...PAGE });
    assert.deepEqual(
      groups.groups.map(({ group, filter, members }) => [group, filter, members]),
      [['g', 's/#', 1]],
    );

    const payload = Buffer.from([0, 255, 1]);
    await answerOf(grpc, M.publish, published('r/1', { retain: true, payload }));
    await answerOf(grpc, M.publish, published('r/2', { retain: true, qos: 0 }));
    const { messages } = await answerOf(grpc, M.listRetained, { tenant: '', filter: 'r/#', ...PAGE });
    assert.deepEqual(
      messages.map(({ topic, qos }) => [topic, qos]),
      [
        ['r/1', 1],
        ['r/2', 0],
      ],
    );
    assert.deepEqual((await answerOf(grpc, M.getRetained, { tenant: '', topic: 'r/1' })).payload, payload);
    await answerOf(grpc, M.deleteRetained, { tenant: '', topic: 'r/1' });
    assert.equal((await answerOf(grpc, M.clearRetained, { tenant: '', filter: '#' })).deleted, 1);

    await client.publishAsync('$delayed/1000/later', 'x', { qos: 1 });
    await client.publishAsync('$delayed/1000/later/still', 'x', { qos: 1 });
    const delayed = await answerOf(grpc, M.listDelayed, { tenant: '', filter: undefined, ...PAGE });
    assert.equal(delayed.messages.length, 2);
    await answerOf(grpc, M.cancelDelayed, { id: delayed.messages[0].id });
    assert.equal((await answerOf(grpc, M.clearDelayed, { tenant: '', filter: '#' })).cancelled, 1);

    assert.equal((await answerOf(grpc, M.listSlowSubscriptions, { pageSize: 0 })).isMeasured, false);
    assert.deepEqual((await answerOf(grpc, M.listAlarms, { isPast: false, ...PAGE })).silentShards, []);

    await answerOf(grpc, M.stopTrace, { name: 'all' });
    const { traces } = await answerOf(grpc, M.listTraces, PAGE);
    assert.deepEqual(
      traces.map(({ name, isRunning, endsAtMs }) => [name, isRunning, endsAtMs]),
      [['all', false, undefined]],
    );
    assert.match((await answerOf(grpc, M.readTrace, { name: 'all', offset: 0 })).content.toString(), /SUBSCRIBE/i);
    await answerOf(grpc, M.deleteTrace, { name: 'all' });
    assert.deepEqual((await answerOf(grpc, M.listTraces, PAGE)).traces, []);
    await client.endAsync(true);
  });
});

test('mqtt api: a user gets a password, rules are tested, and the audit log says who changed something', async (context: TestContext) => {
  const settings = settingsFor('native', 2);
  await withNode(settings, async (node) => {
    const grpc = openClient(context, node.grpcAddress);
    const ann = { tenant: '', name: 'ann', password: 'pw-of-ann', isSuperuser: undefined, comment: undefined, expectedRevision: undefined };
    await answerOf(grpc, M.putUser, { ...ann, when: PutWhen.CREATE });
    const again = await failureOf(grpc, M.putUser, { ...ann, when: PutWhen.CREATE });
    assert.deepEqual([again.status, again.code], [status.FAILED_PRECONDITION, 'RMQ-1031']);
    const client = await open(urlOf(node), { clientId: 'c1', username: 'ann', password: 'pw-of-ann' });

    const may = (changes: Partial<TestAccessRequest>): Promise<readonly [AccessVerdict, ...string[]]> =>
      answerOf(grpc, M.testAccess, {
        ...{ tenant: '', user: '', clientId: '', address: '', action: AccessAction.PUBLISH, topic: 'a/b', qos: 0, retain: false },
        ...changes,
      }).then(({ verdict, rules }) => [verdict, ...rules]);
    assert.deepEqual(await may({ user: 'ann' }), [AccessVerdict.ALLOW]);
    const rule = (name: string, order: number, permission: string, filter: string): Promise<object> =>
      node.query({
        verb: 'ask',
        question: 'mqtt-acl-rule-put',
        ask: { name, order, permission, filter, principal: { kind: 'user', value: 'ann' } },
      });
    await rule('not-b', 1, 'deny', 'a/b');
    await rule('rest', 2, 'allow', 'a/#');
    await node.query({ verb: 'stream-list' }); // The shards have the rules when they answer: orders come before questions.
    assert.deepEqual(await may({ user: 'ann' }), [AccessVerdict.DENY, 'not-b']);
    assert.deepEqual(await may({ user: 'ann', topic: 'a/c' }), [AccessVerdict.ALLOW, 'rest']);
    assert.deepEqual(await may({ user: 'bob', topic: 'a/c' }), [AccessVerdict.DENY]);
    assert.deepEqual(await may({ clientId: 'c1', topic: 'a/c' }), [AccessVerdict.ALLOW, 'rest'], 'it is connected as ann');
    assert.deepEqual(await may({ clientId: 'c1', address: '10.0.0.1', topic: 'a/c' }), [AccessVerdict.DENY], 'as it was said');
    assert.deepEqual(await may({ user: 'ann', topic: 'a/#', action: AccessAction.SUBSCRIBE }), [AccessVerdict.PARTLY, 'not-b', 'rest']);
    const wild = { tenant: '', user: 'x', clientId: '', address: '', action: AccessAction.PUBLISH, topic: 'a/#', qos: 0, retain: false };
    assert.equal((await failureOf(grpc, M.testAccess, wild)).status, status.INVALID_ARGUMENT);
    assert.equal((await failureOf(grpc, M.testAccess, { ...wild, topic: 'a', action: 9 as AccessAction })).status, status.INVALID_ARGUMENT);
    await client.endAsync(true);
    const key = { key: { $case: 'user', value: { tenant: '', name: 'ann' } } } as const;
    await answerOf(grpc, CatalogueService.delete, { key, expectedRevision: undefined, requestId: NO_ID });
  });
  const directory = join(settings.data_path, 'audit');
  const log = readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('');
  assert.match(log, /"question":"mqtt-user-put".*"by":"grpc 127\.0\.0\.1:\d+"/);
  assert.match(log, /"operator\.failed".*"question":"mqtt-user-put"/);
  assert.match(log, /"operator\.done".*"by":"grpc 127\.0\.0\.1:\d+","question":"delete-user","ask":\{"tenant":"default","name":"ann"/);
  assert.doesNotMatch(log, /pw-of-ann|mqtt-acl-test/);
});
