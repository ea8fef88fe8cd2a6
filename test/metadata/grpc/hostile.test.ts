import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type Client, status } from '@grpc/grpc-js';
import { CatalogueService as catalogue } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { ClusterService as cluster } from '../../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import { StreamsService as streams } from '../../../src/metadata/grpc/generated/robustmq/v1/streams.js';
import { seedOf } from '../catalogue/samples.js';
import { NO_ID, openClient, userOf } from './public-client.js';
import { answerOf, call, endOf, failureOf } from './raw-calls.js';
import { startStub } from './stub-access.js';

const identity = (bytes: Buffer): Buffer => bytes;
const UNARY = [...Object.values(cluster), ...Object.values(streams), ...Object.values(catalogue)].filter(
  ({ requestStream, responseStream }) => !requestStream && !responseStream,
);

function callRaw(client: Client, path: string, bytes: Buffer): Promise<status> {
  const raw = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  } as const;
  return call(client, raw, bytes, { deadlineMs: 10_000 }).then(({ failed }) => failed?.status ?? status.OK);
}

/** Numbers below 2^32, the same for the same seed. */
function drawer(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test('hostile: bytes that are no request are refused as such, by every method', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  for (const { path } of UNARY) assert.equal(await callRaw(client, path, Buffer.from([0x0a, 0xff])), status.INVALID_ARGUMENT, path);
  const watch = client.makeServerStreamRequest(catalogue.watch.path, identity, identity, Buffer.from([0xff]));
  watch.on('data', () => assert.fail('it is answered'));
  assert.equal((await endOf(watch)).status, status.INVALID_ARGUMENT);
  const session = client.makeBidiStreamRequest(catalogue.session.path, identity, identity);
  session.on('data', () => assert.fail('it is answered'));
  session.write(Buffer.from([0xff]));
  assert.equal((await endOf(session)).status, status.INVALID_ARGUMENT);
});

test('hostile: a number that is not safe is refused, and nothing is rounded', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const over = Buffer.from([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]); // LeaveRequest with node_id 2^53.
  assert.equal(await callRaw(client, cluster.leave.path, over), status.INVALID_ARGUMENT);
});

test('hostile: whatever bytes arrive, the node answers them and goes on', async (context) => {
  const seed = seedOf();
  const draw = drawer(seed);
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const good = [...catalogue.put.requestSerialize({ resource: userOf('a'), expectedRevision: 1, requestId: Buffer.alloc(16) })];
  for (let round = 0; round < 300; round += 1) {
    const bytes = draw(2) === 0 ? Buffer.from(Array.from({ length: draw(64) }, () => draw(256))) : Buffer.from(good);
    for (let flips = draw(4); flips > 0 && bytes.length > 0; flips -= 1) bytes[draw(bytes.length)] = draw(256);
    const { path } = UNARY[draw(UNARY.length)];
    const ended = await callRaw(client, path, bytes);
    assert.notEqual(ended, status.INTERNAL, `seed ${seed} round ${round} ${path} ${bytes.toString('hex')}`);
    assert.notEqual(ended, status.DEADLINE_EXCEEDED, `seed ${seed} round ${round}`);
  }
  await answerOf(client, cluster.status, {});
});

test('hostile: whatever a session sends, its end is a status', async (context) => {
  const seed = seedOf();
  const draw = drawer(seed);
  const { address, server } = await startStub(context);
  const client = openClient(context, address);
  const command = {
    command: { $case: 'put', value: { resource: userOf('a'), expectedRevision: 1 } },
    requestId: Buffer.alloc(16),
  } as const;
  const good = catalogue.session.requestSerialize({ sequence: 1, commands: [command, command], reads: [], timeoutMs: 5 });
  for (let round = 0; round < 100; round += 1) {
    const session = client.makeBidiStreamRequest(catalogue.session.path, identity, identity);
    session.on('data', () => undefined);
    const ended = endOf(session);
    const bytes = Buffer.from(good);
    for (let flips = 1 + draw(4); flips > 0; flips -= 1) bytes[draw(bytes.length)] = draw(256);
    session.write(bytes);
    session.end();
    const { status: code } = await ended;
    assert.ok(code === status.OK || code === status.INVALID_ARGUMENT, `seed ${seed} round ${round}: ${status[code]}`);
  }
  while (server.callsUnderWay > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('hostile: a request that is too large is refused, and the connection stays', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const large = await failureOf(client, catalogue.put, {
    resource: userOf('a', 'x'.repeat(5_000_000)),
    expectedRevision: undefined,
    requestId: NO_ID,
  });
  assert.equal(large.status, status.RESOURCE_EXHAUSTED);
  await answerOf(client, cluster.status, {});
});

test('hostile: peers that speak no gRPC, or break off within a call, do no harm', async (context) => {
  const { address, server, access } = await startStub(context);
  const [host, port] = address.split(':');
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage garbage garbage', '\0']) {
    const socket = connect(Number(port), host);
    socket.on('error', () => undefined); // The node may reset it.
    await once(socket, 'connect');
    socket.end(bytes);
    socket.resume();
    await once(socket, 'close');
  }
  access.isHolding = true;
  const whole = catalogue.put.requestSerialize({ resource: userOf('a'), expectedRevision: undefined, requestId: NO_ID });
  for (const bytes of [whole, whole.subarray(0, 3)]) {
    const plain = connectHttp2(`http://${address}`);
    plain.on('error', () => undefined); // It is destroyed below.
    const stream = plain.request({ ':method': 'POST', ':path': catalogue.put.path, 'content-type': 'application/grpc', te: 'trailers' });
    stream.on('error', () => undefined); // As above.
    const head = Buffer.alloc(5); // Not compressed, and the length.
    head.writeUInt32BE(whole.length, 1);
    stream.write(Buffer.concat([head, bytes]));
    await once(plain, 'remoteSettings');
    if (bytes === whole) {
      stream.end();
      await until(() => access.held === 1);
    }
    plain.destroy();
  }
  await until(() => server.callsUnderWay === 0);
  access.release();
  await answerOf(openClient(context, address), cluster.status, {});
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
