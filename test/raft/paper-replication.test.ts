import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeMessage } from '../../src/raft/make-message.js';
import type { LogIndex, Term } from '../../src/raft/messages.js';
import { MemoryLog } from './memory-log.js';
import { entryOf, logOf, Network, TestNode, textOf, votersAre } from './network.js';

/*
  What the Raft paper says of replication (§5.3) and of safety (§5.4), in the order of the paper.
*/

const THREE = votersAre(1, 2, 3);

/** A leader of term 1 whose first entry is committed. */
function settledLeader(size: number): TestNode {
  const ids = Array.from({ length: size }, (_, at) => at + 1);
  const node = new TestNode(1, new MemoryLog(votersAre(...ids)));
  node.raft.campaign();
  node.work();
  for (const from of ids.slice(1)) node.receive({ type: 'vote-response', from, term: 1 });
  for (const from of ids.slice(1)) node.receive({ type: 'append-response', from, index: 1 });
  assert.deepEqual([node.raft.role, node.raft.commitIndex], ['leader', 1]);
  return node;
}

test('raft: a leader appends what is proposed and sends it to all others with the entry before it', () => {
  const node = settledLeader(3);
  assert.deepEqual(node.propose('some data'), { kind: 'accepted', index: 2, term: 1 });
  const sent = node.work();
  assert.deepEqual([node.raft.lastIndex, node.raft.commitIndex], [2, 1]);
  assert.deepEqual(
    sent.map(({ type, to, index, logTerm, commit, entries }) => ({ type, to, index, logTerm, commit, text: textOf(entries[0].data) })),
    [2, 3].map((to) => ({ type: 'append', to, index: 1, logTerm: 1, commit: 1, text: 'some data' })),
  );
});

test('raft: an entry is committed when a majority has it, is applied, and the others are told', () => {
  const node = settledLeader(3);
  node.propose('some data');
  node.work();
  const sent = node.receive({ type: 'append-response', from: 2, index: 2 });
  assert.equal(node.raft.commitIndex, 2);
  assert.deepEqual(node.appliedTexts, ['some data']);
  assert.deepEqual(
    sent.map(({ type, to, commit }) => ({ type, to, commit })),
    [2, 3].map((to) => ({ type: 'append', to, commit: 2 })),
  );
});

test('raft: a majority, and nothing less, commits', () => {
  const cases: readonly [size: number, acknowledge: readonly number[], isCommitted: boolean][] = [
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4, 5], true],
  ];
  for (const [size, acknowledge, isCommitted] of cases) {
    const node = settledLeader(size);
    node.propose('some data');
    node.work();
    for (const from of acknowledge) node.receive({ type: 'append-response', from, index: 2 });
    assert.equal(node.raft.commitIndex >= 2, isCommitted, `${size} nodes, ${acknowledge} acknowledge`);
  }
});

test('raft: committing an entry commits all entries before it, also of earlier leaders', () => {
  const logs: readonly Term[][] = [[], [2], [1, 2], [1]];
  for (const terms of logs) {
    const node = new TestNode(1, logOf(terms, THREE, { term: 2 }));
    node.raft.campaign();
    node.work();
    node.receive({ type: 'vote-response', from: 2, term: 3 });
    node.propose('some data');
    node.work();
    node.receive({ type: 'append-response', from: 2, index: terms.length + 2 });
    assert.deepEqual(
      node.applied.map(({ term, index }) => ({ term, index })),
      [...terms, 3, 3].map((term, at) => ({ term, index: at + 1 })),
    );
  }
});

test('raft: a follower applies what the leader says is committed, in order', () => {
  const texts = ['one', 'two', 'three'];
  for (let commit = 0; commit <= texts.length; commit += 1) {
    const node = new TestNode(1, new MemoryLog(THREE));
    const entries = texts.map((text, at) => entryOf(1, at + 1, text));
    node.receive({ type: 'append', from: 2, term: 1, entries, commit });
    assert.deepEqual(node.appliedTexts, texts.slice(0, commit));
  }
});

test('raft: a follower takes no more for committed than it knows to be the same as with the leader', () => {
  const node = new TestNode(1, logOf([1, 1, 1], THREE));
  node.receive({ type: 'append', from: 2, term: 2, index: 1, logTerm: 1, commit: 3 });
  assert.equal(node.raft.commitIndex, 1);
});

test('raft: a follower takes entries only after one that it has, and says else where to look', () => {
  const cases: readonly { term: Term; index: LogIndex; isRefused: boolean; answered: LogIndex; hint: LogIndex; hintTerm: Term }[] = [
    { term: 0, index: 0, isRefused: false, answered: 1, hint: 0, hintTerm: 0 }, // Before what is committed.
    { term: 1, index: 1, isRefused: false, answered: 1, hint: 0, hintTerm: 0 },
    { term: 2, index: 2, isRefused: false, answered: 2, hint: 0, hintTerm: 0 },
    { term: 1, index: 2, isRefused: true, answered: 2, hint: 1, hintTerm: 1 }, // Another term there.
    { term: 3, index: 3, isRefused: true, answered: 3, hint: 2, hintTerm: 2 }, // Nothing there.
  ];
  for (const { term, index, isRefused, answered, hint, hintTerm } of cases) {
    const node = new TestNode(1, logOf([1, 2], THREE, { commit: 1 }));
    const [answer] = node.receive({ type: 'append', from: 2, term: 3, index, logTerm: term });
    assert.deepEqual(
      [answer.type, answer.isReject, answer.index, answer.rejectHint, answer.logTerm],
      ['append-response', isRefused, answered, hint, hintTerm],
      `after ${term}/${index}`,
    );
  }
});

test('raft: a follower replaces entries that differ from the leader and all after them, and keeps those that do not', () => {
  const cases: readonly {
    after: readonly [Term, LogIndex];
    entries: readonly Term[];
    result: readonly Term[];
    written: readonly Term[];
  }[] = [
    { after: [2, 2], entries: [3], result: [1, 2, 3], written: [3] },
    { after: [1, 1], entries: [3, 4], result: [1, 3, 4], written: [3, 4] },
    { after: [0, 0], entries: [1], result: [1, 2], written: [] },
    { after: [0, 0], entries: [3], result: [3], written: [3] },
  ];
  for (const { after, entries, result, written } of cases) {
    const node = new TestNode(1, logOf([1, 2], THREE));
    const [logTerm, index] = after;
    const news = entries.map((term, at) => entryOf(term, index + at + 1));
    node.raft.step(makeMessage({ type: 'append', from: 2, to: 1, term: 4, index, logTerm, entries: news }));
    const ready = node.raft.ready();
    assert.deepEqual(
      ready.entries.map(({ term }) => term),
      written,
    );
    node.log.append(ready.entries);
    assert.deepEqual(node.terms, result);
  }
});

test('raft: a leader brings the log of any follower to be its own', () => {
  const own: readonly Term[] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const others: readonly (readonly Term[])[] = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];
  for (const terms of others) {
    const network = new Network(
      new TestNode(1, logOf(own, THREE, { term: 8, commit: own.length })),
      new TestNode(2, logOf(terms, THREE, { term: 7 })),
      new TestNode(3, logOf(own.slice(0, 3), THREE, { term: 1 })),
    );
    network.elect(1);
    network.propose(1, 'some data');
    assert.deepEqual(network.node(2).terms, [...own, 9, 9]);
    assert.deepEqual(network.node(2).appliedTexts, ['some data']);
  }
});

test('raft: logs that differ for long are brought together with a probe for each term, not for each entry', () => {
  const cases: readonly { readonly own: readonly Term[]; readonly other: readonly Term[]; readonly rejections: number }[] = [
    { own: [1, 3, 3, 3, 5, 5, 5, 5, 5], other: [1, 1, 1, 1, 2, 2], rejections: 1 }, // The leader skips its own later terms.
    { own: [1, 3, 3, 3, 3, 3, 3, 3, 7], other: [1, 3, 3, 4, 4, 5, 5, 5, 6], rejections: 2 }, // The follower skips its later terms.
  ];
  for (const { own, other, rejections } of cases) {
    const network = new Network(
      new TestNode(1, logOf(own, THREE, { term: 8 })),
      new TestNode(2, logOf(other, THREE, { term: 8 })),
      new TestNode(3, logOf(own, THREE, { term: 8 })),
    );
    let count = 0;
    network.passes = ({ type, from, isReject }) => {
      if (type === 'append-response' && from === 2 && isReject) count += 1;
      return true;
    };
    network.elect(1);
    assert.deepEqual([network.node(2).terms, count], [[...own, 9], rejections]);
  }
});

test('raft: a candidate says how new its log is', () => {
  for (const terms of [[1], [1, 2]]) {
    const node = new TestNode(1, logOf(terms, THREE, { term: 2 }));
    node.raft.campaign();
    assert.deepEqual(
      node.work().map(({ type, to, term, index, logTerm }) => ({ type, to, term, index, logTerm })),
      [2, 3].map((to) => ({ type: 'vote', to, term: 3, index: terms.length, logTerm: terms.at(-1) })),
    );
  }
});

test('raft: a follower with a newer log gives no vote to one with an older', () => {
  const cases: readonly { own: readonly Term[]; term: Term; index: LogIndex; isRefused: boolean }[] = [
    { own: [1], term: 1, index: 1, isRefused: false },
    { own: [1], term: 1, index: 2, isRefused: false },
    { own: [1, 1], term: 1, index: 1, isRefused: true },
    { own: [1], term: 2, index: 1, isRefused: false },
    { own: [1], term: 2, index: 2, isRefused: false },
    { own: [1, 1], term: 2, index: 1, isRefused: false },
    { own: [2], term: 1, index: 1, isRefused: true },
    { own: [2], term: 1, index: 2, isRefused: true },
    { own: [2, 1], term: 1, index: 1, isRefused: true },
  ];
  for (const { own, term, index, isRefused } of cases) {
    const node = new TestNode(1, logOf(own, THREE, { term: 2 }));
    const [answer] = node.receive({ type: 'vote', from: 2, term: 3, index, logTerm: term });
    assert.deepEqual([answer.type, answer.isReject], ['vote-response', isRefused], `${own} against ${term}/${index}`);
  }
});

test('raft: a leader counts copies of entries of its own term only', () => {
  const cases: readonly [acknowledged: LogIndex, commit: LogIndex][] = [
    [1, 0],
    [2, 0],
    [3, 3],
  ];
  for (const [acknowledged, commit] of cases) {
    const node = new TestNode(1, logOf([1, 2], votersAre(1, 2), { term: 2 }));
    node.raft.campaign();
    node.work();
    node.receive({ type: 'vote-response', from: 2, term: 3 });
    node.receive({ type: 'append-response', from: 2, index: acknowledged });
    assert.equal(node.raft.commitIndex, commit);
  }
});
