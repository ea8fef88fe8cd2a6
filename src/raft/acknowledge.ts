import type { RaftCore } from './core.js';
import type { Message } from './messages.js';
import type { Progress } from './progress.js';
import { onReadConfirmation, releaseEarlyReads } from './reads.js';
import { broadcastAppend, maybeCommit, maybeSendAppend, sendAllAppends } from './replication.js';
import { maybeFinishTransfer } from './transfer.js';

/*
  What members answer to a leader, itself included: its own acknowledgement comes when its disk has the entries.
*/

/** Of an earlier membership of the same node: it says nothing about this one (raft-rs #571). */
export function isOfEarlierMembership(core: RaftCore, message: Message, progress: Progress): boolean {
  return message.from !== core.id && message.membership !== progress.membership;
}

export function onAppendResponse(core: RaftCore, message: Message, progress: Progress): void {
  if (message.index > core.log.lastIndex && !message.isReject) {
    core.options.report.warn('ignores an answer about entries that are not there', {
      node: core.id,
      from: message.from,
      index: message.index,
    });
    return;
  }
  progress.isRecentlyActive = true;
  if (message.isReject) onRejection(core, message, progress);
  else onAcknowledgement(core, message, progress);
}

function onRejection(core: RaftCore, message: Message, progress: Progress): void {
  /*
    The member's entry at the hint has term `logTerm`. Where our terms are greater the logs cannot match, because terms only grow in a log:
    one probe for each term of ours, and not for each entry.

        index      1 2 3 4 5 6 7 8 9
        leader     1 3 3 3 5 5 5 5 5        hint: index 6, term 2
        member     1 1 1 1 2 2              next probe after index 1
  */
  const hint = message.logTerm > 0 ? core.log.lastNotAfter(message.rejectHint, message.logTerm).index : message.rejectHint;
  if (message.context.length > 0 && progress.state !== 'snapshot' && message.index <= progress.match) {
    // Its log has lost what it acknowledged (LOST_CONTEXT): nothing is known of it any more.
    core.options.report.warn('a member has lost entries', { node: core.id, member: message.from, hint: message.rejectHint });
    progress.forget(Math.min(hint, core.log.lastIndex));
    maybeSendAppend(core, message.from, true);
    return;
  }
  if (!progress.maybeGoBack(message.index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  maybeSendAppend(core, message.from, true);
}

function onAcknowledgement(core: RaftCore, message: Message, progress: Progress): void {
  const { from, index } = message;
  const isProbeAnswered = progress.state === 'probe' && progress.match === index;
  if (!progress.maybeAdvance(index) && !isProbeAnswered) return;
  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'replicate') progress.inFlight.freeUpTo(index);
  else if (progress.match + 1 >= core.log.firstIndex) {
    // Whatever snapshot it was: the log goes on from there.
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  if (maybeCommit(core)) {
    releaseEarlyReads(core);
    broadcastAppend(core);
  } else if (from !== core.id && progress.wouldLearnCommit(core.log.committed)) {
    maybeSendAppend(core, from, true);
  }
  if (from !== core.id) sendAllAppends(core, from);
  maybeFinishTransfer(core, from, progress);
}

export function onHeartbeatResponse(core: RaftCore, message: Message, progress: Progress): void {
  progress.isRecentlyActive = true;
  progress.isPaused = false;
  // What was under way may be lost: an empty message finds out.
  if (progress.match < core.log.lastIndex || progress.state === 'probe') maybeSendAppend(core, message.from, true);
  if (core.options.readMode === 'quorum' && message.context.length > 0) onReadConfirmation(core, message);
}

/** Whoever carries snapshots says what became of one. */
export function onSnapshotStatus(message: Message, progress: Progress): void {
  if (progress.state !== 'snapshot') return;
  if (message.isReject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // If it arrived its answer comes soon; if not, the next heartbeat is early enough to try again.
  progress.isPaused = true;
}

/** What went out last is probably lost. */
export function onUnreachable(progress: Progress): void {
  if (progress.state === 'replicate') progress.becomeProbe();
}
