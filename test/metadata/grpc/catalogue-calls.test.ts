import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import {
  Consistency,
  CatalogueService as catalogue,
  type ListRequest,
} from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { ErrorInfo, StatusDetails } from '../../../src/metadata/grpc/generated/robustmq/v1/errors.js';
import { Kind } from '../../../src/metadata/grpc/generated/robustmq/v1/resources.js';
import { idOf, NO_ID, openClient, userOf } from './public-client.js';
import { answerOf, failureOf } from './raw-calls.js';
import { startStub } from './stub-access.js';

const KEY_OF_USER = (name: string) => ({ key: { $case: 'user', value: { tenant: '', name } } }) as const;
const LIST: ListRequest = { kind: Kind.USER, tenant: '', prefix: '', pageSize: 0, pageToken: '', consistency: Consistency.LINEARIZABLE };

test('catalogue calls: what was put is got, changed by compare-and-set, and deleted', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const put = await answerOf(client, catalogue.put, { resource: userOf('a'), expectedRevision: 0, requestId: NO_ID });
  const { record } = await answerOf(client, catalogue.get, { key: KEY_OF_USER('a'), consistency: Consistency.LOCAL });
  assert.equal(record?.revision, put.revision);
  assert.deepEqual(record?.resource, userOf('a', '', 'default'));

  const there = await failureOf(client, catalogue.put, { resource: userOf('a', 'b'), expectedRevision: 0, requestId: NO_ID });
  assert.equal(there.status, status.ALREADY_EXISTS);
  const conflict = await failureOf(client, catalogue.put, { resource: userOf('a', 'b'), expectedRevision: 1, requestId: NO_ID });
  assert.equal(conflict.status, status.ABORTED);
  assert.equal(conflict.code, 'RMQ-1030');
  const changed = { resource: userOf('a', 'b'), expectedRevision: put.revision, requestId: NO_ID };
  assert.ok((await answerOf(client, catalogue.put, changed)).revision > put.revision);

  await answerOf(client, catalogue.delete, { key: KEY_OF_USER('a'), expectedRevision: undefined, requestId: NO_ID });
  const gone = await failureOf(client, catalogue.get, { key: KEY_OF_USER('a'), consistency: Consistency.LINEARIZABLE });
  assert.equal(gone.status, status.NOT_FOUND);
});

test('catalogue calls: a request that is sent again with its id has the outcome that it had', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  const request = { resource: userOf('a'), expectedRevision: 0, requestId: idOf(1) };
  const first = await answerOf(client, catalogue.put, request);
  const again = await answerOf(client, catalogue.put, request);
  assert.deepEqual(again, first);
  assert.equal(access.proposals, 2);
  const odd = await failureOf(client, catalogue.put, { ...request, requestId: Buffer.alloc(15) });
  assert.equal(odd.status, status.INVALID_ARGUMENT);
  assert.match(odd.details, /16 bytes/);
});

test('catalogue calls: an error has code, cure and details that any client of gRPC finds', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const {
    status: code,
    details,
    code: ours,
    cure,
    metadata,
  } = await failureOf(client, catalogue.put, {
    resource: userOf(''),
    expectedRevision: undefined,
    requestId: NO_ID,
  });
  assert.equal(code, status.INVALID_ARGUMENT);
  assert.equal(ours, 'RMQ-1031');
  assert.ok(cure.length > 0);
  assert.match(details, /^RMQ-1031 /);
  const [packed] = metadata.get('grpc-status-details-bin');
  assert.ok(Buffer.isBuffer(packed));
  const {
    code: sameCode,
    details: [detail],
  } = StatusDetails.decode(new BinaryReader(packed));
  assert.equal(sameCode, status.INVALID_ARGUMENT);
  assert.equal(detail.typeUrl, 'type.googleapis.com/google.rpc.ErrorInfo');
  assert.deepEqual(ErrorInfo.decode(detail.value), { reason: 'RMQ-1031', domain: 'robustmq.io', metadata: { cure } });
});

test('catalogue calls: a list goes page by page, and has everything once', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  for (let at = 0; at < 25; at += 1)
    access.run({
      kind: 'put-user',
      value: { tenant: 'default', name: `u${at}`, passwordHash: '', isSuperuser: false, comment: '', scram: [] },
      expected: 0,
    });
  const names: string[] = [];
  let pageToken = '';
  let pages = 0;
  do {
    const page = await answerOf(client, catalogue.list, { ...LIST, pageSize: 10, pageToken });
    for (const { resource } of page.records) if (resource?.resource?.$case === 'user') names.push(resource.resource.value.name);
    pageToken = page.nextPageToken;
    pages += 1;
  } while (pageToken !== '');
  assert.equal(pages, 3);
  assert.equal(new Set(names).size, 25);
  assert.deepEqual(names, names.toSorted());
  const some = await answerOf(client, catalogue.list, { ...LIST, tenant: 'default', prefix: 'u1', consistency: Consistency.LOCAL });
  assert.equal(some.records.length, 11);
  const none = await answerOf(client, catalogue.list, { ...LIST, tenant: 'nobody' });
  assert.equal(none.records.length, 0);
  const odd = await failureOf(client, catalogue.list, { ...LIST, pageToken: 'not base64!' });
  assert.equal(odd.status, status.INVALID_ARGUMENT);
});

test('catalogue calls: a page of large records has fewer of them', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  const text = `"${'x'.repeat(60_000)}"`;
  for (let at = 0; at < 60; at += 1)
    access.run({ kind: 'put-schema', schema: { tenant: 'default', name: `s${at}`, type: 'json', text }, expected: 0 });
  let count = 0;
  let pageToken = '';
  do {
    const page = await answerOf(client, catalogue.list, { ...LIST, kind: Kind.SCHEMA, pageToken });
    count += page.records.length;
    assert.ok(page.records.length > 0 && page.records.length < 20);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.equal(count, 60);
});

test('catalogue calls: only a linearizable read asks the leader', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  await answerOf(client, catalogue.list, { ...LIST, consistency: Consistency.LOCAL });
  assert.equal(access.reads, 0);
  await answerOf(client, catalogue.list, LIST);
  assert.equal(access.reads, 1);
});

test('catalogue calls: offsets are committed, and a lower generation is refused', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  access.run({
    kind: 'create-stream',
    stream: {
      tenant: 'default',
      name: 's',
      partitions: 2,
      storage: 'lmdb',
      settings: { flush: 'commit', retention: { timeMs: 0, bytes: 0, records: 0 }, isCompacted: false, tombstoneMs: 0 },
      filters: [],
      key: 'k',
      takesQos0: false,
      origin: 'command',
    },
  });
  const offsets = [{ stream: 1, partition: 1, offset: 5, leaderEpoch: undefined, metadata: 'm' }];
  const commit = { tenant: '', group: 'g', generation: 3, offsets };
  await answerOf(client, catalogue.commitOffsets, { commit, requestId: NO_ID });
  const key = { key: { $case: 'offset', value: { tenant: '', group: 'g', stream: 1, partition: 1 } } } as const;
  const { record } = await answerOf(client, catalogue.get, { key, consistency: Consistency.LINEARIZABLE });
  assert.ok(record?.resource?.resource?.$case === 'offset');
  assert.equal(record.resource.resource.value.offset, 5);
  assert.equal(record.resource.resource.value.leaderEpoch, undefined);
  const older = await failureOf(client, catalogue.commitOffsets, { commit: { ...commit, generation: 2 }, requestId: NO_ID });
  assert.ok(older.code === 'RMQ-1031' || older.code === 'RMQ-1030');
});

test('catalogue calls: what the leader cannot do has a status that says whether to try again', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  const request = { resource: userOf('a'), expectedRevision: undefined, requestId: NO_ID };
  const expected = [
    [{ kind: 'no-leader' }, status.UNAVAILABLE, 'RMQ-1029'],
    [{ kind: 'busy' }, status.RESOURCE_EXHAUSTED, 'RMQ-1033'],
    [{ kind: 'unknown' }, status.UNKNOWN, 'RMQ-1029'],
    [{ kind: 'invalid', why: 'because' }, status.INVALID_ARGUMENT, 'RMQ-1031'],
  ] as const;
  for (const [failure, code, ours] of expected) {
    access.failure = failure;
    const failed = await failureOf(client, catalogue.put, request);
    assert.equal(failed.status, code, failure.kind);
    assert.equal(failed.code, ours, failure.kind);
  }
});

test('catalogue calls: a call ends at its deadline, and one that is cancelled frees what it holds', async (context) => {
  const { address, access, server } = await startStub(context);
  const client = openClient(context, address);
  access.isHolding = true;
  const request = { resource: userOf('a'), expectedRevision: undefined, requestId: NO_ID };
  const late = await failureOf(client, catalogue.put, request, { deadlineMs: 50 });
  assert.equal(late.status, status.DEADLINE_EXCEEDED);

  const cancelled = new Promise<void>((resolve) => {
    const call = client.put(request, (error) => {
      assert.equal(error?.code, status.CANCELLED);
      resolve();
    });
    const whenHeld = (): void => {
      if (access.held === 2) call.cancel();
      else setImmediate(whenHeld);
    };
    whenHeld();
  });
  await cancelled;
  await until(() => server.callsUnderWay === 0);
  access.release(); // Nobody is there any more, and nothing happens.
  await answerOf(client, catalogue.put, request);
});

function until(isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) resolve();
      else setImmediate(look);
    };
    look();
  });
}
