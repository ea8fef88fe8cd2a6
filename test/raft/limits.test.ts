import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryBytes } from '../../src/raft/entry-size.js';
import type { Message } from '../../src/raft/messages.js';
import { entryOf, Network, type NodeOptions, type TestNode } from './network.js';

const TEN = '0123456789';
const TEN_BYTES = entryBytes(entryOf(1, 1, TEN));

function leaderOf(options: NodeOptions): { readonly network: Network; readonly leader: TestNode } {
  const network = Network.ofVoters(3, options);
  return { network, leader: network.elect(1) };
}

function appendsTo(node: number, messages: readonly Message[]): number[][] {
  return messages.filter(({ type, to }) => type === 'append' && to === node).map(({ entries }) => entries.map(({ index }) => index));
}

test('limits: proposals are refused while too much is uncommitted, and taken again when it is applied', () => {
  const { network, leader } = leaderOf({ uncommittedBytesMax: 25 });
  network.isolate(2, 3);
  assert.deepEqual(
    [leader.propose(TEN), leader.propose(TEN), leader.propose(TEN)].map(({ kind }) => kind),
    ['accepted', 'accepted', 'busy'],
  );
  assert.equal(leader.raft.lastIndex, 3);
  network.settle();
  network.heal();
  leader.raft.tick();
  network.settle();
  assert.equal(leader.propose(TEN).kind, 'accepted');
});

test('limits: one entry larger than all is taken if nothing else waits, and an empty one always', () => {
  const { leader } = leaderOf({ uncommittedBytesMax: 5 });
  assert.equal(leader.propose(TEN).kind, 'accepted');
  assert.equal(leader.propose('x').kind, 'busy');
  assert.equal(leader.propose('').kind, 'accepted');
});

test('limits: a new leader begins with nothing uncommitted', () => {
  const { network, leader } = leaderOf({ uncommittedBytesMax: 10 });
  network.isolate(1);
  leader.propose(TEN);
  network.settle();
  network.elect(2);
  network.heal();
  network.node(2).raft.tick();
  network.settle();
  network.elect(1);
  assert.equal(leader.propose(TEN).kind, 'accepted');
});

test('limits: a message has as many entries as fit, and at least one', () => {
  const { leader } = leaderOf({ messageBytesMax: 2 * TEN_BYTES });
  for (let i = 0; i < 5; i += 1) leader.propose(TEN);
  assert.deepEqual(appendsTo(2, leader.work()), [[2, 3], [4, 5], [6]]);
  const { leader: small } = leaderOf({ messageBytesMax: 1 });
  small.propose(TEN);
  small.propose(TEN);
  assert.deepEqual(appendsTo(2, small.work()), [[2], [3]]);
});

test('limits: proposals between two rounds of work go out together', () => {
  const { leader } = leaderOf({});
  for (let i = 0; i < 3; i += 1) leader.propose(TEN);
  assert.deepEqual(appendsTo(3, leader.work()), [[2, 3, 4]]);
});

for (const [name, options] of [
  ['messages', { inFlightMessagesMax: 2, messageBytesMax: 1 }],
  ['bytes', { inFlightBytesMax: 2 * TEN_BYTES, messageBytesMax: 1 }],
] as const) {
  test(`limits: no more ${name} are under way to a member than allowed, and an answer makes room`, () => {
    const { leader } = leaderOf(options);
    for (let i = 0; i < 5; i += 1) leader.propose(TEN);
    assert.deepEqual(appendsTo(2, leader.work()), [[2], [3]]);
    assert.deepEqual([leader.member(2).isPaused, leader.member(2).isInFlightFull], [true, true]);
    assert.deepEqual(appendsTo(2, leader.receive({ type: 'append-response', from: 2, index: 2 })), [[4]]);
    assert.deepEqual(appendsTo(2, leader.receive({ type: 'append-response', from: 2, index: 4 })), [[], [5], [6]].slice(1));
  });
}

test('limits: a member whose messages were all lost is probed with an empty one after a heartbeat', () => {
  const { leader } = leaderOf({ inFlightMessagesMax: 2, messageBytesMax: 1 });
  for (let i = 0; i < 5; i += 1) leader.propose(TEN);
  leader.work();
  assert.deepEqual(appendsTo(2, leader.receive({ type: 'heartbeat-response', from: 2 })), [[]]);
  assert.deepEqual(
    appendsTo(2, leader.receive({ type: 'append-response', from: 2, index: 3, isReject: true, rejectHint: 1, logTerm: 1 })),
    [[2]],
  );
});

test('limits: a probe is one message until its answer, or that to a heartbeat', () => {
  const { leader } = leaderOf({});
  leader.raft.reportUnreachable(2);
  assert.equal(leader.member(2).state, 'probe');
  leader.propose(TEN);
  assert.deepEqual(appendsTo(2, leader.work()), [[2]]);
  leader.propose(TEN);
  assert.deepEqual(appendsTo(2, leader.work()), []);
  assert.deepEqual(appendsTo(2, leader.receive({ type: 'heartbeat-response', from: 2 })), [[2, 3]]);
  leader.receive({ type: 'append-response', from: 2, index: 3 });
  assert.equal(leader.member(2).state, 'replicate');
});

test('limits: a rejection that comes late takes nothing back', () => {
  const { network, leader } = leaderOf({});
  network.propose(1, 'one', 'two');
  const before = leader.member(2);
  assert.deepEqual(leader.receive({ type: 'append-response', from: 2, index: 1, isReject: true, rejectHint: 0 }), []);
  assert.deepEqual(leader.member(2), before);
  leader.raft.reportUnreachable(2);
  const probing = leader.member(2);
  leader.receive({ type: 'append-response', from: 2, index: 1, isReject: true, rejectHint: 0 });
  assert.deepEqual(leader.member(2), probing);
});

test('limits: while a snapshot is under way nothing else is sent, and whatever became of it the member is probed again', () => {
  for (const wasReceived of [true, false]) {
    const { network, leader } = leaderOf({});
    network.isolate(3);
    network.propose(1, 'one', 'two');
    leader.compact();
    network.heal();
    network.passes = ({ type }) => type !== 'snapshot';
    leader.raft.tick();
    network.settle();
    assert.deepEqual([leader.member(3).state, leader.member(3).pendingSnapshot], ['snapshot', 3]);
    leader.propose('three');
    assert.deepEqual(appendsTo(3, leader.work()), []);
    leader.raft.reportSnapshot(3, wasReceived);
    assert.deepEqual([leader.member(3).state, leader.member(3).next, leader.member(3).isPaused], ['probe', wasReceived ? 4 : 2, true]);
  }
});

test('limits: no snapshot goes to a member that was not heard of', () => {
  const { network, leader } = leaderOf({ hasCheckQuorum: true });
  network.isolate(3);
  leader.tick(10); // From now on 3 has to be heard of anew.
  network.settle();
  network.propose(1, 'one');
  leader.compact();
  leader.raft.reportUnreachable(3);
  network.propose(1, 'two');
  assert.deepEqual([leader.member(3).state, leader.member(3).isRecentlyActive], ['probe', false]);
  network.heal();
  leader.raft.tick();
  network.settle();
  assert.deepEqual(network.node(3).log.firstIndex, 3);
});

test('limits: proposals of a leader that is none any more are not sent', () => {
  const { leader } = leaderOf({});
  leader.propose(TEN);
  assert.deepEqual(appendsTo(2, leader.receive({ type: 'heartbeat', from: 3, term: 2 })), []);
});

test('limits: an answer about entries that are not there is ignored', () => {
  const { leader } = leaderOf({});
  leader.receive({ type: 'append-response', from: 2, index: 99 });
  assert.equal(leader.member(2).match, 1);
});

test('limits: entries out of order are ignored', () => {
  const { network } = leaderOf({});
  const node = network.node(2);
  assert.deepEqual(node.receive({ type: 'append', from: 1, index: 1, logTerm: 1, entries: [entryOf(1, 2), entryOf(1, 4)] }), []);
  assert.deepEqual(node.receive({ type: 'append', from: 1, index: 1, logTerm: 1, entries: [entryOf(7, 2)] }), []);
  assert.equal(node.raft.lastIndex, 1);
});

test('limits: a proposal on a node that does not lead says who does', () => {
  const { network } = leaderOf({});
  assert.deepEqual(network.node(2).propose(TEN), { kind: 'not-leader', leader: 1 });
  network.node(2).raft.forgetLeader();
  assert.deepEqual(network.node(2).propose(TEN), { kind: 'not-leader', leader: 0 });
});
