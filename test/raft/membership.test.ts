import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeChange } from '../../src/raft/change-codec.js';
import { makeMessage } from '../../src/raft/make-message.js';
import type { SingleChange } from '../../src/raft/messages.js';
import { MemoryLog } from './memory-log.js';
import { logOf, Network, TestNode, votersAre } from './network.js';

const NONE = new Uint8Array(0);
const add = (node: number): SingleChange => ({ type: 'add-voter', node });
const remove = (node: number): SingleChange => ({ type: 'remove', node });

/** A node that is told how the cluster began, as everybody was. */
function join(network: Network, id: number, ...founders: readonly number[]): TestNode {
  const node = new TestNode(id, new MemoryLog(votersAre(...founders)));
  network.nodes.set(id, node);
  return node;
}

test('membership: a node joins as a learner, catches up, becomes a voter and counts', () => {
  const network = Network.ofVoters(1);
  const leader = network.elect(1);
  network.propose(1, 'one');
  const node = join(network, 2, 1);
  network.change(1, { type: 'add-learner', node: 2 });
  assert.deepEqual([node.appliedTexts, leader.member(2).isLearner], [['one'], true]);
  network.change(1, add(2));
  assert.deepEqual(node.raft.status().configuration, votersAre(1, 2));
  network.isolate(2);
  leader.propose('not without 2');
  network.settle();
  assert.equal(leader.raft.commitIndex, leader.raft.lastIndex - 1);
});

test('membership: a node without a log gets a snapshot where the log does not reach back', () => {
  const network = Network.ofVoters(1);
  const leader = network.elect(1);
  network.propose(1, 'one', 'two');
  leader.compact();
  // The snapshot is of before it was a member: that it is one is in an entry that follows.
  const node = join(network, 2, 1);
  network.change(1, add(2));
  leader.raft.tick();
  network.settle();
  assert.deepEqual([node.log.firstIndex, leader.member(2).state, leader.member(2).match], [4, 'replicate', leader.raft.lastIndex]);
  assert.deepEqual(node.raft.status().configuration, votersAre(1, 2));
});

test('membership: one change at a time', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  assert.equal(leader.change(add(4)).kind, 'accepted');
  assert.deepEqual(leader.change(add(5)), { kind: 'refused', why: 'another change is not applied yet' });
  network.settle();
  assert.equal(leader.change(add(5)).kind, 'accepted');
});

test('membership: a leader changes nothing before an entry of its own term is committed', () => {
  const network = new Network(...[1, 2, 3].map((id) => new TestNode(id, logOf([1, 1], votersAre(1, 2, 3), { term: 1, commit: 2 }))));
  network.passes = ({ type }) => type !== 'append';
  const leader = network.elect(1);
  assert.deepEqual(leader.change(add(4)), { kind: 'refused', why: 'nothing of this term is committed yet' });
  network.passes = () => true;
  leader.raft.tick();
  network.settle();
  assert.equal(leader.change(add(4)).kind, 'accepted');
});

test('membership: a change that cannot be made is refused before it is in the log', () => {
  const network = Network.ofVoters(1);
  const leader = network.elect(1);
  assert.deepEqual(leader.change(remove(1)), { kind: 'refused', why: 'the change cannot be made: no-voter-left' });
  assert.deepEqual(leader.change(), { kind: 'refused', why: 'the configuration is not joint' });
  assert.equal(leader.raft.lastIndex, 1);
});

test('membership: a change that another node sends and that must not be becomes an empty entry', () => {
  const network = Network.ofVoters(1);
  const leader = network.elect(1);
  for (const data of [encodeChange({ transition: 'auto', changes: [remove(1)], context: NONE }), Uint8Array.of(9, 9)]) {
    const entries = [{ term: 0, index: 0, type: 'configuration', data } as const];
    assert.equal(leader.raft.step(makeMessage({ type: 'propose', from: 1, to: 1, entries })), 'taken');
    network.settle();
    assert.deepEqual([leader.applied.at(-1)?.type, leader.applied.at(-1)?.data.length], ['normal', 0]);
  }
});

test('membership: a change that is dropped for too much under way keeps no other one out', () => {
  const node = new TestNode(1, new MemoryLog(votersAre(1)), { uncommittedBytesMax: 1 });
  node.raft.campaign();
  node.work();
  node.propose('ten bytes.');
  const data = encodeChange({ transition: 'auto', changes: [add(2)], context: NONE });
  const message = makeMessage({ type: 'propose', from: 1, to: 1, entries: [{ term: 0, index: 0, type: 'configuration', data }] });
  assert.equal(node.raft.step(message), 'dropped');
  node.work();
  assert.equal(node.change(add(2)).kind, 'accepted');
});

test('membership: several voters change through a joint configuration that is left by itself', () => {
  const network = Network.ofVoters(3);
  network.elect(1);
  for (const id of [4, 5]) join(network, id, 1, 2, 3);
  network.change(1, add(4), add(5), remove(2), remove(3));
  network.node(1).raft.tick();
  network.settle();
  for (const id of [1, 4, 5]) assert.deepEqual(network.node(id).raft.status().configuration, votersAre(1, 4, 5));
});

test('membership: a joint configuration needs a majority of both', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  for (const id of [4, 5]) join(network, id, 1, 2, 3);
  const change = { transition: 'explicit', changes: [add(4), add(5), remove(2), remove(3)], context: NONE } as const;
  assert.equal(leader.raft.proposeChange(change).kind, 'accepted');
  network.settle();
  leader.raft.tick();
  network.settle();
  for (const cut of [
    [2, 3],
    [4, 5],
  ]) {
    network.isolate(...cut);
    const before = leader.raft.commitIndex;
    leader.propose('needs both');
    network.settle();
    assert.equal(leader.raft.commitIndex, before);
    network.heal();
    leader.raft.tick();
    network.settle();
    assert.equal(leader.raft.commitIndex, leader.raft.lastIndex);
  }
  assert.deepEqual(leader.change(add(6)), { kind: 'refused', why: 'a joint configuration has to be left first' });
  network.change(1);
  assert.deepEqual(leader.raft.status().configuration, votersAre(1, 4, 5));
});

test('membership: a leader that finds a joint configuration leaves it only when an entry of its own term is committed', () => {
  const joint = { ...votersAre(1, 2), votersOutgoing: [1, 2, 3], autoLeave: true };
  const network = new Network(
    ...[1, 2, 3].map((id) => {
      const log = logOf([], joint);
      log.applySnapshot({ index: 5, term: 1, configuration: joint, data: NONE });
      log.append([{ term: 1, index: 6, type: 'normal', data: NONE }]);
      log.setHardState({ term: 1, vote: 0, commit: 6 });
      return new TestNode(id, log, { appliedIndex: 5 });
    }),
  );
  network.passes = ({ type }) => type !== 'append';
  const leader = network.elect(1);
  assert.deepEqual([leader.raft.status().applied, leader.raft.lastIndex], [6, 7]);
  network.passes = () => true;
  leader.raft.tick();
  network.settle();
  assert.deepEqual([leader.raft.lastIndex, leader.raft.status().configuration], [8, votersAre(1, 2)]);
});

test('membership: a leader that removes itself leads until that is committed, and then steps down', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.change(1, remove(1));
  assert.deepEqual([leader.raft.role, leader.raft.status().configuration], ['follower', votersAre(2, 3)]);
  network.elect(2);
  network.propose(2, 'without 1');
  assert.deepEqual(network.node(3).appliedTexts, ['without 1']);
});

test('membership: a leader that makes itself a learner steps down', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.change(1, { type: 'add-learner', node: 1 });
  leader.raft.tick();
  network.settle();
  assert.notEqual(leader.raft.role, 'leader');
});

test('membership: removing a node may commit what waited for it', () => {
  const network = Network.ofVoters(2);
  const leader = network.elect(1);
  leader.change(remove(2));
  leader.propose('after');
  const [append] = leader.work();
  // 2 has the change and not what follows: only the smaller configuration commits that.
  for (const answer of network.node(2).receive({ ...append, entries: append.entries.slice(0, 1) })) leader.receive(answer);
  assert.deepEqual(leader.appliedTexts, ['after']);
});

test('membership: a late answer of an earlier membership does not count for the next', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.propose(1, 'one', 'two');
  const late = makeMessage({ type: 'append-response', from: 3, to: 1, term: 1, index: leader.raft.lastIndex });
  network.change(1, remove(3));
  network.isolate(3);
  network.change(1, add(3));
  assert.ok(leader.member(3).membership > 0);
  const before = leader.member(3);
  leader.receive(late);
  leader.receive({ ...late, isReject: true, rejectHint: 0 });
  leader.receive({ ...late, type: 'heartbeat-response' });
  assert.deepEqual(leader.member(3), before);
  leader.receive({ ...late, membership: before.membership });
  assert.equal(leader.member(3).match, late.index);
});

test('membership: messages carry the membership of the receiver, and answers echo it', () => {
  const network = Network.ofVoters(1);
  const leader = network.elect(1);
  join(network, 2, 1);
  const seen = new Map<string, number>();
  network.passes = ({ type, membership }) => {
    seen.set(type, membership);
    return true;
  };
  network.change(1, add(2));
  const { membership } = leader.member(2);
  leader.raft.tick();
  network.settle();
  assert.equal(membership, 2);
  for (const type of ['append', 'append-response', 'heartbeat', 'heartbeat-response']) assert.equal(seen.get(type), membership, type);
});

test('membership: nobody campaigns while a committed change is not applied', () => {
  const log = new MemoryLog(votersAre(1, 2, 3));
  const data = encodeChange({ transition: 'auto', changes: [remove(2)], context: NONE });
  log.append([{ term: 1, index: 1, type: 'configuration', data }]);
  log.setHardState({ term: 1, vote: 0, commit: 1 });
  const node = new TestNode(1, log);
  node.raft.campaign();
  assert.equal(node.raft.role, 'follower');
  node.work();
  node.raft.campaign();
  assert.equal(node.raft.role, 'candidate');
});

test('membership: answers of strangers are not taken', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  const message = makeMessage({ type: 'append-response', from: 9, to: 1, term: 1, index: 1 });
  assert.equal(leader.raft.step(message), 'not-a-member');
  assert.equal(
    leader.raft.step(makeMessage({ type: 'storage-append-response', from: 2, to: 1, term: 1, index: 1, logTerm: 1 })),
    'not-local',
  );
});

test('membership: those that remain learn from those that left that the change is committed, and elect a leader', () => {
  const network = Network.ofVoters(2);
  const leader = network.elect(1);
  leader.change(remove(1));
  leader.propose('a tail that only 1 has');
  const [append] = leader.work();
  // 2 has the change, its answer commits it, and 1 is gone before it can say so.
  for (const answer of network.node(2).receive({ ...append, entries: append.entries.slice(0, 1) })) leader.receive(answer);
  assert.deepEqual([leader.raft.role, leader.raft.status().configuration], ['follower', votersAre(2)]);
  const node = network.node(2);
  assert.deepEqual(node.raft.status().configuration, votersAre(1, 2));
  node.raft.campaign();
  network.settle();
  assert.deepEqual([node.raft.role, node.raft.status().configuration], ['follower', votersAre(2)]);
  network.elect(2);
});

test('membership: a refusal tells nothing that the log does not have', () => {
  const context = Buffer.alloc(16);
  context.writeBigUInt64BE(2n, 0);
  const node = new TestNode(1, logOf([1, 1], votersAre(1, 2, 3)));
  const refusal = { type: 'vote-response', from: 2, term: 2, isReject: true, context } as const;
  node.raft.campaign();
  node.work();
  context.writeBigUInt64BE(2n, 8); // Another term at that index.
  node.receive(refusal);
  assert.equal(node.raft.commitIndex, 0);
  context.writeBigUInt64BE(1n, 8);
  node.receive({ ...refusal, context: context.subarray(0, 15) });
  assert.equal(node.raft.commitIndex, 0);
  node.receive(refusal);
  assert.equal(node.raft.commitIndex, 2);
});

test('membership: a new leader makes no change while one before may not be applied', () => {
  const node = new TestNode(1, logOf([1, 1], votersAre(1, 2, 3), { term: 1, commit: 1 }), { changeRule: 'lax' });
  node.raft.campaign();
  node.work();
  node.receive({ type: 'vote-response', from: 2, term: 2 });
  assert.deepEqual(node.change(add(4)), { kind: 'refused', why: 'another change is not applied yet' });
});

test('membership: a change that a snapshot has overtaken is not made again', () => {
  const node = new TestNode(1, new MemoryLog(votersAre(1, 2)));
  const snapshot = { index: 9, term: 1, configuration: votersAre(1, 2, 3), data: NONE };
  node.receive({ type: 'snapshot', from: 2, term: 1, snapshot });
  const late = { transition: 'auto', changes: [add(7)], context: NONE } as const;
  assert.deepEqual(node.raft.applyChange(late, 8), votersAre(1, 2, 3));
  assert.deepEqual(node.raft.applyChange(late, 10), votersAre(1, 2, 3, 7));
});

test('membership: an election ends when a refusal tells of a committed change: its votes are of another configuration', () => {
  const log = new MemoryLog(votersAre(1, 2, 3));
  const data = encodeChange({ transition: 'auto', changes: [remove(1)], context: NONE });
  log.append([{ term: 1, index: 1, type: 'configuration', data }]);
  log.setHardState({ term: 1, vote: 0, commit: 0 });
  const node = new TestNode(2, log);
  node.raft.campaign();
  node.work();
  const context = Buffer.alloc(16);
  context.writeBigUInt64BE(1n, 0);
  context.writeBigUInt64BE(1n, 8);
  node.receive({ type: 'vote-response', from: 1, isReject: true, context });
  node.receive({ type: 'vote-response', from: 3 });
  assert.deepEqual([node.raft.role, node.raft.status().configuration], ['follower', votersAre(2, 3)]);
});
