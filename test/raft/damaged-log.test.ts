import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ELECTION_TICKS, logOf, Network, TestNode, votersAre } from './network.js';

/*
  A node whose disk lost entries that it had acknowledged: others may have counted on them. It must not vote until it has them again.
*/

const THREE = votersAre(1, 2, 3);

/** A leader of three with five entries committed, and a node 3 that had them all and has two. */
function damaged(votesFrom: number): Network {
  const network = Network.ofVoters(3, { hasPreVote: true, hasCheckQuorum: true });
  network.elect(1);
  network.propose(1, 'one', 'two', 'three', 'four');
  const log = logOf([1, 1], THREE, { term: 1, vote: 1, commit: votesFrom > 0 ? 5 : 2 });
  network.nodes.set(3, new TestNode(3, log, { votesFrom, hasPreVote: true, hasCheckQuorum: true }));
  return network;
}

test('damaged log: its node answers no vote and no pre-vote, and does not campaign, also if it is told to', () => {
  const node = new TestNode(3, logOf([1, 1], THREE, { term: 1, commit: 2 }), { votesFrom: 5 });
  for (const type of ['vote', 'pre-vote'] as const) {
    assert.deepEqual(node.receive({ type, from: 1, term: 2, index: 9, logTerm: 1 }), []);
  }
  assert.equal(node.raft.term, 1);
  node.raft.campaign();
  node.tick(5 * ELECTION_TICKS);
  node.receive({ type: 'timeout-now', from: 1 });
  assert.deepEqual([node.raft.role, node.raft.term, node.raft.status().mayVote], ['follower', 1, false]);
});

test('damaged log: the leader that counted on it sends the entries again, and then it votes', () => {
  const network = damaged(5);
  const leader = network.node(1);
  assert.equal(leader.member(3).match, 5);
  leader.raft.tick();
  network.settle();
  const node = network.node(3);
  assert.deepEqual([node.raft.lastIndex, node.raft.commitIndex, node.raft.status().mayVote], [5, 5, true]);
  assert.deepEqual([leader.member(3).state, leader.member(3).match], ['replicate', 5]);
  network.isolate(1);
  for (const id of [2, 3]) network.node(id).raft.forgetLeader();
  network.elect(2);
});

test('damaged log: also by the next proposal, without waiting for a heartbeat', () => {
  const network = damaged(5);
  network.propose(1, 'five');
  assert.deepEqual([network.node(3).raft.lastIndex, network.node(3).raft.status().mayVote], [6, true]);
});

test('damaged log: by a snapshot, where the leader has the entries no more', () => {
  const network = damaged(5);
  network.node(1).compact();
  network.node(1).raft.tick();
  network.settle();
  assert.deepEqual([network.node(3).log.firstIndex, network.node(3).raft.status().mayVote], [6, true]);
});

test('damaged log: a node that does not know of its loss learns it from the leader, and stops voting', () => {
  const network = damaged(0);
  const node = network.node(3);
  network.passes = ({ type }) => type === 'heartbeat';
  network.node(1).raft.tick();
  network.settle();
  assert.equal(node.raft.status().mayVote, false);
  network.passes = () => true;
  network.node(1).raft.tick();
  network.settle();
  assert.deepEqual([node.raft.lastIndex, node.raft.status().mayVote], [5, true]);
});

test('damaged log: with two of three in doubt nobody is elected who may lack what is committed', () => {
  const network = damaged(5);
  // 2 was behind, and 1, with everything, is gone.
  network.nodes.set(2, new TestNode(2, logOf([1, 1], THREE, { term: 1 })));
  network.isolate(1);
  network.node(2).raft.campaign();
  network.settle();
  assert.equal(network.node(2).raft.role, 'candidate');
});

test('damaged log: what is left of it may be of another leader, and is replaced', () => {
  const network = Network.ofVoters(3, { hasPreVote: true, hasCheckQuorum: true });
  network.elect(1);
  network.isolate(1);
  for (const id of [2, 3]) network.node(id).raft.forgetLeader();
  network.elect(2);
  network.propose(2, 'two', 'three');
  const log = logOf([1, 1, 1], THREE, { term: 2, commit: 1 });
  network.nodes.set(3, new TestNode(3, log, { votesFrom: 4, hasPreVote: true, hasCheckQuorum: true }));
  network.node(2).raft.tick();
  network.settle();
  const node = network.node(3);
  assert.deepEqual([node.raft.lastIndex, node.log.termAt(2), node.raft.status().mayVote], [4, 2, true]);
});
