import type { RaftCore } from './core.js';
import { type Message, NO_NODE, type NodeId } from './messages.js';
import type { Progress } from './progress.js';
import { maybeSendAppend } from './replication.js';

/*
  Leadership goes to another voter (thesis §3.10): the leader takes no proposals, brings the other's log up to its own, and tells it to campaign
  at once. If that takes longer than an election timeout, it goes on leading.
*/

export function onTransferRequest(core: RaftCore, message: Message, progress: Progress): void {
  const to = message.from;
  if (progress.isLearner || core.transferee === to) return;
  core.transferee = NO_NODE;
  if (to === core.id) return;
  core.options.report.info('hands over leadership', { node: core.id, to, term: core.term });
  core.electionElapsed = 0;
  core.transferee = to;
  if (progress.match === core.log.lastIndex) sendTimeoutNow(core, to);
  else maybeSendAppend(core, to, true);
}

/** The one that shall lead has acknowledged something. */
export function maybeFinishTransfer(core: RaftCore, from: NodeId, progress: Progress): void {
  if (from === core.transferee && progress.match === core.log.lastIndex) sendTimeoutNow(core, from);
}

export function abortTransfer(core: RaftCore): void {
  core.transferee = NO_NODE;
}

function sendTimeoutNow(core: RaftCore, to: NodeId): void {
  core.send({ type: 'timeout-now', to });
}
