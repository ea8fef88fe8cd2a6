import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { makeMessage } from '../../src/raft/make-message.js';
import type { NodeId } from '../../src/raft/messages.js';
import { MemoryLog } from './memory-log.js';
import { ELECTION_TICKS, logOf, Network, TestNode, votersAre } from './network.js';

/*
  What the Raft paper says of elections (§5.1, §5.2), in the order of the paper.
*/

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const THREE = votersAre(1, 2, 3);

function follower(): TestNode {
  const node = new TestNode(1, new MemoryLog(THREE));
  node.receive({ type: 'heartbeat', from: 2, term: 1 });
  return node;
}

function candidate(): TestNode {
  const node = new TestNode(1, new MemoryLog(THREE));
  node.raft.campaign();
  node.work();
  return node;
}

function leader(): TestNode {
  const node = candidate();
  node.receive({ type: 'vote-response', from: 2 });
  return node;
}

for (const [name, make] of [
  ['follower', follower],
  ['candidate', candidate],
  ['leader', leader],
] as const) {
  test(`raft: a ${name} that hears of a later term becomes a follower of that term`, () => {
    const node = make();
    assert.deepEqual([node.raft.role, node.raft.term], [name, 1]);
    node.receive({ type: 'append', from: 2, term: 2 });
    assert.deepEqual([node.raft.role, node.raft.term, node.raft.leader], ['follower', 2, 2]);
  });
}

test('raft: a message of an earlier term is ignored', () => {
  const node = new TestNode(1, logOf([1, 2], THREE));
  const before = node.raft.status();
  assert.deepEqual(node.receive({ type: 'append', from: 2, term: 1, index: 0, entries: [] }), []);
  assert.deepEqual(node.receive({ type: 'vote', from: 2, term: 1, index: 9, logTerm: 1 }), []);
  assert.deepEqual(node.raft.status(), before);
});

test('raft: a node starts as a follower that knows no leader', () => {
  const node = new TestNode(1, new MemoryLog(THREE));
  assert.deepEqual([node.raft.role, node.raft.leader, node.raft.hasReady], ['follower', 0, false]);
});

test('raft: a leader sends heartbeats to all others, one in each interval', () => {
  const node = leader();
  node.work();
  for (let i = 0; i < 3; i += 1) {
    node.raft.tick();
    const sent = node.work();
    assert.deepEqual(
      sent.map(({ type, to, term, commit }) => ({ type, to, term, commit })),
      [2, 3].map((to) => ({ type: 'heartbeat', to, term: 1, commit: 0 })),
    );
  }
});

for (const [name, make, term] of [
  ['follower', follower, 2],
  ['candidate', candidate, 2],
] as const) {
  test(`raft: a ${name} that hears of nobody for an election timeout votes for itself in the next term and asks all others`, () => {
    const node = make();
    node.tick(2 * ELECTION_TICKS - 1);
    const sent = node.work();
    assert.deepEqual([node.raft.role, node.raft.term, node.log.hardState.vote], ['candidate', term, 1]);
    assert.deepEqual(
      sent.map(({ type, to, term: asked }) => ({ type, to, asked })),
      [2, 3].map((to) => ({ type: 'vote', to, asked: term })),
    );
  });
}

test('raft: an election is won with a majority, lost when none is possible, and open before', () => {
  const cases: readonly [size: number, votes: Readonly<Record<NodeId, boolean>>, role: string][] = [
    [1, {}, 'leader'],
    [3, { 2: true, 3: true }, 'leader'],
    [3, { 2: true }, 'leader'],
    [5, { 2: true, 3: true }, 'leader'],
    [5, { 2: true, 3: true, 4: false, 5: false }, 'leader'],
    [3, { 2: false, 3: false }, 'follower'],
    [5, { 2: false, 3: false, 4: false }, 'follower'],
    [5, { 2: true, 3: false, 4: false, 5: false }, 'follower'],
    [3, {}, 'candidate'],
    [5, { 2: true }, 'candidate'],
    [5, { 2: false, 3: false }, 'candidate'],
    [4, { 2: true, 3: false }, 'candidate'],
  ];
  for (const [size, votes, role] of cases) {
    const node = new TestNode(1, new MemoryLog(votersAre(...Array.from({ length: size }, (_, at) => at + 1))));
    node.raft.campaign();
    node.work();
    for (const [from, isGranted] of Object.entries(votes)) {
      node.receive({ type: 'vote-response', from: Number(from), term: 1, isReject: !isGranted });
    }
    assert.deepEqual([node.raft.role, node.raft.term], [role, 1], `${size} nodes, votes ${JSON.stringify(votes)}`);
  }
});

test('raft: a follower votes once in a term, for the first who asks, and again for the same', () => {
  const cases: readonly [vote: NodeId, asks: NodeId, isRefused: boolean][] = [
    [0, 2, false],
    [0, 3, false],
    [2, 2, false],
    [3, 3, false],
    [2, 3, true],
    [3, 2, true],
  ];
  for (const [vote, from, isRefused] of cases) {
    const node = new TestNode(1, logOf([], THREE, { term: 1, vote }));
    const [answer] = node.receive({ type: 'vote', from, term: 1 });
    assert.deepEqual([answer.type, answer.to, answer.term, answer.isReject], ['vote-response', from, 1, isRefused]);
    assert.equal(node.log.hardState.vote, isRefused ? vote : from);
  }
});

test('raft: a vote is durable before the answer goes out', () => {
  const node = new TestNode(1, new MemoryLog(THREE), { hasAsyncStorage: true });
  node.raft.step(makeMessage({ type: 'vote', from: 2, to: 1, term: 1 }));
  const ready = node.raft.ready();
  assert.deepEqual(ready.messages, []);
  assert.deepEqual(ready.hardState, { term: 1, vote: 2, commit: 0 });
  assert.deepEqual(
    ready.storageAppend?.responses.map(({ type, to }) => ({ type, to })),
    [{ type: 'vote-response', to: 2 }],
  );
});

test('raft: a candidate that hears of a leader of its term or a later one becomes a follower', () => {
  for (const term of [1, 2]) {
    const node = candidate();
    node.receive({ type: 'append', from: 2, term });
    assert.deepEqual([node.raft.role, node.raft.term, node.raft.leader], ['follower', term, 2]);
  }
});

for (const name of ['follower', 'candidate'] as const) {
  test(`raft: a ${name} waits from one to two election timeouts, each of them sometimes (FUZZ_SEED=${SEED})`, () => {
    const random = new SeededRandom(SEED);
    const node = new TestNode(1, new MemoryLog(THREE), { drawBelow: (limit) => random.below(limit) });
    const seen = new Set<number>();
    for (let round = 0; round < 50 * ELECTION_TICKS; round += 1) {
      if (name === 'follower') node.receive({ type: 'heartbeat', from: 2, term: node.raft.term + 1 });
      else node.raft.campaign();
      node.work();
      let ticks = 0;
      while (!node.raft.hasReady) {
        node.raft.tick();
        ticks += 1;
      }
      seen.add(ticks);
    }
    const expected = Array.from({ length: ELECTION_TICKS }, (_, at) => ELECTION_TICKS + at);
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      expected,
    );
  });

  test(`raft: of five nodes, each a ${name}, mostly one alone has its timeout first (FUZZ_SEED=${SEED})`, () => {
    const random = new SeededRandom(SEED);
    const nodes = [1, 2, 3, 4, 5].map((id) => {
      return new TestNode(id, new MemoryLog(votersAre(1, 2, 3, 4, 5)), { drawBelow: (limit) => random.below(limit) });
    });
    let conflicts = 0;
    for (let round = 0; round < 1000; round += 1) {
      for (const node of nodes) {
        if (name === 'follower') node.receive({ type: 'heartbeat', from: (node.id % 5) + 1, term: node.raft.term + 1 });
        else node.raft.campaign();
        node.work();
      }
      while (!nodes.some(({ raft }) => raft.hasReady)) for (const { raft } of nodes) raft.tick();
      if (nodes.filter(({ raft }) => raft.hasReady).length > 1) conflicts += 1;
    }
    // Five draws of ten: that the smallest is drawn more than once has a probability of about 0.27.
    assert.ok(conflicts < 350, `${conflicts} of 1000`);
  });
}

test('raft: after an election all follow the winner, and every node can win', () => {
  const network = Network.ofVoters(3);
  for (const id of [1, 2, 3, 1]) {
    network.elect(id);
    assert.deepEqual(
      [...network.nodes.values()].map(({ raft }) => raft.leader),
      [id, id, id],
    );
  }
});

test('raft: nobody wins without a majority', () => {
  const network = Network.ofVoters(5);
  network.isolate(3, 4, 5);
  network.node(1).raft.campaign();
  network.settle();
  assert.equal(network.node(1).raft.role, 'candidate');
});

test('raft: a leader that campaigns goes on leading', () => {
  const node = leader();
  node.raft.campaign();
  node.work();
  assert.deepEqual([node.raft.role, node.raft.term], ['leader', 1]);
});

test('raft: a vote of an election that is over does not count in the next', () => {
  const node = candidate();
  node.raft.campaign();
  node.work();
  node.receive({ type: 'vote-response', from: 2, term: 1 });
  assert.deepEqual([node.raft.role, node.raft.term], ['candidate', 2]);
});

test('raft: the first answer of a voter counts', () => {
  const node = new TestNode(1, new MemoryLog(votersAre(1, 2, 3, 4, 5)));
  node.raft.campaign();
  node.work();
  node.receive({ type: 'vote-response', from: 2, isReject: true });
  node.receive({ type: 'vote-response', from: 3 });
  node.receive({ type: 'vote-response', from: 2 });
  node.receive({ type: 'vote-response', from: 3 });
  assert.equal(node.raft.role, 'candidate');
});

test('raft: the own vote counts only when it is durable', () => {
  const node = new TestNode(1, new MemoryLog(votersAre(1)), { hasAsyncStorage: true });
  node.raft.campaign();
  const ready = node.raft.ready();
  assert.equal(node.raft.role, 'candidate');
  for (const response of ready.storageAppend?.responses ?? []) node.raft.step(response);
  assert.equal(node.raft.role, 'leader');
});
