import type { RaftCore } from './core.js';
import { maybeCampaign } from './election.js';
import { restoreMembers } from './membership.js';
import { type Message, NO_NODE, type Snapshot } from './messages.js';
import type { StepOutcome } from './step-outcome.js';

/** Context of a rejection by a log that has lost what it acknowledged: the leader must not count on it. */
export const LOST_CONTEXT: Uint8Array = Uint8Array.from('lost', (character) => character.charCodeAt(0));

export function stepFollower(core: RaftCore, message: Message): StepOutcome {
  switch (message.type) {
    case 'append':
      hearLeader(core, message);
      onAppend(core, message);
      return 'taken';
    case 'heartbeat':
      hearLeader(core, message);
      onHeartbeat(core, message);
      return 'taken';
    case 'snapshot':
      hearLeader(core, message);
      onSnapshot(core, message);
      return 'taken';
    case 'propose':
    case 'transfer-leader':
    case 'read-index':
      if (core.leader === NO_NODE) return 'dropped';
      core.forward(message);
      return 'taken';
    case 'read-index-response':
      core.readStates.push({ index: message.index, context: message.context });
      return 'taken';
    case 'timeout-now':
      // The leader is there and wants it: nothing to ask first.
      maybeCampaign(core, 'transfer');
      return 'taken';
    case 'forget-leader':
      // A lease is a promise not to forget.
      if (core.options.readMode !== 'lease') core.leader = NO_NODE;
      return 'taken';
    default:
      return 'taken';
  }
}

function hearLeader(core: RaftCore, message: Message): void {
  core.electionElapsed = 0;
  core.leader = message.from;
}

export function onAppend(core: RaftCore, message: Message): void {
  const { log } = core;
  const { from: to, index, logTerm, entries, membership } = message;
  if (index < log.committed) {
    core.send({ type: 'append-response', to, index: log.committed, membership });
    return;
  }
  // A snapshot goes to the storage alone. What follows it so closely is as if lost: the leader finds out.
  if (entries.length > 0 && log.nextUnstableSnapshot() !== null) return;
  if (log.maybeAppend(index, logTerm, entries)) {
    const last = index + entries.length;
    log.commitTo(Math.min(message.commit, last));
    core.send({ type: 'append-response', to, index: last, membership });
    return;
  }
  // Entries of later terms than the leader's one at `index` cannot be its: a hint before them saves a round for each.
  const hint = log.lastNotAfter(Math.min(index, log.lastIndex), logTerm);
  const lost = core.mayVote ? {} : { context: LOST_CONTEXT };
  core.send({ type: 'append-response', to, index, isReject: true, rejectHint: hint.index, logTerm: hint.term, membership, ...lost });
}

export function onHeartbeat(core: RaftCore, message: Message): void {
  const { log } = core;
  const { from: to, commit, context, membership } = message;
  if (commit > log.lastIndex) {
    // The leader only tells what this node acknowledged, so it lost that. Until it is back, its votes are worth nothing.
    core.votesFrom = Math.max(core.votesFrom, commit);
    core.options.report.warn('the log has lost entries', { node: core.id, last: log.lastIndex, acknowledged: commit });
    const rejectHint = log.lastIndex;
    core.send({
      type: 'append-response',
      to,
      index: commit,
      isReject: true,
      rejectHint,
      logTerm: log.lastTerm,
      membership,
      context: LOST_CONTEXT,
    });
  } else log.commitTo(commit);
  core.send({ type: 'heartbeat-response', to, context, membership });
}

export function onSnapshot(core: RaftCore, message: Message): void {
  const { snapshot, from: to, membership } = message;
  if (snapshot === null) return;
  const isRestored = maybeRestore(core, snapshot);
  const index = isRestored ? core.log.lastIndex : core.log.committed;
  core.options.report.info(isRestored ? 'restores a snapshot' : 'ignores a snapshot', {
    node: core.id,
    index: snapshot.index,
    commit: index,
  });
  core.send({ type: 'append-response', to, index, membership });
}

/**
 * This node need not be a member in the snapshot: it may have been made one after it, and finds that in the entries that follow.
 * @returns false if the log has it all.
 */
function maybeRestore(core: RaftCore, snapshot: Snapshot): boolean {
  const { log } = core;
  if (snapshot.index <= log.committed) return false;
  if (log.matches(snapshot.index, snapshot.term)) {
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  restoreMembers(core, snapshot);
  return true;
}
