import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../src/base/assert.js';
import { entryBytes } from '../../src/raft/entry-size.js';
import type { Snapshot } from '../../src/raft/messages.js';
import { RaftLog } from '../../src/raft/raft-log.js';
import { UnstableLog } from '../../src/raft/unstable-log.js';
import { entryOf, logOf, votersAre } from './network.js';

const ENTRY_BYTES = entryBytes(entryOf(1, 1));
const ALL = Number.POSITIVE_INFINITY;

function snapshotAt(index: number, term: number): Snapshot {
  return { index, term, configuration: votersAre(1), data: new Uint8Array(0) };
}

/** Durable entries of these terms and unstable ones after them. */
function raftLog(durable: readonly number[], unstable: readonly number[], applyingBytesMax = ALL): RaftLog {
  const log = new RaftLog(logOf(durable, votersAre(1)), applyingBytesMax);
  log.append(unstable.map((term, at) => entryOf(term, durable.length + at + 1)));
  return log;
}

function indexes(entries: readonly { readonly index: number }[] | null): number[] | null {
  return entries === null ? null : entries.map(({ index }) => index);
}

test('unstable log: entries are handed out once, and leave when they are durable', () => {
  const log = new UnstableLog(5);
  log.truncateAndAppend([entryOf(1, 5), entryOf(1, 6)]);
  assert.deepEqual(indexes(log.nextEntries()), [5, 6]);
  log.acceptInProgress();
  log.truncateAndAppend([entryOf(1, 7)]);
  assert.deepEqual(indexes(log.nextEntries()), [7]);
  log.stableTo(6, 1);
  assert.deepEqual([log.offset, log.entryCount, log.termAt(6), log.termAt(7)], [7, 1, null, 1]);
});

test('unstable log: an answer about an entry that was replaced since makes nothing durable', () => {
  const log = new UnstableLog(5);
  log.truncateAndAppend([entryOf(1, 5), entryOf(1, 6)]);
  log.acceptInProgress();
  log.truncateAndAppend([entryOf(2, 6)]);
  assert.deepEqual(indexes(log.nextEntries()), [6]);
  log.stableTo(6, 1);
  assert.equal(log.offset, 5);
  log.stableTo(6, 2);
  assert.equal(log.offset, 7);
});

test('unstable log: entries before the first one replace all, and are written again', () => {
  const log = new UnstableLog(5);
  log.truncateAndAppend([entryOf(1, 5), entryOf(1, 6)]);
  log.acceptInProgress();
  log.truncateAndAppend([entryOf(2, 4)]);
  assert.deepEqual([log.offset, log.lastIndex], [4, 4]);
  assert.deepEqual(indexes(log.nextEntries()), [4]);
});

test('unstable log: what was handed out does not change when entries are replaced', () => {
  const log = new UnstableLog(1);
  log.truncateAndAppend([entryOf(1, 1), entryOf(1, 2)]);
  const handedOut = log.nextEntries();
  log.truncateAndAppend([entryOf(2, 2), entryOf(2, 3)]);
  assert.deepEqual(
    handedOut.map(({ term }) => term),
    [1, 1],
  );
});

test('unstable log: a snapshot replaces all, is handed out once, and leaves when it is durable', () => {
  const log = new UnstableLog(5);
  log.truncateAndAppend([entryOf(1, 5)]);
  log.restore(snapshotAt(20, 3));
  assert.deepEqual([log.firstIndex, log.lastIndex, log.termAt(20), log.termAt(5)], [21, 20, 3, null]);
  assert.equal(log.nextSnapshot()?.index, 20);
  log.acceptInProgress();
  assert.equal(log.nextSnapshot(), null);
  log.snapshotStableTo(19);
  assert.equal(log.snapshot?.index, 20);
  log.snapshotStableTo(20);
  assert.deepEqual([log.snapshot, log.lastIndex], [null, null]);
});

test('log: a gap is our bug', () => {
  const log = new UnstableLog(5);
  assert.throws(() => log.truncateAndAppend([entryOf(1, 6)]), AssertionFailure);
});

test('log: the later term is more up to date, and then the longer log', () => {
  const log = raftLog([1, 2], [3]);
  assert.deepEqual(
    [log.isUpToDate(4, 1), log.isUpToDate(3, 3), log.isUpToDate(3, 4), log.isUpToDate(3, 2), log.isUpToDate(2, 9)],
    [true, true, true, false, false],
  );
});

test('log: a slice over the durable and the unstable part takes as much as fits, and at least one entry', () => {
  const log = raftLog([1, 1], [1, 1]);
  assert.deepEqual(indexes(log.slice(1, 5, ALL)), [1, 2, 3, 4]);
  assert.deepEqual(indexes(log.slice(1, 5, 3 * ENTRY_BYTES)), [1, 2, 3]);
  assert.deepEqual(indexes(log.slice(1, 5, 3 * ENTRY_BYTES - 1)), [1, 2]);
  assert.deepEqual(indexes(log.slice(1, 5, 2 * ENTRY_BYTES)), [1, 2]);
  assert.deepEqual(indexes(log.slice(1, 5, 0)), [1]);
  assert.deepEqual(indexes(log.slice(3, 5, 0)), [3]);
});

test('log: of compacted entries only the term of the last is known', () => {
  const reader = logOf([1, 2, 2, 3], votersAre(1));
  reader.compact(2);
  const log = new RaftLog(reader, ALL);
  assert.deepEqual([log.termAt(1), log.termAt(2), log.termAt(3), log.termAt(5)], [null, 2, 2, null]);
  assert.equal(log.slice(2, 4, ALL), null);
  assert.equal(log.firstIndex, 3);
});

test('log: entries that are there already replace nothing, the first that differs replaces all after it', () => {
  const log = raftLog([], [1, 2, 2]);
  assert.equal(log.maybeAppend(1, 1, [entryOf(2, 2)]), true);
  assert.equal(log.lastIndex, 3);
  assert.equal(log.maybeAppend(1, 1, [entryOf(2, 2), entryOf(3, 3), entryOf(3, 4)]), true);
  assert.deepEqual([log.lastIndex, log.termAt(3)], [4, 3]);
  assert.equal(log.maybeAppend(1, 1, [entryOf(4, 2)]), true);
  assert.deepEqual([log.lastIndex, log.termAt(2)], [2, 4]);
  assert.equal(log.maybeAppend(2, 3, [entryOf(4, 3)]), false);
  assert.equal(log.maybeAppend(3, 4, []), false);
});

test('log: what is committed is never replaced, and what is not there is never committed', () => {
  const log = raftLog([], [1, 1]);
  log.commitTo(2);
  log.commitTo(1);
  assert.equal(log.committed, 2);
  assert.throws(() => log.maybeAppend(1, 1, [entryOf(2, 2)]), AssertionFailure);
  assert.throws(() => log.commitTo(3), AssertionFailure);
});

test('log: a leader commits entries of its own term, and with them those before', () => {
  const log = raftLog([], [1, 2, 3]);
  assert.equal(log.maybeCommit(2, 3), false);
  assert.equal(log.committed, 0);
  assert.equal(log.maybeCommit(3, 3), true);
  assert.equal(log.committed, 3);
  assert.equal(log.maybeCommit(3, 3), false);
});

test('log: the guess where two logs differ skips terms that the other cannot have', () => {
  const log = raftLog([], [1, 3, 3, 3, 5, 5]);
  assert.deepEqual(log.lastNotAfter(6, 2), { index: 1, term: 1 });
  assert.deepEqual(log.lastNotAfter(6, 4), { index: 4, term: 3 });
  assert.deepEqual(log.lastNotAfter(6, 5), { index: 6, term: 5 });
  assert.deepEqual(log.lastNotAfter(9, 5), { index: 9, term: 0 });
  assert.deepEqual(log.lastNotAfter(1, 0), { index: 0, term: 0 });
});

test('log: entries are handed out to be applied in portions, and the next when the last is done', () => {
  const log = raftLog([1, 1, 1, 1], [], 2 * ENTRY_BYTES);
  log.commitTo(4);
  const first = log.nextCommitted(false);
  assert.deepEqual(indexes(first), [1, 2]);
  log.acceptApplying(first, false);
  assert.equal(log.hasNextCommitted(false), false);
  log.appliedTo(2, 2 * ENTRY_BYTES);
  assert.deepEqual(indexes(log.nextCommitted(false)), [3, 4]);
});

test('log: with asynchronous storage only durable entries are applied', () => {
  const log = raftLog([1], [1]);
  log.commitTo(2);
  assert.deepEqual(indexes(log.nextCommitted(false)), [1]);
  assert.deepEqual(indexes(log.nextCommitted(true)), [1, 2]);
});

test('log: nothing is applied while a snapshot is on its way to the disk', () => {
  const log = raftLog([1], []);
  log.commitTo(1);
  log.restore(snapshotAt(10, 2));
  assert.equal(log.hasNextCommitted(true), false);
  log.acceptUnstable();
  log.snapshotStableTo(10);
  log.appliedTo(10, 0);
  assert.deepEqual([log.committed, log.applied, log.hasNextCommitted(true)], [10, 10, false]);
});
