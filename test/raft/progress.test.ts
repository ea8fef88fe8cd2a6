import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../src/base/assert.js';
import { InFlight } from '../../src/raft/in-flight.js';
import { Progress } from '../../src/raft/progress.js';

function progressAt(next: number): Progress {
  return new Progress(next, 0, false, new InFlight(2, 1000));
}

test('progress: a probe goes back to the hint, and only for its own rejection', () => {
  const progress = progressAt(6);
  progress.onEntriesSent(1, 10);
  assert.equal(progress.isHeld, true);
  assert.equal(progress.maybeGoBack(2, 1), false);
  assert.deepEqual([progress.next, progress.isHeld], [6, true]);
  assert.equal(progress.maybeGoBack(5, 2), true);
  assert.deepEqual([progress.next, progress.isHeld], [3, false]);
  assert.equal(progress.maybeGoBack(2, 9), true);
  assert.equal(progress.next, 2);
});

test('progress: what is known to match is never asked again', () => {
  const progress = progressAt(6);
  progress.maybeAdvance(4);
  assert.equal(progress.maybeGoBack(5, 1), true);
  assert.equal(progress.next, 5);
  progress.becomeReplicate();
  assert.equal(progress.maybeGoBack(4, 1), false);
  assert.equal(progress.maybeGoBack(7, 1), true);
  assert.equal(progress.next, 5);
});

test('progress: entries that were sent are not sent again, until too much is under way', () => {
  const progress = progressAt(6);
  progress.maybeAdvance(5);
  progress.becomeReplicate();
  progress.onEntriesSent(2, 10);
  assert.deepEqual([progress.next, progress.isHeld], [8, false]);
  progress.onEntriesSent(1, 10);
  assert.deepEqual([progress.next, progress.isHeld], [9, true]);
  assert.equal(progress.maybeAdvance(7), true);
  assert.deepEqual([progress.match, progress.isHeld, progress.maybeAdvance(7)], [7, false, false]);
});

test('progress: nothing is sent while a snapshot is under way, and after it from there on', () => {
  const progress = progressAt(6);
  progress.becomeSnapshot(20);
  assert.equal(progress.isHeld, true);
  assert.throws(() => progress.onEntriesSent(1, 1), AssertionFailure);
  progress.becomeProbe();
  assert.deepEqual([progress.next, progress.pendingSnapshot], [21, 0]);
});

test('progress: a commit index is news only if no message under way tells it', () => {
  const progress = progressAt(6);
  progress.maybeAdvance(5);
  assert.equal(progress.wouldLearnCommit(4), true);
  progress.onCommitSent(4);
  assert.deepEqual([progress.wouldLearnCommit(4), progress.wouldLearnCommit(5)], [false, true]);
  progress.onCommitSent(9);
  assert.equal(progress.wouldLearnCommit(12), false);
});

test('progress: of a member that lost entries nothing is known', () => {
  const progress = progressAt(10);
  progress.maybeAdvance(9);
  progress.becomeReplicate();
  progress.onEntriesSent(1, 10);
  progress.forget(3);
  assert.deepEqual([progress.state, progress.match, progress.next, progress.inFlight.count], ['probe', 0, 4, 0]);
});
