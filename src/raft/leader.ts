import { isOfEarlierMembership, onAppendResponse, onHeartbeatResponse, onSnapshotStatus, onUnreachable } from './acknowledge.js';
import { takeProposal } from './admission.js';
import type { RaftCore } from './core.js';
import { type Message, NO_NODE } from './messages.js';
import type { Progress } from './progress.js';
import { onReadRequest } from './reads.js';
import { broadcastHeartbeat } from './replication.js';
import { becomeFollower } from './roles.js';
import type { StepOutcome } from './step-outcome.js';
import { onTransferRequest } from './transfer.js';

export function stepLeader(core: RaftCore, message: Message): StepOutcome {
  switch (message.type) {
    case 'beat':
      broadcastHeartbeat(core);
      return 'taken';
    case 'check-quorum':
      checkQuorum(core);
      return 'taken';
    case 'propose':
      return takeProposal(core, message) ? 'taken' : 'dropped';
    case 'read-index':
      onReadRequest(core, message);
      return 'taken';
    default: {
      const progress = core.members.get(message.from);
      if (progress !== undefined) onMemberMessage(core, message, progress);
      return 'taken';
    }
  }
}

/** Without a majority there may be another leader: it stops being one. */
export function checkQuorum(core: RaftCore): void {
  if (!core.members.isQuorumActive()) {
    core.options.report.warn('steps down: no majority was heard of', { node: core.id, term: core.term });
    becomeFollower(core, core.term, NO_NODE);
  }
  for (const node of core.members.ids) {
    const progress = core.members.get(node);
    if (progress !== undefined && node !== core.id) progress.isRecentlyActive = false;
  }
}

function onMemberMessage(core: RaftCore, message: Message, progress: Progress): void {
  switch (message.type) {
    case 'append-response':
      if (!isOfEarlierMembership(core, message, progress)) onAppendResponse(core, message, progress);
      break;
    case 'heartbeat-response':
      if (!isOfEarlierMembership(core, message, progress)) onHeartbeatResponse(core, message, progress);
      break;
    case 'snapshot-status':
      onSnapshotStatus(message, progress);
      break;
    case 'unreachable':
      onUnreachable(progress);
      break;
    case 'transfer-leader':
      onTransferRequest(core, message, progress);
      break;
    default:
      break; // Votes that come too late, and what only followers are told.
  }
}
