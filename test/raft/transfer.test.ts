import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ELECTION_TICKS, Network } from './network.js';

const BOTH = { hasPreVote: true, hasCheckQuorum: true };

function leaders(network: Network): number[] {
  return [...network.nodes.values()].filter(({ raft }) => raft.role === 'leader').map(({ id }) => id);
}

test('transfer: to a member that has everything it goes at once, also within the lease of the leader', () => {
  const network = Network.ofVoters(3, BOTH);
  network.elect(1);
  network.node(1).raft.transferLeadership(2);
  network.settle();
  assert.deepEqual(leaders(network), [2]);
  assert.equal(network.node(1).raft.leader, 2);
});

test('transfer: a follower passes the wish on', () => {
  const network = Network.ofVoters(3, BOTH);
  network.elect(1);
  network.node(3).raft.transferLeadership(2);
  network.settle();
  assert.deepEqual(leaders(network), [2]);
});

test('transfer: to a member that is behind it goes when that has caught up, also by a snapshot', () => {
  for (const isCompacted of [false, true]) {
    const network = Network.ofVoters(3, BOTH);
    const leader = network.elect(1);
    network.isolate(3);
    network.propose(1, 'one', 'two');
    if (isCompacted) leader.compact();
    network.heal();
    leader.raft.transferLeadership(3);
    leader.raft.tick();
    network.settle();
    leader.raft.tick();
    network.settle();
    assert.deepEqual(leaders(network), [3]);
  }
});

test('transfer: while it lasts nothing is taken, and after an election timeout the leader goes on', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.isolate(3);
  leader.raft.transferLeadership(3);
  network.settle();
  assert.deepEqual(leader.propose('meanwhile'), { kind: 'busy' });
  assert.equal(leader.raft.status().transferee, 3);
  leader.tick(ELECTION_TICKS);
  network.settle();
  assert.equal(leader.propose('after').kind, 'accepted');
  assert.deepEqual([leader.raft.role, leader.raft.status().transferee], ['leader', 0]);
});

test('transfer: a wish for another one replaces the first, and one for the leader itself ends it', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.isolate(3);
  leader.raft.transferLeadership(3);
  network.settle();
  leader.raft.transferLeadership(1);
  network.settle();
  assert.equal(leader.raft.status().transferee, 0);
  leader.raft.transferLeadership(3);
  network.settle();
  leader.raft.transferLeadership(2);
  network.settle();
  assert.deepEqual([network.node(2).raft.role, network.node(2).raft.leader], ['leader', 2]);
});

test('transfer: learners, strangers and the leader itself are no successors', () => {
  const network = Network.ofVoters(2);
  const leader = network.elect(1);
  network.change(1, { type: 'add-learner', node: 3 });
  for (const to of [1, 3, 9]) {
    leader.raft.transferLeadership(to);
    network.settle();
    assert.deepEqual([leader.raft.role, leader.raft.status().transferee], ['leader', 0]);
  }
});

test('transfer: a successor that is removed is none any more', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.isolate(3);
  leader.change({ type: 'remove', node: 3 });
  leader.work();
  leader.raft.transferLeadership(3);
  assert.equal(leader.raft.status().transferee, 3);
  network.settle();
  network.heal();
  leader.raft.tick();
  network.settle();
  assert.deepEqual([leader.raft.role, leader.raft.status().transferee], ['leader', 0]);
});

test('transfer: it has an election timeout from when it began', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.isolate(3);
  leader.tick(ELECTION_TICKS - 1);
  leader.raft.transferLeadership(3);
  leader.tick(ELECTION_TICKS - 1);
  assert.equal(leader.raft.status().transferee, 3);
  leader.tick(1);
  assert.equal(leader.raft.status().transferee, 0);
});
