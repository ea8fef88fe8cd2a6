import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import mqtt, { type IClientOptions } from 'mqtt';
import { makeCredentials } from '../../src/auth/passwords/credentials.js';
import { BrokerError } from '../../src/base/errors.js';
import { RunningNode } from '../../src/runtime/node.js';
import { ScramClient } from '../auth/scram/scram-client.js';
import { closeOf, connectClient, disconnectOf, settle, startBroker, urlOf } from '../clients/running-broker.js';

/*
  A whole broker with two shards, and clients that have to prove who they are to its thread of authentication.
*/
const SHARDS = 'runtime.shards=2';
const ACCEPTED = 0;
const BAD_CREDENTIALS = 0x86;
const BAD_METHOD = 0x8c;

async function start(context: TestContext, ...assignments: string[]): Promise<RunningNode> {
  const broker = await startBroker(context, SHARDS, ...assignments);
  assert.ok(broker instanceof RunningNode);
  return broker;
}

/** The reason code of CONNACK. */
async function codeOf(context: TestContext, broker: RunningNode, options: IClientOptions = {}): Promise<number> {
  const client = mqtt.connect(urlOf(broker), { reconnectPeriod: 0, protocolVersion: 5, ...options });
  context.after(() => client.end(true));
  return await new Promise((resolve, reject) => {
    client.once('connect', ({ reasonCode }) => resolve(reasonCode ?? 0));
    client.once('error', (error) => ('code' in error && typeof error.code === 'number' ? resolve(error.code) : reject(error)));
  });
}

async function putUser(broker: RunningNode, name: string, password: string, more: object = {}): Promise<void> {
  await broker.query({
    verb: 'ask',
    question: 'mqtt-user-put',
    ask: { tenant: 'default', name, password, isSuperuser: null, comment: null, when: 'any', expected: null, ...more },
  });
}

/** Until a client is answered so; it is the first user that switches authentication on, and every thread learns of it in its turn. */
async function untilCode(context: TestContext, broker: RunningNode, code: number, options: IClientOptions): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while ((await codeOf(context, broker, options)) !== code) assert.ok(performance.now() < deadlineMs, `0x${code.toString(16)} in time`);
}

test('authentication: without sources and users everybody is let in as before, and no thread runs for it', async (context) => {
  const broker = await start(context);
  for (const options of [{}, { username: 'x', password: 'y' }, { username: 'x' }])
    assert.equal(await codeOf(context, broker, options), ACCEPTED);
  assert.ok('auth' in broker.status() && JSON.stringify(broker.status()).includes('"auth":null'));
});

test('authentication: the first user of the catalogue switches it on, and names are checked from then on', async (context) => {
  const broker = await start(context);
  await putUser(broker, 'alice', 'wonderland');
  await untilCode(context, broker, BAD_CREDENTIALS, { username: 'alice', password: 'x' });
  assert.equal(await codeOf(context, broker, { username: 'alice', password: 'wonderland' }), ACCEPTED);
  assert.equal(await codeOf(context, broker, { username: 'alice', password: 'wonderland', protocolVersion: 4 }), ACCEPTED);
  assert.equal(await codeOf(context, broker, { username: 'bob', password: 'wonderland' }), BAD_CREDENTIALS);
  assert.equal(await codeOf(context, broker, { username: 'alice' }), BAD_CREDENTIALS);
  assert.equal(await codeOf(context, broker), ACCEPTED, 'who says nothing is still let in: auth.anonymous');
});

test('authentication: whose account is deleted or gets another password has to go, and others stay', async (context) => {
  const broker = await start(context);
  for (const name of ['alice', 'bob', 'carol']) await putUser(broker, name, 'secret');
  await untilCode(context, broker, BAD_CREDENTIALS, { username: 'nobody', password: 'secret' });
  const [alice, bob, carol] = await Promise.all(
    ['alice', 'bob', 'carol'].map((username) =>
      connectClient(context, urlOf(broker), { username, password: 'secret', protocolVersion: 5 }),
    ),
  );
  const gone = [disconnectOf(alice), disconnectOf(bob)];
  const startedMs = performance.now();
  await broker.query({ verb: 'ask', question: 'mqtt-user-delete', ask: { tenant: 'default', name: 'alice', expected: null } });
  await putUser(broker, 'bob', 'another');
  assert.deepEqual(await Promise.all(gone), [0x87, 0x87]);
  assert.ok(performance.now() - startedMs < 5000);
  await settle(carol);
  assert.equal(await codeOf(context, broker, { username: 'bob', password: 'another' }), ACCEPTED);
  assert.equal(await codeOf(context, broker, { username: 'bob', password: 'secret' }), BAD_CREDENTIALS);
});

test('authentication: a thread that dies is there again soon; who is connected stays, and is watched again', async (context) => {
  const broker = await start(context);
  await putUser(broker, 'alice', 'secret');
  await untilCode(context, broker, BAD_CREDENTIALS, { username: 'alice', password: 'x' });
  const alice = await connectClient(context, urlOf(broker), { username: 'alice', password: 'secret', protocolVersion: 5 });
  const startedMs = performance.now();
  broker.failAuthentication();
  await untilCode(context, broker, ACCEPTED, { username: 'alice', password: 'secret' });
  assert.ok(performance.now() - startedMs < 4000, 'two seconds and a login');
  await settle(alice);
  const gone = disconnectOf(alice);
  await broker.query({ verb: 'ask', question: 'mqtt-user-delete', ask: { tenant: 'default', name: 'alice', expected: null } });
  assert.equal(await gone, 0x87);
});

for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
  test(`authentication: ${mechanism} lets in who knows the password, and the server proves itself`, async (context) => {
    const broker = await start(context);
    await putUser(broker, 'alice', 'sécret');
    await untilCode(context, broker, BAD_CREDENTIALS, { username: 'alice', password: 'x' });
    const connect = async (name: string, password: string, method: string = mechanism): Promise<[number, string]> => {
      const scram = new ScramClient(mechanism, name, password);
      const client = mqtt.connect(urlOf(broker), {
        reconnectPeriod: 0,
        protocolVersion: 5,
        properties: { authenticationMethod: method, authenticationData: Buffer.from(scram.first) },
      });
      context.after(() => client.end(true));
      client.handleAuth = (packet, callback) => {
        const final = scram.final(String(packet.properties?.authenticationData));
        const properties = { authenticationMethod: method, authenticationData: Buffer.from(final) };
        callback(undefined, { cmd: 'auth', reasonCode: 0x18, properties });
      };
      return await new Promise((resolve, reject) => {
        client.once('connect', (packet) => resolve([packet.reasonCode ?? 0, String(packet.properties?.authenticationData)]));
        client.once('error', (error) => ('code' in error && typeof error.code === 'number' ? resolve([error.code, '']) : reject(error)));
      }).then((outcome) => {
        const [code, word] = outcome as [number, string];
        if (code === ACCEPTED) assert.equal(word, scram.expected);
        return [code, word];
      });
    };
    assert.equal((await connect('alice', 'sécret'))[0], ACCEPTED);
    assert.equal((await connect('alice', 'secret'))[0], BAD_CREDENTIALS);
    assert.equal((await connect('nobody', 'sécret'))[0], BAD_CREDENTIALS);
    assert.equal((await connect('alice', 'sécret', 'SCRAM-SHA-1'))[0], BAD_METHOD);
  });

test('authentication: hardened lets nobody in unproven, also before there is any user', async (context) => {
  const broker = await start(context, 'security.profile=hardened');
  assert.equal(await codeOf(context, broker), BAD_CREDENTIALS);
  assert.equal(await codeOf(context, broker, { username: 'alice', password: 'secret' }), BAD_CREDENTIALS);
  await putUser(broker, 'alice', 'secret');
  await untilCode(context, broker, ACCEPTED, { username: 'alice', password: 'secret' });
  assert.equal(await codeOf(context, broker), BAD_CREDENTIALS);
});

test('authentication: a password file is read, and read again when it changes', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'robustmq-auth-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'users');
  const { passwordHash } = await makeCredentials('secret');
  writeFileSync(path, `# users of the plant\nalice:${passwordHash}\n`);
  const source = JSON.stringify([{ name: 'file', type: 'password-file', path }]);
  const broker = await start(context, `auth.sources=${source}`, 'auth.chain=file');
  assert.equal(await codeOf(context, broker, { username: 'alice', password: 'secret' }), ACCEPTED);
  assert.equal(await codeOf(context, broker, { username: 'bob', password: 'secret' }), BAD_CREDENTIALS);
  appendFileSync(path, `bob:${passwordHash}\n`);
  await untilCode(context, broker, ACCEPTED, { username: 'bob', password: 'secret' });
  const alice = await connectClient(context, urlOf(broker), { username: 'alice', password: 'secret', protocolVersion: 5 });
  const closed = closeOf(alice);
  writeFileSync(path, `bob:${passwordHash}\n`);
  await closed;
});

test('authentication: a source whose file is missing keeps the node from starting, and says which', async (context) => {
  const source = JSON.stringify([{ name: 'jwt', type: 'jwt', algorithms: ['RS256'], public_key: 'no-such.pem' }]);
  await assert.rejects(start(context, `auth.sources=${source}`, 'auth.chain=jwt'), (error) => {
    assert.ok(error instanceof BrokerError);
    assert.match(error.message, /RMQ-1001 .*no-such\.pem/);
    return true;
  });
});
