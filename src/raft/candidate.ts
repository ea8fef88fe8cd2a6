import type { RaftCore } from './core.js';
import { campaign } from './election.js';
import { onAppend, onHeartbeat, onSnapshot } from './follower.js';
import { type Message, NO_NODE } from './messages.js';
import { broadcastAppend } from './replication.js';
import { becomeFollower, becomeLeader } from './roles.js';

/** Of candidates and pre-candidates. Messages are of this term; answers to a pre-vote of the next. */
export function stepCandidate(core: RaftCore, message: Message): void {
  switch (message.type) {
    // Somebody leads in this term: it was elected by others.
    case 'append':
      becomeFollower(core, message.term, message.from);
      onAppend(core, message);
      break;
    case 'heartbeat':
      becomeFollower(core, message.term, message.from);
      onHeartbeat(core, message);
      break;
    case 'snapshot':
      becomeFollower(core, message.term, message.from);
      onSnapshot(core, message);
      break;
    case 'vote-response':
      if (core.role === 'candidate') onVote(core, message);
      break;
    case 'pre-vote-response':
      if (core.role === 'pre-candidate') onVote(core, message);
      break;
    default:
      break; // Proposals find no leader; the rest is for other roles.
  }
}

function onVote(core: RaftCore, message: Message): void {
  const result = core.members.recordVote(message.from, !message.isReject);
  if (result === 'lost') becomeFollower(core, core.term, NO_NODE);
  else if (result === 'won' && core.role === 'pre-candidate') campaign(core, 'election');
  else if (result === 'won') {
    becomeLeader(core);
    broadcastAppend(core);
  }
}
