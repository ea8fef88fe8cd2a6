import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/metadata/catalogue/commands.js';
import { CatalogueService, SessionRequest } from '../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { ClusterService } from '../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import { WitnessedAccess, type WitnessedChange } from '../../src/runtime/witnessed-access.js';
import { NO_ID, openClient, userOf } from '../metadata/grpc/public-client.js';
import { answerOf, endOf, failureOf } from '../metadata/grpc/raw-calls.js';
import { StubAccess, startStub } from '../metadata/grpc/stub-access.js';

interface Witnessed {
  readonly access: StubAccess;
  readonly witnessed: WitnessedAccess;
  readonly changes: WitnessedChange[];
}

function witness(): Witnessed {
  const access = new StubAccess();
  const changes: WitnessedChange[] = [];
  return { access, changes, witnessed: new WitnessedAccess(access, (more) => changes.push(...more)) };
}

/** Without who, which has a port that the kernel picked. */
const told = ({ question, ask, error }: WitnessedChange): readonly unknown[] => [question, ask, error];

test('witnessed access: each change by gRPC is told with its caller and what became of it, and reading is not', async (context) => {
  const { access, witnessed, changes } = witness();
  const { address, server } = await startStub(context, { access: witnessed });
  await server.setServing(true);
  const client = openClient(context, address);
  const put = { resource: userOf('ann', 'x'), expectedRevision: 0, requestId: NO_ID };
  await answerOf(client, CatalogueService.put, put);
  await failureOf(client, CatalogueService.put, put);
  const key = { key: { $case: 'user', value: { tenant: '', name: 'ann' } } } as const;
  await answerOf(client, CatalogueService.get, { key, consistency: 0 });
  await answerOf(client, CatalogueService.delete, { key, expectedRevision: undefined, requestId: NO_ID });
  access.changeAnswer = { kind: 'refused', why: 'it is the last' };
  await failureOf(client, ClusterService.leave, { nodeId: 1 });

  const session = client.session();
  const ended = endOf(session);
  const command = { command: { $case: 'put', value: { resource: userOf('bob') } }, requestId: NO_ID } as const;
  session.write({ ...SessionRequest.decode(new Uint8Array()), sequence: 1, commands: [command] });
  session.on('data', () => session.end());
  await ended;

  for (const { by } of changes) assert.match(by, /^grpc 127\.0\.0\.1:\d+$/);
  const shown = { tenant: 'default', passwordHash: '(not shown)', isSuperuser: false, scram: '(not shown)' };
  const [made, again, deleted, left, ofSession] = changes.map(told);
  assert.deepEqual(made, ['put-user', { ...shown, name: 'ann', comment: 'x', expected: 0 }, null]);
  assert.deepEqual(again[0], 'put-user');
  assert.match(String(again[2]), /^exists: /);
  assert.deepEqual(deleted, ['delete-user', { tenant: 'default', name: 'ann', expected: null }, null]);
  assert.deepEqual(left, ['cluster-leave', { node: 1 }, 'it is the last']);
  assert.deepEqual(ofSession, ['put-user', { ...shown, name: 'bob', comment: '', expected: null }, null]);
  assert.equal(changes.length, 5);
});

test('witnessed access: what nobody answered is told as unknown, and offsets and tokens are not told', async () => {
  const { access, witnessed, changes } = witness();
  const run = (command: Command): void => witnessed.propose([{ command, requestId: null }], 1000, () => {}, 'me');
  access.failure = { kind: 'unknown' };
  run({ kind: 'change-cluster', name: 'n', tokenHash: 'SECRET', expected: null });
  run({ kind: 'commit-offsets', tenant: 't', group: 'g', generation: 0, offsets: [] });
  const node = { uuid: 'u', name: 'b', address: 'b:1', roles: ['broker'], version: '1', token: 'SECRET' } as const;
  witnessed.join(node, 1000, () => {}, 'node');
  assert.deepEqual(changes.map(told), [
    ['change-cluster', { name: 'n', tokenHash: '(not shown)', expected: null }, 'unknown'],
    ['cluster-join', { uuid: 'u', name: 'b', address: 'b:1', roles: ['broker'], version: '1' }, null],
  ]);
  assert.doesNotMatch(JSON.stringify(changes), /SECRET/);
});

test('witnessed access: a rewrite whose expression is none is refused before it is proposed, and told', () => {
  const { access, witnessed, changes } = witness();
  const value = { tenant: 'default', name: 'r', order: 0, action: 'all', filter: 'a/#', pattern: '(', target: 'b' } as const;
  const command: Command = { kind: 'put-topic-rewrite', value, expected: null };
  let answer: unknown;
  const done = (given: unknown): void => {
    answer = given;
  };
  witnessed.propose([{ command, requestId: null }], 1000, done, 'grpc 127.0.0.1:1');
  assert.match(JSON.stringify(answer), /"kind":"invalid","why":"[^"]+"/);
  assert.equal(changes[0].question, 'put-topic-rewrite');
  answer = null;
  new WitnessedAccess(access, null).propose([{ command, requestId: null }], 1000, done, 'grpc 127.0.0.1:1');
  assert.match(JSON.stringify(answer), /"kind":"invalid"/, 'also where nobody writes it down');
  assert.notEqual(changes[0].error, null);
});
