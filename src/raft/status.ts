import type { RaftCore, Role } from './core.js';
import type { ConfigurationState, LogIndex, NodeId, Term } from './messages.js';
import type { ProgressState } from './progress.js';

/** For operators and tests; a copy. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId;
  readonly leader: NodeId;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Who is to lead next; 0 if nobody. */
  readonly transferee: NodeId;
  readonly mayVote: boolean;
  readonly configuration: ConfigurationState;
  /** Of a leader, in the order of ids; empty on others, who do not know. */
  readonly members: readonly MemberStatus[];
}

export interface MemberStatus {
  readonly node: NodeId;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly isLearner: boolean;
  readonly isPaused: boolean;
  readonly isRecentlyActive: boolean;
  readonly pendingSnapshot: LogIndex;
  readonly inFlightMessages: number;
  readonly inFlightBytes: number;
  readonly isInFlightFull: boolean;
  readonly membership: LogIndex;
}

export function statusOf(core: RaftCore): RaftStatus {
  const { id, role, term, vote, leader, transferee, mayVote, log, members } = core;
  return {
    id,
    role,
    term,
    vote,
    leader,
    commit: log.committed,
    applied: log.applied,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    transferee,
    mayVote,
    configuration: members.configuration,
    members: role === 'leader' ? members.ids.flatMap((node) => memberStatus(core, node)) : [],
  };
}

function memberStatus(core: RaftCore, node: NodeId): MemberStatus[] {
  const progress = core.members.get(node);
  if (progress === undefined) return [];
  const { state, match, next, isLearner, isHeld, isRecentlyActive, pendingSnapshot, membership, inFlight } = progress;
  const { count: inFlightMessages, bytes: inFlightBytes, isFull: isInFlightFull } = inFlight;
  const flow = { inFlightMessages, inFlightBytes, isInFlightFull };
  return [{ node, state, match, next, isLearner, isPaused: isHeld, isRecentlyActive, pendingSnapshot, ...flow, membership }];
}
