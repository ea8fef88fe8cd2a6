import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { test } from 'node:test';
import { SystemClock } from '../../../src/base/clock.js';
import { BrokerError } from '../../../src/base/errors.js';
import { bytesAbout } from '../../../src/metadata/client/message-size.js';
import { MetadataClient } from '../../../src/metadata/client/metadata-client.js';
import type { CommandWish, MetadataSession } from '../../../src/metadata/client/metadata-session.js';
import { Command, Refusal } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { GrpcServer } from '../../../src/metadata/grpc/server.js';
import { userOf } from '../grpc/public-client.js';
import { serverOptions, startStub } from '../grpc/stub-access.js';

function open(context: { after(end: () => void): void }, addresses: readonly string[], token = ''): MetadataSession {
  const fillRandom = (bytes: Uint8Array): void => void randomFillSync(bytes);
  const client = new MetadataClient({ addresses, token, tls: null, clock: new SystemClock(), fillRandom });
  const session = client.session();
  context.after(() => {
    session.close();
    client.close();
  });
  return session;
}

function putOf(name: string, expectedRevision?: number, comment = ''): CommandWish {
  return { $case: 'put', value: { resource: userOf(name, comment), expectedRevision } };
}

function codeOf(error: unknown): string {
  return error instanceof BrokerError ? error.code : String(error);
}

test('metadata session: callers of one turn share a message, and each gets its own outcome', async (context) => {
  const { access, address } = await startStub(context);
  const session = open(context, [address]);
  const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, at) => session.propose(putOf(`u${at % 999}`, 0))));
  assert.equal(access.proposals, 1);
  assert.equal(outcomes.filter(({ refusal }) => refusal === Refusal.NONE).length, 999);
  assert.equal(outcomes[999].refusal, Refusal.EXISTS);
  const key = (name: string) => ({ key: { $case: 'user', value: { tenant: '', name } } }) as const;
  const records = await Promise.all([session.read(key('u5')), session.read(key('nobody')), session.read(key('u998'))]);
  assert.deepEqual(
    records.map(({ revision }) => revision),
    [outcomes[5].revision, 0, outcomes[998].revision],
  );
  assert.equal(access.reads, 1);
});

test('metadata session: large commands are sent in several messages', async (context) => {
  const { access, address } = await startStub(context);
  const session = open(context, [address]);
  const text = JSON.stringify('x'.repeat(60_000));
  const puts = Array.from({ length: 100 }, (_, at): Promise<unknown> => {
    const schema = { tenant: '', name: `s${at}`, type: 1, text, version: 0 } as const;
    return session.propose({ $case: 'put', value: { resource: { resource: { $case: 'schema', value: schema } }, expectedRevision: 0 } });
  });
  await Promise.all(puts);
  assert.equal(access.reader.count('schema'), 100);
  assert.ok(access.proposals > 5);
});

test('metadata session: when its node dies it goes on with another, and nothing is done twice or lost', async (context) => {
  const { access, address, server } = await startStub(context);
  const other = await GrpcServer.start(serverOptions(access));
  context.after(() => other.stop(0));
  void other.setServing(true);
  const session = open(context, [address, `127.0.0.1:${other.port}`]);
  await session.propose(putOf('first', 0));
  const { propose } = access;
  access.propose = (envelopes, _deadlineMs, _done) => {
    access.propose = propose;
    access.propose(envelopes, 0, () => undefined); // It is done, and the answer is lost with the node.
    void server.stop(0);
  };
  const outcomes = await Promise.all(Array.from({ length: 2000 }, (_, at) => session.propose(putOf(`u${at}`, 0))));
  assert.ok(outcomes.every(({ refusal }) => refusal === Refusal.NONE));
  assert.equal(access.reader.count('user'), 2001);
  assert.equal(new Set(outcomes.map(({ revision }) => revision)).size, 2000);
});

test('metadata session: what may or may not have been done is sent again', async (context) => {
  const { access, address } = await startStub(context);
  const session = open(context, [address]);
  access.failure = { kind: 'unknown' };
  const { propose } = access;
  access.propose = (...words) => {
    if (access.proposals === 2) access.failure = null;
    propose.apply(access, words);
  };
  assert.equal((await session.propose(putOf('a', 0))).refusal, Refusal.NONE);
  assert.equal(access.proposals, 3);
});

test('metadata session: a caller is told at its deadline, whatever others wait for', async (context) => {
  const { access, address } = await startStub(context);
  const session = open(context, [address]);
  access.isHolding = true;
  const patient = session.propose(putOf('a', 0), 60_000);
  await assert.rejects(session.propose(putOf('b', 0), 50), (error) => codeOf(error) === 'RMQ-1029');
  access.release();
  assert.equal((await patient).refusal, Refusal.NONE);
});

test('metadata session: without any node callers are told at their deadline', async (context) => {
  const session = open(context, ['127.0.0.1:1']);
  await assert.rejects(session.propose(putOf('a'), 300), (error) => codeOf(error) === 'RMQ-1029');
});

test('metadata session: what fails for all is told to all', async (context) => {
  const { access, address } = await startStub(context, { token: 'correct-horse-battery-staple' });
  const stranger = open(context, [address], 'wrong');
  const refused = await Promise.allSettled([stranger.propose(putOf('a')), stranger.propose(putOf('b'))]);
  assert.deepEqual(
    refused.map((it) => (it.status === 'rejected' ? codeOf(it.reason) : 'done')),
    ['RMQ-1032', 'RMQ-1032'],
  );
  const session = open(context, [address], 'correct-horse-battery-staple');
  for (const [failure, code] of [
    ['no-leader', 'RMQ-1029'],
    ['busy', 'RMQ-1033'],
  ] as const) {
    access.failure = { kind: failure };
    await assert.rejects(session.propose(putOf('a')), (error) => codeOf(error) === code);
  }
});

test('metadata session: after it is closed nobody waits', async (context) => {
  const { access, address } = await startStub(context);
  const session = open(context, [address]);
  access.isHolding = true;
  const waiting = session.propose(putOf('a'));
  const rejected = assert.rejects(waiting, (error) => codeOf(error) === 'RMQ-1029');
  while (access.held === 0) await new Promise((resolve) => setImmediate(resolve));
  session.close();
  await rejected;
  await assert.rejects(session.propose(putOf('b')), (error) => codeOf(error) === 'RMQ-1029');
});

test('message size: is no less than what the message takes', () => {
  for (const comment of ['', 'x'.repeat(300), 'ü'.repeat(300), '\u{1f600}'.repeat(300)]) {
    const command = putOf('ü', 2 ** 53 - 1, comment);
    const { length } = Command.encode({ command, requestId: Buffer.alloc(16) }).finish();
    assert.ok(bytesAbout(command) >= length - 16, comment.slice(0, 1));
  }
});
