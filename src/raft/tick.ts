import type { RaftCore } from './core.js';
import { electionKind, maybeCampaign } from './election.js';
import { checkQuorum } from './leader.js';
import { broadcastHeartbeat } from './replication.js';
import { abortTransfer } from './transfer.js';

/** One unit of the node's own time has passed. */
export function tick(core: RaftCore): void {
  core.electionElapsed += 1;
  if (core.role === 'leader') tickLeader(core);
  else if (core.isPromotable && core.electionElapsed >= core.electionTimeoutTicks) {
    core.electionElapsed = 0;
    maybeCampaign(core, electionKind(core));
  }
}

function tickLeader(core: RaftCore): void {
  core.heartbeatElapsed += 1;
  if (core.electionElapsed >= core.options.electionTicks) {
    core.electionElapsed = 0;
    if (core.options.hasCheckQuorum) checkQuorum(core);
    abortTransfer(core);
  }
  if (core.role !== 'leader' || core.heartbeatElapsed < core.options.heartbeatTicks) return;
  core.heartbeatElapsed = 0;
  broadcastHeartbeat(core);
}
