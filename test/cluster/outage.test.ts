import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, pass } from '../resilience/deadline.js';
import { canMakeNamespaces } from './hosts.js';
import { get, put, settingsOf, statusOf, TestCluster } from './test-cluster.js';
import { Writers } from './writers.js';

/** How long the leader stands still. CLUSTER_PAUSE_MS=30000 is what .ci/run does. */
const PAUSE_MS = Number(process.env.CLUSTER_PAUSE_MS ?? 4000);
const FENCED_MS = 2000;
const DEADLINE_MS = 10_000;

test('cluster: a leader that is cut off accepts no write and no fresh read after 2 s, and the others go on', {
  skip: canMakeNamespaces() ? false : 'needs network namespaces',
  timeout: 90_000,
}, async (context) => {
  const cluster = await TestCluster.start(context);
  await put(cluster.client(), 'before', '1', DEADLINE_MS);
  const leader = await cluster.leader();
  const others = cluster.nodes.filter((node) => node !== leader);
  cluster.hosts.cut(cluster.nodes.indexOf(leader));
  await pass(FENCED_MS);
  await assert.rejects(put(cluster.client(leader), 'minority', '1', 1500), 'a minority accepts no write');
  await assert.rejects(get(cluster.client(leader), 'before', 1500), 'and no read that must be fresh');
  await put(cluster.client(...others), 'majority', '1', DEADLINE_MS);
  cluster.hosts.heal();
  const returned = cluster.client(leader);
  await eventually(
    'the one that was cut off has what the others decided',
    async () => (await settingsOf(returned)).has('majority'),
    DEADLINE_MS,
  );
  assert.equal((await settingsOf(returned)).has('minority'), false);
  await put(returned, 'after', '1', DEADLINE_MS);
});

test(`cluster: a leader that stood still for ${PAUSE_MS} ms is fenced when it returns`, { timeout: 90_000 + PAUSE_MS }, async (context) => {
  const cluster = await TestCluster.start(context);
  await put(cluster.client(), 'shared', '"old"', DEADLINE_MS);
  const leader = await cluster.leader();
  const others = cluster.client(...cluster.nodes.filter((node) => node !== leader));
  const termBefore = (await statusOf(others)).term;
  await leader.signal('SIGSTOP');
  await pass(PAUSE_MS);
  await put(others, 'shared', '"new"', DEADLINE_MS);
  const own = cluster.client(leader);
  await leader.signal('SIGCONT');
  // It may refuse; it may not tell what was true before it slept.
  const seen = await get(own, 'shared', DEADLINE_MS).catch(() => '"new"');
  assert.equal(seen, '"new"');
  await eventually('it follows', async () => (await statusOf(own)).term > termBefore, DEADLINE_MS);
  assert.equal(await get(own, 'shared', DEADLINE_MS), '"new"');
});

test('cluster: all nodes are restarted one after the other, and a client that tries again sees no failure', {
  timeout: 120_000,
}, async (context) => {
  const cluster = await TestCluster.start(context);
  const writers = new Writers(cluster.client(), 8);
  for (const node of cluster.nodes) {
    const before = writers.acknowledged.length;
    await eventually('the load runs', () => writers.acknowledged.length > before + 50, 10_000);
    await node.signal('SIGTERM');
    node.start();
    await node.ready();
  }
  await writers.stop();
  assert.deepEqual(writers.failures, []);
  const settings = await settingsOf(cluster.client(await cluster.leader()));
  assert.deepEqual(
    writers.acknowledged.filter((key) => !settings.has(key)),
    [],
  );
});

test('cluster: a node with an empty disk is refused under its old number, and joins as a new one', {
  timeout: 120_000,
}, async (context) => {
  const cluster = await TestCluster.start(context);
  const [first, , third] = cluster.nodes;
  await put(cluster.client(), 'kept', '1', DEADLINE_MS);
  await third.signal('SIGKILL');
  third.wipe();
  third.start();
  assert.notEqual(await third.ended(), 0);
  assert.match(third.output, /RMQ-1028/);
  third.wipe();
  third.start({ isAlone: true });
  await third.ready();
  assert.match(third.ctl('cluster', 'join', first.address, '--token', cluster.token), /joined cluster .* as node 4/);
  const member = cluster.client(third);
  await eventually('it has a vote', async () => (await statusOf(member)).voters.includes(4), 20_000);
  assert.equal(await get(member, 'kept', DEADLINE_MS), '1');
  assert.match(first.ctl('cluster', 'leave', '3', '--yes'), /node n3 \(3\) has left/);
  assert.deepEqual((await statusOf(member)).voters, [1, 2, 4]);
  assert.throws(() => first.ctl('cluster', 'join', third.address, '--token', cluster.token), /RMQ-1034 .*in a cluster with others/);
});
