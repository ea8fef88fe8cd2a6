import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeMessage } from '../../src/raft/make-message.js';
import type { Message } from '../../src/raft/messages.js';
import { RaftNode } from '../../src/raft/raft-node.js';
import { MemoryLog } from './memory-log.js';
import { bytes, entryOf, optionsOf, votersAre } from './network.js';

/*
  Storage that takes its time: messages do not wait for it, promises do.
*/

interface Started {
  readonly raft: RaftNode;
  readonly log: MemoryLog;
  /** The write of `work` is done. */
  written(work: Message | null): void;
}

function start(...voters: readonly number[]): Started {
  const log = new MemoryLog(votersAre(...voters));
  const raft = new RaftNode({ ...optionsOf({ hasAsyncStorage: true }), id: 1, log });
  const written = (work: Message | null): void => {
    assert.ok(work !== null);
    const { term, vote, commit, snapshot, entries, responses } = work;
    if (term > 0) log.setHardState({ term, vote, commit });
    if (snapshot === null) log.append(entries);
    else log.applySnapshot(snapshot);
    for (const response of responses) if (response.to === 1) raft.step(response);
  };
  return { raft, log, written };
}

function typesOf(messages: readonly Message[] | undefined): string[] {
  return (messages ?? []).map(({ type, to }) => `${type} to ${to}`);
}

function appendOf(term: number, index: number, logTerm: number, ...terms: readonly number[]): Message {
  const entries = terms.map((one, at) => entryOf(one, index + at + 1));
  return makeMessage({ type: 'append', from: 2, to: 1, term, index, logTerm, entries });
}

test('async storage: a leader sends entries before they are durable, and counts itself after', () => {
  const { raft, written } = start(1, 2, 3);
  raft.campaign();
  written(raft.ready().storageAppend);
  raft.step(makeMessage({ type: 'vote-response', from: 2, to: 1, term: 1 }));
  const { messages, storageAppend, mustSync } = raft.ready();
  assert.deepEqual([typesOf(messages), mustSync], [['append to 2', 'append to 3'], true]);
  assert.deepEqual(typesOf(storageAppend?.responses), ['append-response to 1', 'storage-append-response to 1']);
  raft.step(makeMessage({ type: 'append-response', from: 2, to: 1, term: 1, index: 1 }));
  assert.equal(raft.commitIndex, 0);
  written(storageAppend);
  assert.equal(raft.commitIndex, 1);
});

test('async storage: a follower answers when its entries are durable, also to a message that brings none', () => {
  const { raft } = start(1, 2, 3);
  raft.step(appendOf(1, 0, 0, 1, 1));
  const first = raft.ready();
  assert.deepEqual(first.messages, []);
  assert.deepEqual(typesOf(first.storageAppend?.responses), ['append-response to 2', 'storage-append-response to 1']);
  // The entries are still being written: this answer waits for them too, behind them in the same line.
  raft.step(appendOf(1, 2, 1));
  const second = raft.ready();
  assert.deepEqual([second.messages, second.entries, second.hardState], [[], [], null]);
  assert.deepEqual(
    second.storageAppend?.responses.map(({ type, index }) => [type, index]),
    [
      ['append-response', 2],
      ['storage-append-response', 2],
    ],
  );
});

test('async storage: work is handed out once, without waiting for what is under way', () => {
  const { raft } = start(1, 2, 3);
  raft.step(appendOf(1, 0, 0, 1));
  assert.deepEqual(
    raft.ready().entries.map(({ index }) => index),
    [1],
  );
  raft.step(appendOf(1, 1, 1, 1));
  assert.deepEqual(
    raft.ready().entries.map(({ index }) => index),
    [2],
  );
  assert.equal(raft.hasReady, false);
});

test('async storage: entries are applied when they are durable here, and the next portion when the last is applied', () => {
  const { raft, written } = start(1, 2, 3);
  raft.step({ ...appendOf(1, 0, 0, 1, 1), commit: 2 });
  const ready = raft.ready();
  assert.deepEqual([raft.commitIndex, ready.storageApply], [2, null]);
  written(ready.storageAppend);
  const { storageApply } = raft.ready();
  assert.deepEqual(
    storageApply?.entries.map(({ index }) => index),
    [1, 2],
  );
  assert.equal(raft.status().applied, 0);
  for (const response of storageApply?.responses ?? []) raft.step(response);
  assert.equal(raft.status().applied, 2);
});

test('async storage: an answer of an earlier term makes no entry durable: it may have been replaced and put back since', () => {
  const { raft, log, written } = start(1, 2, 3);
  raft.step(appendOf(1, 0, 0, 1));
  const first = raft.ready().storageAppend;
  raft.step({ ...appendOf(2, 0, 0, 2), from: 3 });
  const second = raft.ready().storageAppend;
  raft.step(appendOf(3, 0, 0, 1));
  const third = raft.ready().storageAppend;
  raft.step({ ...appendOf(3, 0, 0), commit: 1, index: 1, logTerm: 1 });
  written(first);
  // The storage shows the entry of term 1, and the write of term 2 is yet to come over it.
  assert.equal(raft.ready().storageApply, null);
  written(second);
  assert.deepEqual([log.termAt(1), raft.hasReady], [2, false]);
  written(third);
  assert.equal(raft.ready().storageApply?.entries[0].term, 1);
});

test('async storage: a snapshot that became durable counts, whatever the term is by then', () => {
  const { raft, written } = start(1, 2, 3);
  const snapshot = { index: 7, term: 1, configuration: votersAre(1, 2, 3), data: bytes('state') };
  raft.step(makeMessage({ type: 'snapshot', from: 2, to: 1, term: 1, snapshot }));
  const work = raft.ready().storageAppend;
  assert.equal(work?.snapshot, snapshot);
  raft.campaign();
  assert.equal(raft.role, 'follower');
  raft.step(makeMessage({ type: 'heartbeat', from: 3, to: 1, term: 2 }));
  written(work);
  assert.deepEqual([raft.status().applied, raft.status().firstIndex], [7, 8]);
  raft.campaign();
  assert.equal(raft.role, 'candidate');
});

test('async storage: a commit index alone need not be durable', () => {
  const { raft, written } = start(1, 2, 3);
  raft.step(appendOf(1, 0, 0, 1));
  written(raft.ready().storageAppend);
  raft.step(makeMessage({ type: 'heartbeat', from: 2, to: 1, term: 1, commit: 1 }));
  const { mustSync, hardState } = raft.ready();
  assert.deepEqual([mustSync, hardState?.commit], [false, 1]);
});

test('async storage: a snapshot is handed out alone: entries that come before it is are as if lost', () => {
  const { raft, written } = start(1, 2, 3);
  const snapshot = { index: 7, term: 1, configuration: votersAre(1, 2, 3), data: bytes('state') };
  raft.step(makeMessage({ type: 'snapshot', from: 2, to: 1, term: 1, snapshot }));
  raft.step(appendOf(1, 7, 1, 1));
  const first = raft.ready();
  assert.deepEqual([first.snapshot, first.entries, raft.lastIndex], [snapshot, [], 7]);
  raft.step(appendOf(1, 7, 1, 1));
  const second = raft.ready();
  assert.deepEqual([second.snapshot, second.entries.map(({ index }) => index)], [null, [8]]);
  written(first.storageAppend);
  written(second.storageAppend);
  assert.deepEqual([raft.status().firstIndex, raft.lastIndex], [8, 8]);
});

test('async storage: a leader that finds a joint configuration does not leave it for entries that were committed before its term', () => {
  const joint = { ...votersAre(1, 2), votersOutgoing: [1, 2, 3], autoLeave: true };
  const log = new MemoryLog();
  log.applySnapshot({ index: 5, term: 1, configuration: joint, data: bytes('') });
  log.append([entryOf(1, 6)]);
  log.setHardState({ term: 1, vote: 0, commit: 6 });
  const raft = new RaftNode({ ...optionsOf({ hasAsyncStorage: true, appliedIndex: 5 }), id: 1, log });
  const work = raft.ready().storageApply;
  raft.campaign();
  for (const response of raft.ready().storageAppend?.responses ?? []) raft.step(response);
  raft.step(makeMessage({ type: 'vote-response', from: 2, to: 1, term: 2 }));
  assert.equal(raft.role, 'leader');
  for (const response of work?.responses ?? []) raft.step(response);
  assert.deepEqual([raft.status().applied, raft.lastIndex], [6, 7]);
});
