import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeMessage } from '../../src/raft/make-message.js';
import { READS_WAITING_MAX, ReadRequests } from '../../src/raft/read-requests.js';
import { MemoryLog } from './memory-log.js';
import { bytes, logOf, Network, TestNode, votersAre } from './network.js';

test('read: a leader answers with what was committed when the read came, after a majority confirmed that it leads', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.propose(1, 'one');
  const committed = leader.raft.commitIndex;
  network.isolate(2, 3);
  leader.raft.readIndex(bytes('first'));
  network.settle();
  assert.deepEqual(leader.reads, []);
  network.heal();
  leader.raft.tick();
  network.settle();
  assert.deepEqual(leader.reads, [{ index: committed, text: 'first' }]);
});

test('read: an answer to a heartbeat from before the read confirms nothing', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  leader.raft.tick();
  const [before] = leader.work();
  leader.raft.readIndex(bytes('read'));
  const heartbeats = leader.work();
  for (const answer of network.node(2).receive(before)) leader.receive(answer);
  assert.deepEqual(leader.reads, []);
  for (const heartbeat of heartbeats.filter(({ to }) => to === 2)) {
    for (const answer of network.node(2).receive(heartbeat)) leader.receive(answer);
  }
  assert.equal(leader.reads.length, 1);
});

test('read: one confirmation is enough for all reads before it, each is answered once and in order', () => {
  const network = Network.ofVoters(5);
  const leader = network.elect(1);
  network.isolate(2, 3, 4, 5);
  for (const text of ['one', 'two', 'three']) leader.raft.readIndex(bytes(text));
  network.settle();
  network.heal();
  leader.raft.tick();
  network.settle();
  assert.deepEqual(
    leader.reads.map(({ text }) => text),
    ['one', 'two', 'three'],
  );
});

test('read: a follower forwards it, and the answer comes back to it', () => {
  const network = Network.ofVoters(3);
  network.elect(1);
  network.propose(1, 'one');
  network.node(2).raft.readIndex(bytes('from 2'));
  network.settle();
  assert.deepEqual(network.node(2).reads, [{ index: 2, text: 'from 2' }]);
  assert.deepEqual(network.node(1).reads, []);
});

test('read: without a leader it is dropped', () => {
  const node = new TestNode(1, new MemoryLog(votersAre(1, 2, 3)));
  node.raft.readIndex(bytes('nobody'));
  assert.deepEqual([node.work(), node.reads], [[], []]);
});

test('read: a new leader answers only when an entry of its own term is committed', () => {
  for (const size of [1, 3]) {
    const ids = Array.from({ length: size }, (_, at) => at + 1);
    // What the term before committed is not known to whoever was restarted.
    const leader = new TestNode(1, logOf([1, 1], votersAre(...ids), { term: 1, commit: 1 }), { hasAsyncStorage: true });
    leader.raft.campaign();
    const vote = leader.raft.ready();
    leader.log.setHardState({ term: 2, vote: 1, commit: 1 });
    for (const response of vote.storageAppend?.responses ?? []) leader.raft.step(response);
    if (size > 1) leader.raft.step(makeMessage({ type: 'vote-response', from: 2, to: 1, term: 2 }));
    assert.equal(leader.raft.role, 'leader');
    leader.raft.readIndex(bytes('early'));
    const append = leader.raft.ready();
    assert.deepEqual(append.readStates, []);
    leader.log.append(append.entries);
    for (const response of append.storageAppend?.responses ?? []) leader.raft.step(response);
    if (size > 1) {
      leader.raft.step(makeMessage({ type: 'append-response', from: 2, to: 1, term: 2, index: 3 }));
      const heartbeat = leader.raft.ready().messages.find(({ type }) => type === 'heartbeat');
      leader.raft.step(makeMessage({ type: 'heartbeat-response', from: 2, to: 1, term: 2, context: heartbeat?.context ?? bytes('') }));
    }
    assert.deepEqual(
      leader.raft.ready().readStates.map(({ index }) => index),
      [3],
    );
  }
});

test('read: with a lease no heartbeat is needed', () => {
  const network = Network.ofVoters(3, { hasCheckQuorum: true, readMode: 'lease' });
  const leader = network.elect(1);
  network.isolate(2, 3);
  leader.raft.readIndex(bytes('leased'));
  network.settle();
  assert.deepEqual(leader.reads, [{ index: 1, text: 'leased' }]);
});

test('read: learners confirm nothing', () => {
  const configuration = { ...votersAre(1, 2), learners: [3] };
  const network = new Network(...[1, 2, 3].map((id) => new TestNode(id, new MemoryLog(configuration))));
  const leader = network.elect(1);
  network.isolate(2);
  leader.raft.readIndex(bytes('read'));
  network.settle();
  assert.deepEqual(leader.reads, []);
});

test('read: one that waits for a majority is answered when the configuration needs none any more', () => {
  const network = Network.ofVoters(2);
  const leader = network.elect(1);
  network.passes = ({ type }) => type !== 'heartbeat-response';
  leader.raft.readIndex(bytes('read'));
  network.settle();
  assert.deepEqual(leader.reads, []);
  network.change(1, { type: 'remove', node: 2 });
  assert.equal(leader.reads.length, 1);
});

test('read: a leader that steps down forgets the reads', () => {
  const network = Network.ofVoters(3);
  const leader = network.elect(1);
  network.isolate(1);
  leader.raft.readIndex(bytes('lost'));
  network.settle();
  network.elect(2);
  network.heal();
  network.node(2).raft.tick();
  network.settle();
  network.elect(1);
  leader.raft.tick();
  network.settle();
  assert.deepEqual(leader.reads, []);
});

test('read: too many that wait are dropped, and contexts that are none are ignored', () => {
  const requests = new ReadRequests();
  const request = makeMessage({ type: 'read-index', to: 1 });
  for (let i = 0; i < READS_WAITING_MAX; i += 1) assert.equal(requests.maybeAdd(request, i), true);
  assert.equal(requests.maybeAdd(request, 1), false);
  requests.onConfirmation(1, bytes('junk'));
  requests.onConfirmation(1, new Uint8Array(8).fill(255));
  assert.deepEqual(requests.takeConfirmed(votersAre(1)), []);
  requests.onConfirmation(1, requests.heartbeatContext());
  assert.equal(requests.takeConfirmed(votersAre(1)).length, READS_WAITING_MAX);
});
