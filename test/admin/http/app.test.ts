import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { AccessToken } from '../../../src/admin/http/access-token.js';
import { type AdminAppOptions, openAdminApp } from '../../../src/admin/http/app.js';
import { QUESTIONS } from '../../../src/admin/questions/catalogue.js';
import { BrokerError } from '../../../src/base/errors.js';
import { RecordingLogger } from '../../../src/base/logger.js';
import { DROP } from '../../../src/telemetry/metrics/drops.js';
import { COUNT } from '../../../src/telemetry/metrics/slots.js';
import { StubAccess } from './stub-access.js';

const TOKEN = 'a token of sixteen characters'.replaceAll(' ', '-');
const BEARER = { authorization: `Bearer ${TOKEN}` };
const log = new RecordingLogger();
const apps: FastifyInstance[] = [];
after(() => Promise.all(apps.map((app) => app.close())));

async function open(access: StubAccess, metrics: AdminAppOptions['metrics'] = 'loopback'): Promise<FastifyInstance> {
  const app = await openAdminApp({ access, token: new AccessToken(TOKEN), metrics, log, server: null, onRequests: () => {} });
  apps.push(app);
  return app;
}

test('http: the API is for the token alone, also on this machine', async () => {
  const app = await open(new StubAccess());
  const wrong = [
    undefined,
    '',
    'Bearer',
    'Bearer wrong-token-of-some-length',
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
  ];
  for (const authorization of wrong) {
    const headers = authorization === undefined ? {} : { authorization };
    const reply = await app.inject({ url: '/api/v1/mqtt/clients', headers });
    assert.equal(reply.statusCode, 401, String(authorization));
    assert.match(String(reply.headers['content-type']), /^application\/problem\+json/);
    assert.equal(reply.json().code, 'RMQ-1032');
  }
  assert.equal((await app.inject({ url: '/api/openapi.json' })).statusCode, 401);
  assert.equal((await app.inject({ url: '/api/v1/mqtt/clients', headers: BEARER })).statusCode, 200);
});

test('http: fields come from path, query and body in the form that the question says', async () => {
  const app = await open(new StubAccess());
  const list = await app.inject({ url: '/api/v1/mqtt/clients?limit=7&match=12', headers: BEARER });
  assert.deepEqual(list.json(), { question: 'mqtt-client-list', ask: { limit: 7, match: '12' } });
  const retained = await app.inject({ url: '/api/v1/mqtt/retained/a%2Fb%20c%2F%C3%A9?tenant=acme', headers: BEARER });
  assert.deepEqual(retained.json(), { question: 'mqtt-retained-show', ask: { topic: 'a/b c/é', tenant: 'acme' } });
  const put = await app.inject({
    method: 'PUT',
    url: '/api/v1/mqtt/users/alice?name=mallory',
    headers: BEARER,
    payload: { password: 'x' },
  });
  assert.deepEqual(put.json(), { question: 'mqtt-user-put', ask: { password: 'x', name: 'alice' } });
  const gone = await app.inject({ method: 'DELETE', url: '/api/v1/mqtt/bans/address/10.0.0.0%2F8?expected=3', headers: BEARER });
  assert.deepEqual(gone.json(), { question: 'mqtt-ban-delete', ask: { expected: 3, kind: 'address', value: '10.0.0.0/8' } });
});

test('http: errors are problems with code and hint; bugs tell nothing and are logged', async () => {
  const access = new StubAccess();
  const app = await open(access);
  const codes = { 'RMQ-1023': 404, 'RMQ-1024': 503, 'RMQ-1030': 412, 'RMQ-1031': 409, 'RMQ-1036': 400 } as const;
  for (const [code, status] of Object.entries(codes)) {
    access.answer = () => Promise.reject(new BrokerError(code as keyof typeof codes, '(why it is so)'));
    const reply = await app.inject({ url: '/api/v1/mqtt/clients/c', headers: BEARER });
    assert.equal(reply.statusCode, status);
    const { type, detail, hint, ...told } = reply.json();
    assert.equal(access.by, 'http 127.0.0.1');
    assert.deepEqual([type, detail, told.code, told.status], ['about:blank', '(why it is so)', code, status]);
    assert.ok(hint.length > 0 && told.title.length > 0);
  }
  access.answer = () => Promise.reject(new Error('secret of the house'));
  const bug = await app.inject({ url: '/api/v1/mqtt/clients/c', headers: BEARER });
  assert.equal(bug.statusCode, 500);
  assert.doesNotMatch(bug.body, /secret of the house/);
  assert.ok(log.records.some(({ event }) => event === 'http.failed'));
  const notJson = await app.inject({
    method: 'PUT',
    url: '/api/v1/mqtt/users/a',
    headers: { ...BEARER, 'content-type': 'application/json' },
    payload: '{"password":',
  });
  assert.equal(notJson.statusCode, 400);
  assert.equal((await app.inject({ url: '/api/v1/nothing', headers: BEARER })).statusCode, 404);
});

test('http: health is one word for strangers, and sentences for the token', async () => {
  const access = new StubAccess();
  const app = await open(access);
  const look = async (url: string, headers = {}): Promise<readonly [number, unknown]> => {
    const reply = await app.inject({ url, headers });
    return [reply.statusCode, reply.json()];
  };
  assert.deepEqual(await look('/health/live'), [200, { status: 'ok' }]);
  assert.deepEqual(await look('/health/startup'), [200, { status: 'ok' }]);
  assert.deepEqual(await look('/health/ready?verbose'), [200, { status: 'ok' }]);
  access.metadata.isWell = false;
  assert.deepEqual(await look('/health/ready'), [200, { status: 'ok' }], 'who cannot change anything still serves');
  assert.deepEqual(await look('/health/cluster'), [503, { status: 'unavailable' }]);
  access.journal.isWell = false;
  assert.deepEqual(await look('/health/ready'), [503, { status: 'unavailable' }]);
  const [status, body] = await look('/health/checks/journal?verbose', BEARER);
  assert.deepEqual(
    [status, body],
    [503, { status: 'unavailable', checks: [{ name: 'journal', status: 'unavailable', sentence: 'publishes are stored' }] }],
  );
  assert.deepEqual(await look('/health/checks/nothing'), [404, { status: 'unknown' }]);
  access.journal.isWell = true;
  access.isServing = false;
  assert.deepEqual(await look('/health/ready'), [503, { status: 'unavailable' }], 'it was told to stop');
  assert.deepEqual(await look('/health/live'), [200, { status: 'ok' }]);
});

test('http: metrics are for programs of this machine, or those with the token, as the settings say', async () => {
  const [loopback, anybody, nobody] = await Promise.all(
    (['loopback', 'anybody', 'nobody'] as const).map((who) => open(new StubAccess(), who)),
  );
  const status = async (app: FastifyInstance, remoteAddress: string, headers = {}): Promise<number> =>
    (await app.inject({ url: '/metrics', remoteAddress, headers })).statusCode;
  for (const here of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) assert.equal(await status(loopback, here), 200, here);
  assert.deepEqual([await status(loopback, '10.0.0.9'), await status(loopback, '10.0.0.9', BEARER)], [401, 200]);
  assert.equal(await status(anybody, '10.0.0.9'), 200);
  assert.deepEqual([await status(nobody, '127.0.0.1'), await status(nobody, '127.0.0.1', BEARER)], [401, 200]);
});

test('http: metrics fold shards, and what transports passed over was not sent', async () => {
  const access = new StubAccess();
  const [one, two] = access.shards;
  one.counts[COUNT.messagesReceived + 1] = 5;
  two.counts[COUNT.messagesReceived + 1] = 7;
  one.counts[COUNT.messagesSent] = 100;
  two.counts[DROP.congested] = 3;
  access.drops = 10;
  const { body } = await (await open(access)).inject({ url: '/metrics' });
  assert.match(body, /^robustmq_messages_received_total\{protocol="mqtt",qos="1"\} 12$/m);
  assert.match(body, /^robustmq_messages_sent_total\{protocol="mqtt",qos="0"\} 90$/m);
  assert.match(body, /^robustmq_messages_dropped_total\{protocol="mqtt",reason="congested"\} 13$/m);
});

test('http: the description names every question with its fields, and each has a place of its own', async () => {
  const app = await open(new StubAccess());
  const { openapi, paths } = (await app.inject({ url: '/api/openapi.json', headers: BEARER })).json();
  assert.equal(openapi, '3.1.0');
  const operations = Object.values<Record<string, { operationId: string; summary: string; parameters: { name: string }[] }>>(paths).flatMap(
    (path) => Object.values(path),
  );
  const asked = QUESTIONS.filter(({ http }) => http !== null).map(({ name }) => name);
  assert.deepEqual(operations.map(({ operationId }) => operationId).sort(), asked.sort());
  for (const { operationId, summary } of operations) assert.ok(summary.length > 10 && !summary.endsWith('.'), operationId);
  const list = paths['/api/v1/mqtt/clients'].get;
  assert.deepEqual(list.parameters.map(({ name }: { name: string }) => name).sort(), [
    'address',
    'after',
    'limit',
    'listener',
    'match',
    'tenant',
    'user',
  ]);
});
