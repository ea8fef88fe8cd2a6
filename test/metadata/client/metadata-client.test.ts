import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { test } from 'node:test';
import { SystemClock } from '../../../src/base/clock.js';
import { BrokerError, type ErrorCode } from '../../../src/base/errors.js';
import { MetadataClient, type MetadataClientOptions } from '../../../src/metadata/client/metadata-client.js';
import { Consistency, CatalogueService as catalogue } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { ClusterService as cluster } from '../../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import { GrpcServer } from '../../../src/metadata/grpc/server.js';
import { makeCertificates } from '../grpc/certificates.js';
import { NO_ID, userOf } from '../grpc/public-client.js';
import { serverOptions, startStub } from '../grpc/stub-access.js';

/** Nobody listens there: ports below 1024 are not given to those who ask for any. */
const NOBODY = '127.0.0.1:1';

function connect(
  context: { after(end: () => void): void },
  addresses: readonly string[],
  changes: Partial<MetadataClientOptions> = {},
): MetadataClient {
  const fillRandom = (bytes: Uint8Array): void => void randomFillSync(bytes);
  const client = new MetadataClient({ addresses, token: '', tls: null, clock: new SystemClock(), fillRandom, ...changes });
  context.after(() => client.close());
  return client;
}

function isCode(code: ErrorCode, detail: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BrokerError, String(error));
    assert.equal(error.code, code, error.line);
    assert.match(error.message, detail);
    return true;
  };
}

const PUT = { resource: userOf('a'), expectedRevision: 0, requestId: NO_ID } as const;

test('metadata client: goes on to the next node where one does not answer, and stays there', async (context) => {
  const { address, access } = await startStub(context);
  const client = connect(context, [NOBODY, address]);
  assert.equal((await client.call(cluster.status, {})).nodeId, 1);
  const { revision } = await client.call(catalogue.put, PUT);
  assert.equal(revision, access.reader.revision);
});

test('metadata client: goes on to the next node where nobody leads', async (context) => {
  const first = await startStub(context);
  const second = await startStub(context);
  first.access.failure = { kind: 'no-leader' };
  const client = connect(context, [first.address, second.address]);
  await client.call(catalogue.put, PUT);
  assert.equal(first.access.proposals, 1);
  assert.equal(second.access.proposals, 1);
});

test('metadata client: leaves a node that hangs', async (context) => {
  const first = await startStub(context);
  const second = await startStub(context);
  first.access.isHolding = true;
  const client = connect(context, [first.address, second.address], { attemptMsMax: 100 });
  await client.call(catalogue.put, PUT);
  assert.equal(second.access.proposals, 1);
});

test('metadata client: what was done although nobody said so is not done twice', async (context) => {
  const { access, address, server } = await startStub(context);
  const other = await GrpcServer.start(serverOptions(access));
  context.after(() => other.stop(0));
  void other.setServing(true);
  const client = connect(context, [address, `127.0.0.1:${other.port}`]);
  const { propose } = access;
  access.propose = (envelopes, _deadlineMs, _done) => {
    access.propose = propose;
    access.propose(envelopes, 0, () => undefined); // It is done, and the answer is lost with the node.
    void server.stop(0);
  };
  const { revision } = await client.call(catalogue.put, PUT);
  assert.equal(access.proposals, 2);
  assert.equal(revision, access.reader.revision);
  assert.equal(access.reader.count('user'), 1);
});

test('metadata client: an error of the node is one of ours, with its code and cure', async (context) => {
  const { address } = await startStub(context);
  const client = connect(context, [address]);
  await client.call(catalogue.put, PUT);
  await assert.rejects(
    client.call(catalogue.put, { ...PUT, expectedRevision: 1 }),
    isCode('RMQ-1030', /^RMQ-1030 it was changed meanwhile \(.*\)$/),
  );
  const key = { key: { $case: 'user', value: { tenant: '', name: 'b' } } } as const;
  await assert.rejects(client.call(catalogue.get, { key, consistency: Consistency.LOCAL }), isCode('RMQ-1031', /is not there/));
});

test('metadata client: gives up at the deadline', async (context) => {
  const { access, address } = await startStub(context);
  access.failure = { kind: 'no-leader' };
  const startMs = performance.now();
  const client = connect(context, [address, NOBODY]);
  await assert.rejects(client.call(catalogue.put, PUT, 300), isCode('RMQ-1029', /./));
  assert.ok(performance.now() - startMs < 2000);
  access.failure = null;
  access.isHolding = true;
  await assert.rejects(connect(context, [address]).call(catalogue.put, PUT, 100), isCode('RMQ-1029', /DEADLINE/));
});

test('metadata client: a wrong token is not tried at every node', async (context) => {
  const token = 'correct-horse-battery-staple';
  const { address, access } = await startStub(context, { token });
  await assert.rejects(connect(context, [address, NOBODY], { token: 'another' }).call(catalogue.put, PUT), isCode('RMQ-1032', /./));
  assert.equal(access.proposals, 0);
  await connect(context, [address], { token }).call(catalogue.put, PUT);
});

test('metadata client: shows its certificate where the node wants one', async (context) => {
  const certificates = makeCertificates();
  if (certificates === null) {
    context.skip('openssl is not here');
    return;
  }
  const { ca, server, client: own } = certificates;
  const { address } = await startStub(context, { tls: { ...server, ca }, token: 'x', allowsStrangers: false });
  const local = address.replace('127.0.0.1', 'localhost');
  await connect(context, [local], { tls: { ca, own } }).call(catalogue.put, PUT);
  await assert.rejects(
    connect(context, [local], { tls: { ca, own: null } }).call(catalogue.put, PUT, 500),
    isCode('RMQ-1032', /no token was given/),
  );
});
