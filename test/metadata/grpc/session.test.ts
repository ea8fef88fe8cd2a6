import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import {
  type Command,
  type Outcome,
  Refusal,
  SessionFailure,
  type SessionRequest,
  type SessionResponse,
} from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { idOf, NO_ID, openClient, userOf } from './public-client.js';
import { endOf } from './raw-calls.js';
import { startStub } from './stub-access.js';

type Stream = ClientDuplexStream<SessionRequest, SessionResponse>;

function putOf(name: string, requestId: Buffer = NO_ID, expectedRevision?: number): Command {
  return { command: { $case: 'put', value: { resource: userOf(name), expectedRevision } }, requestId };
}

function batchOf(sequence: number, commands: readonly Command[]): SessionRequest {
  return { sequence, commands, reads: [], timeoutMs: 0 };
}

async function next(stream: Stream): Promise<SessionResponse> {
  const [response] = await once(stream, 'data', { signal: AbortSignal.timeout(10_000) });
  return response;
}

const refusals = (outcomes: readonly Outcome[]): readonly Refusal[] => outcomes.map(({ refusal }) => refusal);

test('session: each command of a batch has its outcome, and one that is not well is refused alone', async (context) => {
  const { address, access } = await startStub(context);
  const stream = openClient(context, address).session();
  const missing: Command = { command: undefined, requestId: NO_ID };
  stream.write(batchOf(7, [putOf('a', NO_ID, 0), missing, putOf('a', NO_ID, 0), putOf('b', Buffer.alloc(3)), putOf('c')]));
  const { sequence, outcomes, failure } = await next(stream);
  assert.equal(sequence, 7);
  assert.equal(failure, SessionFailure.NONE);
  assert.deepEqual(refusals(outcomes), [Refusal.NONE, Refusal.INVALID, Refusal.EXISTS, Refusal.INVALID, Refusal.NONE]);
  assert.equal(outcomes[4].revision, access.reader.revision);
  assert.equal(access.proposals, 1, 'the batch stays together');
  stream.end();
  await once(stream, 'end');
});

test('session: reads of a batch see everything that was acknowledged before', async (context) => {
  const { address, access } = await startStub(context);
  const stream = openClient(context, address).session();
  stream.write(batchOf(1, [putOf('a')]));
  await next(stream);
  const key = (name: string) => ({ key: { $case: 'user', value: { tenant: '', name } } }) as const;
  stream.write({ sequence: 2, commands: [putOf('b')], reads: [key('a'), key('nobody')], timeoutMs: 0 });
  const { records, outcomes } = await next(stream);
  assert.equal(outcomes.length, 1);
  assert.deepEqual(records[0].resource, userOf('a', '', 'default'));
  assert.deepEqual(records[1], { resource: undefined, revision: 0 });
  stream.write({ sequence: 3, commands: [], reads: [{ key: undefined }], timeoutMs: 0 });
  assert.equal((await next(stream)).failure, SessionFailure.INVALID);
  assert.equal(access.reads, 1);
  void endOf(stream);
  stream.cancel();
});

test('session: a batch that fails says how', async (context) => {
  const { address, access } = await startStub(context);
  const stream = openClient(context, address).session();
  const failures = [
    [{ kind: 'no-leader' }, SessionFailure.NO_LEADER],
    [{ kind: 'busy' }, SessionFailure.BUSY],
    [{ kind: 'unknown' }, SessionFailure.UNKNOWN],
    [{ kind: 'invalid', why: 'because' }, SessionFailure.INVALID],
  ] as const;
  for (const [failure, expected] of failures) {
    access.failure = failure;
    stream.write(batchOf(1, [putOf('a')]));
    const response = await next(stream);
    assert.equal(response.failure, expected);
    assert.deepEqual(response.outcomes, []);
  }
  access.failure = null;
  stream.write(
    batchOf(
      2,
      Array.from({ length: 5000 }, () => putOf('a')),
    ),
  );
  const tooLong = await next(stream);
  assert.equal(tooLong.failure, SessionFailure.INVALID);
  assert.match(tooLong.detail, /4096/);
  void endOf(stream);
  stream.cancel();
});

test('session: what is sent again by another session with the same id is done once', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const first = client.session();
  first.write(batchOf(1, [putOf('a', idOf(1), 0)]));
  const outcome = await next(first);
  void endOf(first);
  first.cancel();
  const second = client.session();
  second.write(batchOf(1, [putOf('a', idOf(1), 0)]));
  assert.deepEqual((await next(second)).outcomes, outcome.outcomes);
  void endOf(second);
  second.cancel();
});

test('session: a client that sends more than is done is not read on until there is room', async (context) => {
  const { address, access } = await startStub(context);
  const stream = openClient(context, address).session();
  access.isHolding = true;
  const commands = Array.from({ length: 4000 }, () => putOf('a'));
  const batches = 20;
  for (let sequence = 1; sequence <= batches; sequence += 1) stream.write(batchOf(sequence, commands));
  while (access.held < 5) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(access.held <= 7, `${access.held} batches are held`);
  access.release();
  const seen = new Set<number>();
  while (seen.size < batches) seen.add((await next(stream)).sequence);
  stream.end();
  await once(stream, 'end');
});

test('session: one that is cancelled is forgotten, and its answers go nowhere', async (context) => {
  const { address, access, server } = await startStub(context);
  const stream = openClient(context, address).session();
  access.isHolding = true;
  stream.write(batchOf(1, [putOf('a')]));
  while (access.held < 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.callsUnderWay, 1);
  const ended = endOf(stream);
  stream.cancel();
  await ended;
  while (server.callsUnderWay > 0) await new Promise((resolve) => setImmediate(resolve));
  access.release();
});

test('session: ends with the node', async (context) => {
  const { address, server } = await startStub(context);
  const stream = openClient(context, address).session();
  stream.write(batchOf(1, [putOf('a')]));
  await next(stream);
  const ended = endOf(stream);
  await server.stop(1000);
  assert.equal((await ended).status, status.UNAVAILABLE);
});
