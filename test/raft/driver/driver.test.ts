import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SmallCluster } from './small-cluster.js';

const NO_CONTEXT = new Uint8Array(0);

test('driver: three nodes elect a leader, and what it acknowledges is applied everywhere', async () => {
  const cluster = new SmallCluster(1);
  for (const id of [1, 2, 3]) await cluster.add(id, [1, 2, 3]);
  const leader = await cluster.elect();
  for (let n = 0; n < 20; n += 1) assert.equal((await cluster.propose(leader, `x${n}`)).kind, 'applied');
  await cluster.tick(3);
  for (const { machine } of cluster.nodes.values()) assert.equal(machine.applied.length, 20);
  assert.equal((await cluster.read(leader)).kind, 'fresh');
});

test('driver: a single voter leads as soon as it campaigns', async () => {
  const cluster = new SmallCluster(2);
  const node = await cluster.add(1, [1]);
  node.driver.campaign();
  await cluster.settle();
  assert.equal(node.driver.isLeader, true);
  assert.deepEqual(await cluster.propose(node, 'a'), { kind: 'applied', index: 3, result: 1 });
});

test('driver: a restarted node has what it acknowledged', async () => {
  const cluster = new SmallCluster(3);
  const node = await cluster.add(1, [1]);
  node.driver.campaign();
  await cluster.settle();
  for (let n = 0; n < 50; n += 1) await cluster.propose(node, `x${n}`);
  cluster.stop(1);
  const again = await cluster.add(1, null, node.disk);
  again.driver.campaign();
  await cluster.settle();
  assert.equal(again.machine.applied.length, 50);
});

test('driver: snapshots cut the log, and a restart begins from the newest', async () => {
  const cluster = new SmallCluster(4, { snapshotEntries: 20, trailingEntries: 5 });
  const node = await cluster.add(1, [1]);
  node.driver.campaign();
  await cluster.settle();
  for (let n = 0; n < 100; n += 1) await cluster.propose(node, `x${n}`);
  await cluster.settle();
  const status = node.driver.node?.status();
  assert.ok(status !== undefined && status.firstIndex > 60, `the log begins at ${status?.firstIndex}`);
  cluster.stop(1);
  const again = await cluster.add(1, null, node.disk);
  again.driver.campaign();
  await cluster.settle();
  assert.equal(again.machine.applied.length, 100);
  assert.deepEqual(cluster.failures, []);
});

test('driver: a member that is too far behind gets the snapshot in chunks', async () => {
  const cluster = new SmallCluster(5, { snapshotEntries: 20, trailingEntries: 5 });
  for (const id of [1, 2, 3]) await cluster.add(id, [1, 2, 3]);
  const leader = await cluster.elect();
  const behind = [...cluster.nodes.keys()].find((id) => id !== leader.id) ?? 0;
  cluster.cut.add(behind);
  for (let n = 0; n < 100; n += 1) assert.equal((await cluster.propose(leader, `x${n}`)).kind, 'applied');
  cluster.cut.delete(behind);
  await cluster.tick(40);
  assert.equal(cluster.nodes.get(behind)?.machine.applied.length, 100);
  assert.deepEqual(cluster.failures, []);
});

test('driver: a node joins as a learner, becomes a voter, and the cluster works with it', async () => {
  const cluster = new SmallCluster(6, { snapshotEntries: 20, trailingEntries: 5 });
  const first = await cluster.add(1, [1]);
  first.driver.campaign();
  await cluster.settle();
  for (let n = 0; n < 50; n += 1) await cluster.propose(first, `x${n}`);
  const joined = await cluster.add(2, null);
  for (const type of ['add-learner', 'add-voter'] as const) {
    const change = { transition: 'auto', changes: [{ type, node: 2 }], context: NO_CONTEXT } as const;
    let kind = '';
    assert.equal(
      first.driver.changeConfiguration(change, (outcome) => {
        kind = outcome.kind;
      }),
      null,
    );
    await cluster.tick(30);
    assert.equal(kind, 'applied');
  }
  assert.deepEqual(joined.driver.configuration.voters, [1, 2]);
  assert.equal(joined.machine.applied.length, 50);
  assert.equal((await cluster.propose(first, 'y')).kind, 'applied');
});

test('driver: a leader that is cut off gives up, and what it could not commit is not acknowledged', async () => {
  const cluster = new SmallCluster(7);
  for (const id of [1, 2, 3]) await cluster.add(id, [1, 2, 3]);
  const leader = await cluster.elect();
  await cluster.propose(leader, 'kept');
  cluster.cut.add(leader.id);
  let lost = '';
  leader.driver.propose(Buffer.from('lost'), ({ kind }) => {
    lost = kind;
  });
  let read = '';
  leader.driver.read(({ kind }) => {
    read = kind;
  });
  await cluster.tick(25);
  assert.equal(leader.driver.isLeader, false);
  assert.equal(lost, 'unknown');
  assert.notEqual(read, 'fresh');
  const next = await cluster.elect();
  assert.equal((await cluster.propose(next, 'after')).kind, 'applied');
  cluster.cut.delete(leader.id);
  await cluster.tick(20);
  assert.deepEqual(leader.machine.applied, ['kept', 'after']);
});

test('driver: leadership is handed over', async () => {
  const cluster = new SmallCluster(8);
  for (const id of [1, 2, 3]) await cluster.add(id, [1, 2, 3]);
  const leader = await cluster.elect();
  await cluster.tick(5);
  const to = leader.id === 1 ? 2 : 1;
  leader.driver.transferLeadership(to);
  await cluster.settle();
  assert.equal(cluster.nodes.get(to)?.driver.isLeader, true);
});
