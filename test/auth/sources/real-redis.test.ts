import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { makeCredentials } from '../../../src/auth/passwords/credentials.js';
import { RunningNode } from '../../../src/runtime/node.js';
import { connectClient, disconnectOf, settle, startBroker, urlOf } from '../../clients/running-broker.js';
import {
  certificateFor,
  directoryFor,
  freePort,
  identityOf,
  loginsByTls,
  openGuarded,
  outcomeOf,
  programPath,
  startServer,
  VERIFIED,
} from './real-server.js';

const server = programPath('redis-server');
const SKIP = server === '' && 'redis-server is not installed';

function argsFor(directory: string, port: number): string[] {
  return ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--requirepass', 'pw'];
}

test('a real Redis lets in, refuses and gives rules', { skip: SKIP }, async (context) => {
  const port = await freePort();
  const { cert, key, ca } = certificateFor(context);
  const tlsPort = await freePort();
  const tls = [
    '--tls-port',
    String(tlsPort),
    '--tls-cert-file',
    cert,
    '--tls-key-file',
    key,
    '--tls-ca-cert-file',
    ca,
    '--tls-auth-clients',
    'no',
  ];
  await startServer(context, server, [...argsFor(directoryFor(context), port), ...tls], port);
  const admin = new Redis({ port, password: 'pw' });
  context.after(() => admin.disconnect());
  const at = { type: 'redis', port, password: 'pw', rules_key: 'mqtt:rules:${username}' };
  const source = await openGuarded(context, at);

  await admin.hset('mqtt:user:alice', { password_hash: (await makeCredentials('secret')).passwordHash, is_superuser: '1' });
  await admin.hset('mqtt:rules:alice', { 'site/#': 'publish', 'site/secret': 'deny all', '+/status': 'subscribe' });
  assert.equal(await outcomeOf(source, 'alice', 'secret'), 'allowed');
  assert.equal(await outcomeOf(source, 'alice', 'wrong'), 'denied');
  assert.equal(await outcomeOf(source, 'bob', 'secret'), 'ignored');
  assert.deepEqual(await loginsByTls(context, ca, (host, believed) => ({ ...at, host, port: tlsPort, tls: believed })), VERIFIED);
  const grant = await source.recheck(identityOf('alice'));
  assert.deepEqual(grant?.rules?.map(({ permission, filter }) => `${permission} ${filter}`).toSorted(), [
    'allow +/status',
    'allow site/#',
    'deny site/secret',
  ]);
  assert.equal(grant?.rules?.[0].permission, 'deny');
  await admin.del('mqtt:rules:alice');
  await admin.rpush('mqtt:rules:alice', '{"action":"sub","topic":"a"}', '{"permission":"deny","topic":"#"}');
  assert.deepEqual(
    (await source.recheck(identityOf('alice')))?.rules?.map(({ permission, filter }) => `${permission} ${filter}`),
    ['allow a', 'deny #'],
  );

  const salted = await openGuarded(context, {
    ...at,
    rules_key: '',
    key: 'u:${tenant}:${username}',
    hash: { algorithm: 'sha512', salt: 'suffix' },
  });
  await admin.hset('u:default:bob', { password_hash: createHash('sha512').update('pwNaCl').digest('base64'), salt: 'NaCl' });
  await admin.hset('u:default:bob:x', { password_hash: createHash('sha512').update('pw').digest('base64') });
  assert.equal(await outcomeOf(salted, 'bob', 'pw'), 'allowed');
  assert.equal(await outcomeOf(salted, 'bob:x', 'pw'), 'ignored', 'a name cannot reach into another part of the key');
});

test('a real Redis and a whole broker: a revoked user goes within 5 s; without Redis who is connected stays', {
  skip: SKIP,
}, async (context) => {
  const port = await freePort();
  const child = await startServer(context, server, argsFor(directoryFor(context), port), port);
  const admin = new Redis({ port, password: 'pw' });
  admin.on('error', () => {}); // It is killed below.
  context.after(() => admin.disconnect());
  const { passwordHash } = await makeCredentials('secret');
  for (const name of ['alice', 'bob']) await admin.hset(`mqtt:user:${name}`, { password_hash: passwordHash });
  const sources = JSON.stringify([{ name: 'redis', type: 'redis', port, password: 'pw', cache_ttl: '1s' }]);
  const broker = await startBroker(context, 'runtime.shards=2', `auth.sources=${sources}`, 'auth.chain=redis');
  assert.ok(broker instanceof RunningNode);
  const connect = (username: string) => connectClient(context, urlOf(broker), { username, password: 'secret', protocolVersion: 5 });
  const alice = await connect('alice');
  const bob = await connect('bob');
  const gone = disconnectOf(alice);
  const startedMs = performance.now();
  await admin.del('mqtt:user:alice');
  assert.equal(await gone, 0x87);
  assert.ok(performance.now() - startedMs < 5000, 'within 5 s');
  await assert.rejects(connect('alice'), { code: 0x86 });

  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const deadlineMs = performance.now() + 10_000;
  let code: unknown;
  while (code !== 0x88) {
    assert.ok(performance.now() < deadlineMs, 'refused as unavailable in time');
    code = await connect('bob').then(
      (client) => client.endAsync(true),
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : null),
    );
  }
  await settle(bob);
});
