import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import { AssertionFailure } from '../../../src/base/assert.js';
import { BrokerError } from '../../../src/base/errors.js';
import { CatalogueClient } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { ClusterService as cluster } from '../../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import { StreamsService as streams } from '../../../src/metadata/grpc/generated/robustmq/v1/streams.js';
import { GrpcServer } from '../../../src/metadata/grpc/server.js';
import { makeCertificates } from './certificates.js';
import { openClient } from './public-client.js';
import { answerOf, call, endOf, failureOf, metadataOf } from './raw-calls.js';
import { StubAccess, serverOptions, startStub } from './stub-access.js';

const TOKEN = 'correct-horse-battery-staple';

test('authentication: where there is a token, calls without it or with another are refused', async (context) => {
  const { address } = await startStub(context, { token: TOKEN, allowsStrangers: false });
  const client = openClient(context, address);
  for (const token of [undefined, '', 'wrong', `${TOKEN}x`, TOKEN.slice(1)]) {
    const refused = await failureOf(client, cluster.status, {}, token === undefined ? {} : { token });
    assert.equal(refused.status, status.UNAUTHENTICATED);
    assert.equal(refused.code, 'RMQ-1032');
  }
  await answerOf(client, cluster.status, {}, { token: TOKEN });

  const watch = client.watch({ kinds: [], tenant: '', startRevision: undefined });
  watch.on('data', () => assert.fail('a stranger is told something'));
  assert.equal((await endOf(watch)).status, status.UNAUTHENTICATED);
  const session = client.session(metadataOf('wrong'));
  session.on('data', () => assert.fail('a stranger is answered'));
  assert.equal((await endOf(session)).status, status.UNAUTHENTICATED);
});

test('authentication: what else the port offers looks after itself', async (context) => {
  const identity = (bytes: Buffer): Buffer => bytes;
  const echo = {
    path: '/robustmq.internal.Echo/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  } as const;
  const implementation = {
    echo: (request: { readonly request: Buffer }, done: (error: null, answer: Buffer) => void): void => done(null, request.request),
  };
  const messageBytesMax = 8 * 1024 * 1024;
  const offers = [{ definition: { echo }, implementation, messageBytesMax }];
  const { address } = await startStub(context, { token: TOKEN, allowsStrangers: false, offers });
  const client = openClient(context, address);
  const { answer } = await call(client, echo, Buffer.from('hello'));
  assert.equal(answer?.toString(), 'hello');
  const large = await call(client, echo, Buffer.alloc(5 * 1024 * 1024));
  assert.equal(large.failed?.status, status.RESOURCE_EXHAUSTED, 'the client does not take so much, but the node did');
});

test('authentication: a certificate of our authority is enough, and so is the token; one of another authority is none', async (context) => {
  const certificates = makeCertificates();
  if (certificates === null) {
    context.skip('openssl is not here');
    return;
  }
  const { ca, server, client: own, stranger } = certificates;
  const { address } = await startStub(context, { tls: { ...server, ca }, token: TOKEN, allowsStrangers: false });
  const ask = async (channel: ChannelCredentials, token = '') => {
    const client = new CatalogueClient(address, channel);
    context.after(() => client.close());
    return call(client, cluster.status, {}, { deadlineMs: 5000, ...(token === '' ? {} : { token }) });
  };
  assert.equal((await ask(credentials.createSsl(ca, own.key, own.cert))).failed, null);
  for (const channel of [credentials.createSsl(ca, stranger.key, stranger.cert), credentials.createSsl(ca)]) {
    assert.equal((await ask(channel)).failed?.status, status.UNAUTHENTICATED);
    assert.equal((await ask(channel, 'wrong')).failed?.status, status.UNAUTHENTICATED);
    assert.equal((await ask(channel, TOKEN)).failed, null);
  }
  assert.equal((await ask(credentials.createInsecure(), TOKEN)).failed?.status, status.UNAVAILABLE);
});

test('authentication: with a certificate of the node alone clients show the token', async (context) => {
  const certificates = makeCertificates();
  if (certificates === null) {
    context.skip('openssl is not here');
    return;
  }
  const { address } = await startStub(context, { tls: { ...certificates.server, ca: null }, token: TOKEN, allowsStrangers: false });
  const client = new CatalogueClient(address, credentials.createSsl(certificates.ca));
  context.after(() => client.close());
  assert.equal((await failureOf(client, cluster.status, {})).status, status.UNAUTHENTICATED);
  await answerOf(client, cluster.status, {}, { token: TOKEN });
});

test('authentication: a node where strangers could do everything does not start unless that is wanted', async () => {
  await assert.rejects(GrpcServer.start({ ...serverOptions(new StubAccess()), allowsStrangers: false }), AssertionFailure);
});

test('grpc server: until the catalogue is there only the verbs of the cluster are served', async (context) => {
  const server = await GrpcServer.start(serverOptions(new StubAccess()));
  context.after(() => server.stop(0));
  const client = openClient(context, `127.0.0.1:${server.port}`);
  await answerOf(client, cluster.status, {});
  const list = { tenant: '', prefix: '', pageSize: 0, pageToken: '' };
  const refused = await failureOf(client, streams.list, list);
  assert.equal(refused.status, status.UNAVAILABLE);
  const watch = client.watch({ kinds: [], tenant: '', startRevision: undefined });
  watch.on('data', () => assert.fail('it is told what may not be all'));
  assert.equal((await endOf(watch)).status, status.UNAVAILABLE);
  await server.setServing(true);
  await answerOf(client, streams.list, list);
});

test('grpc server: a port that is taken is an error with a code', async (context) => {
  const { server } = await startStub(context);
  await assert.rejects(GrpcServer.start({ ...serverOptions(new StubAccess()), port: server.port }), (error) => {
    assert.ok(error instanceof BrokerError);
    assert.equal(error.code, 'RMQ-1003');
    return true;
  });
});
