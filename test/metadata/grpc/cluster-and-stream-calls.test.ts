import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import {
  ClusterService as cluster,
  Membership,
  NodeRole,
  NodeState,
  RaftRole,
} from '../../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import {
  StreamFlush,
  StreamOrigin,
  StreamStorage,
  StreamsService as streams,
} from '../../../src/metadata/grpc/generated/robustmq/v1/streams.js';
import { UUID } from '../catalogue/samples.js';
import { NO_ID, openClient } from './public-client.js';
import { answerOf, failureOf } from './raw-calls.js';
import { startStub } from './stub-access.js';

test('cluster calls: status and members are what the node knows', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  const answer = await answerOf(client, cluster.status, {});
  assert.deepEqual(answer, { ...access.status(), role: RaftRole.LEADER });
  const { members } = await answerOf(client, cluster.members, {});
  assert.deepEqual(members[0], {
    id: 1,
    name: 'a',
    address: '127.0.0.1:1228',
    roles: [NodeRole.META, NodeRole.BROKER],
    version: '0.1.0',
    state: NodeState.ACTIVE,
    membership: Membership.VOTER,
    isLeader: true,
    lag: 0,
    isReachable: true,
  });
  assert.equal(members[1].lag, undefined, 'what is not known is not there');
  assert.equal(members[1].membership, Membership.NONE);
});

test('cluster calls: a node joins with the token of its call', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  const request = { uuid: UUID, name: 'b', address: '127.0.0.2:1228', roles: [NodeRole.META], version: '0.1.0' };
  const joined = await answerOf(client, cluster.join, request, { token: 'a-secret-of-many-letters' });
  assert.deepEqual(joined, { clusterId: UUID, nodeId: 2, peers: [{ id: 1, address: '127.0.0.1:1228' }] });
  assert.deepEqual(access.joined, [{ ...request, roles: ['meta'], token: 'a-secret-of-many-letters' }]);

  access.joinAnswer = { kind: 'denied' };
  assert.equal((await failureOf(client, cluster.join, request)).status, status.UNAUTHENTICATED);
  access.joinAnswer = { kind: 'refused', why: 'it was removed' };
  const refused = await failureOf(client, cluster.join, request);
  assert.equal(refused.status, status.FAILED_PRECONDITION);
  assert.equal(refused.code, 'RMQ-1034');
  const odd = await failureOf(client, cluster.join, { ...request, roles: [NodeRole.UNSPECIFIED] });
  assert.equal(odd.status, status.INVALID_ARGUMENT);
});

test('cluster calls: leave, transfer and promote name a node, and may be refused', async (context) => {
  const { address, access } = await startStub(context);
  const client = openClient(context, address);
  await answerOf(client, cluster.leave, { nodeId: 3 });
  await answerOf(client, cluster.transfer, { nodeId: 2 });
  await answerOf(client, cluster.promote, { nodeId: 4 });
  assert.deepEqual(access.changed, ['leave 3', 'transfer 2', 'promote 4']);
  access.changeAnswer = { kind: 'refused', why: 'it is the only voter' };
  const refused = await failureOf(client, cluster.leave, { nodeId: 1 });
  assert.equal(refused.status, status.FAILED_PRECONDITION);
  assert.match(refused.details, /it is the only voter/);
  access.changeAnswer = { kind: 'no-leader' };
  assert.equal((await failureOf(client, cluster.transfer, { nodeId: 1 })).status, status.UNAVAILABLE);
});

const NO_WISH = {
  partitions: undefined,
  storage: undefined,
  flush: undefined,
  retentionTimeMs: undefined,
  retentionBytes: undefined,
  retentionRecords: undefined,
  isCompacted: undefined,
  tombstoneMs: undefined,
  filters: undefined,
  key: undefined,
  takesQos0: undefined,
} as const;

test('stream calls: a stream is created with what is wished, described, changed, listed and deleted', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const wish = { ...NO_WISH, partitions: 4, filters: { filters: ['a/#'] } };
  const created = await answerOf(client, streams.create, { tenant: '', name: 'events', wish, requestId: NO_ID });
  assert.deepEqual(created.stream?.stream, {
    tenant: 'default',
    name: 'events',
    partitions: 4,
    storage: StreamStorage.LMDB,
    settings: {
      flush: StreamFlush.COMMIT,
      retention: { timeMs: 604_800_000, bytes: 2 ** 30, records: 0 },
      isCompacted: false,
      tombstoneMs: 0,
    },
    filters: ['a/#'],
    key: '{topic}',
    takesQos0: false,
    origin: StreamOrigin.COMMAND,
    id: 1,
  });
  const described = await answerOf(client, streams.describe, { tenant: 'default', name: 'events' });
  assert.deepEqual(described, created);

  const change = { ...NO_WISH, partitions: 8, retentionBytes: 5, takesQos0: true };
  const request = { tenant: '', name: 'events', wish: change, expectedRevision: undefined, requestId: NO_ID };
  const changed = await answerOf(client, streams.change, request);
  assert.deepEqual(changed, await answerOf(client, streams.describe, { tenant: '', name: 'events' }));
  assert.equal(changed.stream?.stream?.settings?.retention?.bytes, 5);
  assert.deepEqual(changed.stream?.stream?.filters, ['a/#'], 'what is not given stays');
  const stale = await failureOf(client, streams.change, { ...request, expectedRevision: created.stream?.revision });
  assert.equal(stale.status, status.ABORTED);

  const query = { tenant: '', prefix: '', pageSize: 0, pageToken: '' };
  assert.deepEqual((await answerOf(client, streams.list, query)).streams, [changed.stream]);
  assert.deepEqual((await answerOf(client, streams.list, { ...query, tenant: '*' })).streams.length, 1);
  assert.deepEqual((await answerOf(client, streams.list, { ...query, tenant: 'acme' })).streams, []);
  await answerOf(client, streams.delete, { tenant: '', name: 'events', expectedRevision: undefined, requestId: NO_ID });
  const gone = await failureOf(client, streams.describe, { tenant: '', name: 'events' });
  assert.equal(gone.status, status.NOT_FOUND);
});

test('stream calls: what cannot be is refused with the reason', async (context) => {
  const { address } = await startStub(context);
  const client = openClient(context, address);
  const request = { tenant: '', name: 'events', wish: NO_WISH, requestId: NO_ID };
  await answerOf(client, streams.create, request);
  assert.equal((await failureOf(client, streams.create, request)).status, status.ALREADY_EXISTS);
  const memory = { ...NO_WISH, storage: StreamStorage.MEMORY };
  const refused = await failureOf(client, streams.create, { ...request, name: 'other', wish: memory });
  assert.equal(refused.status, status.INVALID_ARGUMENT);
  assert.match(refused.details, /nothing to flush/);
  assert.equal((await failureOf(client, streams.create, { ...request, wish: undefined })).status, status.INVALID_ARGUMENT);
});
