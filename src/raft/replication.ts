import { assert } from '../base/assert.js';
import type { RaftCore } from './core.js';
import { entriesBytes } from './entry-size.js';
import { NO_ENTRIES } from './make-message.js';
import type { NodeId } from './messages.js';
import type { Progress } from './progress.js';
import { acknowledgeOwn } from './proposals.js';

/** To everybody else: entries they lack, and what is committed. */
export function broadcastAppend(core: RaftCore): void {
  for (const node of core.members.ids) if (node !== core.id) maybeSendAppend(core, node, true);
}

/** What was proposed since the last round: one message to each member for all of it, as far as it fits, and one acknowledgement of its own. */
export function sendProposals(core: RaftCore): void {
  if (!core.hasUnsentProposals) return;
  core.hasUnsentProposals = false;
  acknowledgeOwn(core);
  for (const node of core.members.ids) if (node !== core.id) sendAllAppends(core, node);
}

/** Until the flow control says stop; nothing if there is no entry to send. */
export function sendAllAppends(core: RaftCore, node: NodeId): void {
  while (maybeSendAppend(core, node, false)) {
    // Each call sends one message.
  }
}

/** @param isEmptyWanted a message without entries still tells what is committed. */
export function maybeSendAppend(core: RaftCore, node: NodeId, isEmptyWanted: boolean): boolean {
  const progress = core.members.get(node);
  assert(progress !== undefined, 'entries are sent to members');
  if (progress.isHeld) return false;
  const previous = progress.next - 1;
  const previousTerm = core.log.termAt(previous);
  if (previousTerm === null) return maybeSendSnapshot(core, node, progress);
  // A member with too much under way gets an empty message: its answer frees what was lost on the way.
  const isHalted = progress.state === 'replicate' && progress.inFlight.isFull;
  const entries = isHalted ? NO_ENTRIES : core.log.entriesFrom(progress.next, core.options.messageBytesMax);
  if (entries === null) return maybeSendSnapshot(core, node, progress);
  if (entries.length === 0 && !isEmptyWanted) return false;
  const commit = core.log.committed;
  const { membership } = progress;
  core.send({ type: 'append', to: node, index: previous, logTerm: previousTerm, entries, commit, membership });
  progress.onEntriesSent(entries.length, entriesBytes(entries));
  progress.onCommitSent(commit);
  return true;
}

function maybeSendSnapshot(core: RaftCore, node: NodeId, progress: Progress): boolean {
  if (!progress.isRecentlyActive) return false; // It would be sent into the void.
  const snapshot = core.log.snapshot();
  if (snapshot === null) return false;
  assert(snapshot.index > 0, 'a compacted log has a snapshot');
  progress.becomeSnapshot(snapshot.index);
  core.options.report.info('sends a snapshot', { node: core.id, to: node, index: snapshot.index, term: snapshot.term });
  core.send({ type: 'snapshot', to: node, snapshot, membership: progress.membership });
  return true;
}

export function broadcastHeartbeat(core: RaftCore): void {
  const context = core.reads.heartbeatContext();
  for (const node of core.members.ids) {
    if (node === core.id) continue;
    const progress = core.members.get(node);
    assert(progress !== undefined, 'every id has its progress');
    // A member must not take for committed what it may not have.
    const commit = Math.min(progress.match, core.log.committed);
    core.send({ type: 'heartbeat', to: node, commit, context, membership: progress.membership });
    progress.onCommitSent(commit);
  }
}

/** @returns true if more is committed than before. */
export function maybeCommit(core: RaftCore): boolean {
  assert(core.role === 'leader', 'only a leader commits');
  return core.log.maybeCommit(core.members.committedIndex(), core.term);
}
