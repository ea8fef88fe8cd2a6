import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { HttpSource } from '../../../src/auth/sources/http.js';
import { ManualClock } from '../../../src/base/clock.js';
import { AUTH_SOURCE_SCHEMA } from '../../../src/settings/auth-source-schema.js';
import { factsOf, identityOf } from './real-server.js';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that answers as it is told, and keeps what it was asked. */
async function open(
  context: TestContext,
  settings: object = {},
): Promise<{ source: HttpSource; asked: Asked[]; answer: (status: number, body?: unknown) => void }> {
  const asked: Asked[] = [];
  let [status, body]: [number, unknown] = [200, { result: 'allow' }];
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    request.on('end', () => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: text });
      response.writeHead(status, { location: '/elsewhere' }).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  };
  const server = createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const url = `http://127.0.0.1:${address.port}`;
  const parsed = AUTH_SOURCE_SCHEMA.parse({ name: 'h', type: 'http', url: `${url}/auth`, refresh_url: `${url}/refresh`, ...settings });
  assert.ok(parsed.type === 'http');
  const source = new HttpSource(parsed, new ManualClock());
  context.after(async () => {
    await source.close();
    server.close();
  });
  return {
    source,
    asked,
    answer: (statusNow, bodyNow = '') => {
      [status, body] = [statusNow, bodyNow];
    },
  };
}

test('http: a client is asked about in JSON, and each word of the answer has its meaning', async (context) => {
  const { source, asked, answer } = await open(context, { headers: { authorization: 'Bearer t' } });
  answer(200, { result: 'allow', is_superuser: true, acl: [{ permission: 'deny', topic: 'x' }], expire_at: 1_800_000_000 });
  const judgement = await source.judge(factsOf('al"ice', 's3cret'));
  assert.ok(judgement.kind === 'allowed');
  const { user, isSuperuser, rules, expiresAtMs } = judgement.grant;
  assert.deepEqual([user, isSuperuser, rules?.[0].permission, expiresAtMs], ['al"ice', true, 'deny', 1_800_000_000_000]);
  assert.deepEqual([asked[0].method, asked[0].url, asked[0].headers.authorization], ['POST', '/auth', 'Bearer t']);
  assert.deepEqual(JSON.parse(asked[0].body), {
    username: 'al"ice',
    password: 's3cret',
    clientid: 'c1',
    tenant: 'default',
    address: '127.0.0.1',
  });
});

test('http: answers are judged by status and result, and what is neither is a failure', async (context) => {
  const { source, answer } = await open(context);
  const rows: readonly (readonly [number, unknown, string])[] = [
    [204, '', 'allowed'],
    [401, '', 'denied'],
    [403, '', 'denied'],
    [404, '', 'ignored'],
    [200, { result: 'deny' }, 'denied'],
    [200, { result: 'ignore' }, 'ignored'],
  ];
  for (const [status, body, kind] of rows) {
    answer(status, body);
    assert.equal((await source.judge(factsOf('u', 'p'))).kind, kind, `${status} ${JSON.stringify(body)}`);
  }
  const bad: readonly (readonly [number, unknown])[] = [
    [500, ''],
    [302, ''],
    [200, 'yes'],
    [200, []],
    [200, { result: 'ALLOW' }],
    [200, { result: 'allow', acl: [{ topic: 'a/#/b' }] }],
    [200, { result: 'allow', expire_at: 'soon' }],
    [200, { result: 'allow', expire_at: 1 }],
    [200, `"${'x'.repeat(300_000)}"`],
  ];
  for (const [status, body] of bad) {
    answer(status, body);
    await assert.rejects(source.judge(factsOf('u', 'p')), Error, `${status} ${JSON.stringify(body).slice(0, 60)}`);
  }
});

test('http: GET puts the fields into the query, each as one value', async (context) => {
  const { source, asked } = await open(context, { method: 'GET', body: { u: '${username}', fixed: 'x' } });
  await source.judge(factsOf('a&admin=1', 'p'));
  assert.deepEqual([asked[0].method, asked[0].url], ['GET', '/auth?u=a%26admin%3D1&fixed=x']);
});

test('http: rights of connected clients are asked for without a password', async (context) => {
  const { source, asked, answer } = await open(context);
  assert.ok(source.recheck !== null);
  answer(200, { result: 'allow', acl: { sub: ['a'] } });
  assert.equal((await source.recheck.ask(identityOf('alice')))?.rules?.[0].filter, 'a');
  assert.deepEqual([asked[0].url, JSON.parse(asked[0].body).password], ['/refresh', '']);
  answer(200, { result: 'deny' });
  assert.equal(await source.recheck.ask(identityOf('alice')), null);
});
