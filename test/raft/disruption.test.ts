import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLog } from './memory-log.js';
import { ELECTION_TICKS, logOf, Network, TestNode, votersAre } from './network.js';

/*
  Nodes that are cut off, come back, or were removed (thesis §4.2.3, §6.2 and §9.6): pre-vote and the check of the quorum.
*/

const BOTH = { hasPreVote: true, hasCheckQuorum: true };

test('check quorum: a leader that hears of a majority goes on leading', () => {
  const network = Network.ofVoters(3, BOTH);
  const leader = network.elect(1);
  network.isolate(3);
  for (let i = 0; i < 5 * ELECTION_TICKS; i += 1) {
    leader.raft.tick();
    network.settle();
  }
  assert.equal(leader.raft.role, 'leader');
});

test('check quorum: a leader that hears of no majority for an election timeout steps down', () => {
  const network = Network.ofVoters(3, BOTH);
  const leader = network.elect(1);
  network.isolate(1);
  leader.tick(2 * ELECTION_TICKS);
  assert.deepEqual([leader.raft.role, leader.raft.term, leader.raft.leader], ['follower', 1, 0]);
});

test('check quorum: who heard of a leader within an election timeout votes for nobody else', () => {
  const network = Network.ofVoters(3, { hasCheckQuorum: true });
  network.elect(1);
  network.node(3).raft.campaign();
  network.settle();
  assert.equal(network.node(3).raft.role, 'candidate');
  assert.deepEqual([network.node(2).raft.term, network.node(2).raft.leader], [1, 1]);
  network.node(2).raft.setElectionTimeout(3 * ELECTION_TICKS);
  network.node(2).tick(ELECTION_TICKS);
  network.node(3).raft.campaign();
  network.settle();
  assert.equal(network.node(3).raft.role, 'leader');
});

test('check quorum: a node that is terms ahead is freed by its answer to the leader', () => {
  const network = Network.ofVoters(3, { hasCheckQuorum: true });
  const leader = network.elect(1);
  network.isolate(3);
  for (let i = 0; i < 3; i += 1) network.node(3).raft.campaign();
  network.settle();
  network.heal();
  leader.raft.tick();
  network.settle();
  assert.deepEqual([leader.raft.role, leader.raft.term], ['follower', network.node(3).raft.term]);
  network.elect(1);
  assert.equal(network.node(3).raft.leader, 1);
});

test('check quorum: members that were added count as heard of until the next check', () => {
  const network = Network.ofVoters(1, BOTH);
  const leader = network.elect(1);
  network.change(1, { type: 'add-voter', node: 2 });
  leader.tick(ELECTION_TICKS);
  assert.equal(leader.raft.role, 'leader');
  leader.tick(ELECTION_TICKS);
  assert.equal(leader.raft.role, 'follower');
});

test('pre-vote: a node that is cut off does not raise its term, and disturbs nobody when it is back', () => {
  const network = Network.ofVoters(3, BOTH);
  const leader = network.elect(1);
  network.isolate(3);
  for (let i = 0; i < 10; i += 1) {
    network.node(3).tick(ELECTION_TICKS);
    network.settle();
  }
  assert.deepEqual([network.node(3).raft.role, network.node(3).raft.term], ['pre-candidate', 1]);
  network.propose(1, 'without 3');
  network.heal();
  network.node(3).raft.campaign();
  network.settle();
  assert.deepEqual([leader.raft.role, leader.raft.term], ['leader', 1]);
  leader.raft.tick();
  network.settle();
  assert.deepEqual([network.node(3).raft.leader, network.node(3).appliedTexts], [1, ['without 3']]);
});

test('pre-vote: a majority that would vote makes a candidate, and a majority of votes a leader', () => {
  const network = Network.ofVoters(3, { hasPreVote: true });
  const seen: string[] = [];
  network.passes = ({ from, type }) => {
    if (from === 1) seen.push(type);
    return true;
  };
  network.elect(1);
  assert.deepEqual([seen.indexOf('pre-vote'), seen.indexOf('vote')], [0, 2]);
  assert.equal(network.node(1).raft.term, 1);
});

test('pre-vote: a grant commits to nothing: others may have it too', () => {
  const node = new TestNode(1, new MemoryLog(votersAre(1, 2, 3)), { hasPreVote: true });
  for (const from of [2, 3]) {
    const [answer] = node.receive({ type: 'pre-vote', from, term: 1 });
    assert.deepEqual([answer.type, answer.isReject, answer.term], ['pre-vote-response', false, 1]);
  }
  assert.deepEqual([node.raft.term, node.log.hardState.vote], [0, 0]);
});

test('pre-vote: one with an older log is refused', () => {
  const node = new TestNode(1, logOf([1, 2], votersAre(1, 2, 3)), { hasPreVote: true });
  const [answer] = node.receive({ type: 'pre-vote', from: 2, term: 3, index: 5, logTerm: 1 });
  assert.deepEqual([answer.isReject, answer.term, node.raft.term], [true, 2, 2]);
});

test('pre-vote: a pre-candidate of an old term learns of the later one and follows', () => {
  const network = new Network(
    new TestNode(1, logOf([1, 1], votersAre(1, 2, 3), { term: 1 }), { hasPreVote: true }),
    new TestNode(2, logOf([1], votersAre(1, 2, 3), { term: 5 }), { hasPreVote: true }),
    new TestNode(3, logOf([1], votersAre(1, 2, 3), { term: 1 }), { hasPreVote: true }),
  );
  network.isolate(3);
  network.node(1).raft.campaign();
  network.settle();
  assert.equal(network.node(1).raft.term, 5);
  network.elect(1);
});

test('pre-vote: a split vote ends with the next timeout', () => {
  const network = Network.ofVoters(3, { hasPreVote: true });
  network.elect(1);
  network.isolate(1);
  for (const id of [2, 3]) network.node(id).raft.forgetLeader();
  network.node(2).raft.campaign();
  network.node(3).raft.campaign();
  network.settle();
  assert.deepEqual([network.node(2).raft.role, network.node(3).raft.role].includes('leader'), false);
  network.elect(2);
  assert.equal(network.node(3).raft.leader, 2);
});

test('forget leader: a follower that forgot its leader votes within the lease, one with lease reads does not forget', () => {
  for (const readMode of ['quorum', 'lease'] as const) {
    const network = Network.ofVoters(3, { ...BOTH, readMode });
    network.elect(1);
    for (const id of [2, 3]) network.node(id).raft.forgetLeader();
    network.node(2).raft.campaign();
    network.settle();
    assert.equal(network.node(2).raft.role, readMode === 'quorum' ? 'leader' : 'pre-candidate');
  }
});

test('learner: never campaigns by itself, and votes: it may have been made a voter and not know', () => {
  const configuration = { ...votersAre(2, 3), learners: [1] };
  const node = new TestNode(1, new MemoryLog(configuration), BOTH);
  node.tick(5 * ELECTION_TICKS);
  node.raft.campaign();
  assert.deepEqual([node.raft.role, node.raft.hasReady], ['follower', false]);
  const [answer] = node.receive({ type: 'vote', from: 2, term: 1 });
  assert.equal(answer.isReject, false);
});
