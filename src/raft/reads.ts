import type { RaftCore } from './core.js';
import { type LogIndex, type Message, NO_NODE } from './messages.js';
import { READS_WAITING_MAX } from './read-requests.js';
import { broadcastHeartbeat } from './replication.js';

/*
  Linearizable reads (thesis §6.4). The leader notes what is committed when the request comes, makes sure that it still leads, and answers with
  the index up to which the reader must have applied. The data go through no log.
*/

export function onReadRequest(core: RaftCore, request: Message): void {
  if (!core.hasCommittedInTerm) {
    // It leads, and does not know yet what those before it committed.
    if (core.earlyReads.length < READS_WAITING_MAX) core.earlyReads.push(request);
    else reportDropped(core);
  } else beginRead(core, request);
}

/** After a commit in the own term. */
export function releaseEarlyReads(core: RaftCore): void {
  if (core.earlyReads.length === 0 || !core.hasCommittedInTerm) return;
  const requests = core.earlyReads;
  core.earlyReads = [];
  for (const request of requests) beginRead(core, request);
}

export function onReadConfirmation(core: RaftCore, message: Message): void {
  core.reads.onConfirmation(message.from, message.context);
  answerConfirmedReads(core);
}

export function answerConfirmedReads(core: RaftCore): void {
  for (const { request, index } of core.reads.takeConfirmed(core.members.configuration)) answer(core, request, index);
}

function beginRead(core: RaftCore, request: Message): void {
  const { committed } = core.log;
  if (core.options.readMode === 'lease' || core.members.isOnlyVoter(core.id)) {
    answer(core, request, committed);
    return;
  }
  if (!core.reads.maybeAdd(request, committed)) {
    reportDropped(core);
    return;
  }
  core.reads.onConfirmation(core.id, core.reads.heartbeatContext());
  broadcastHeartbeat(core);
}

function answer(core: RaftCore, request: Message, index: LogIndex): void {
  const { from, context } = request;
  if (from === NO_NODE || from === core.id) core.readStates.push({ index, context });
  else core.send({ type: 'read-index-response', to: from, index, context });
}

function reportDropped(core: RaftCore): void {
  core.options.report.warn('drops a read: too many wait', { node: core.id, max: READS_WAITING_MAX });
}
