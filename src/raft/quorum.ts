import type { ConfigurationState, LogIndex, NodeId } from './messages.js';

/*
  Majorities, as pure functions. While two sets of voters hold, a decision needs a majority of each (joint consensus, Raft paper §6). An empty
  set agrees with everything, so that a configuration that is not joint needs no case of its own.
*/

export type VoteResult = 'won' | 'lost' | 'pending';

export type JointVoters = Pick<ConfigurationState, 'voters' | 'votersOutgoing'>;

/** How far each voter is. Of the log, or of anything else that only grows. */
export interface Acknowledged {
  /** undefined: nothing is known of this voter; counts as nothing acknowledged. */
  acknowledgedBy(node: NodeId): number | undefined;
}

/** What a set without voters has committed: everything. */
export const EVERYTHING: LogIndex = Number.POSITIVE_INFINITY;

/** The largest index that a majority has acknowledged. */
export function committedIndex(voters: readonly NodeId[], acknowledged: Acknowledged): LogIndex {
  if (voters.length === 0) return EVERYTHING;
  const majority = majorityOf(voters);
  let committed = 0;
  // Voters are few: counting for each beats sorting, and allocates nothing.
  for (const candidate of voters) {
    const index = acknowledged.acknowledgedBy(candidate) ?? 0;
    if (index <= committed) continue;
    let count = 0;
    for (const voter of voters) if ((acknowledged.acknowledgedBy(voter) ?? 0) >= index) count += 1;
    if (count >= majority) committed = index;
  }
  return committed;
}

export function jointCommittedIndex(joint: JointVoters, acknowledged: Acknowledged): LogIndex {
  return Math.min(committedIndex(joint.voters, acknowledged), committedIndex(joint.votersOutgoing, acknowledged));
}

/** @param votes who answered, and whether with yes. */
export function voteResult(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const majority = majorityOf(voters);
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === undefined) missing += 1;
    else if (vote) granted += 1;
  }
  if (voters.length === 0 || granted >= majority) return 'won';
  return granted + missing >= majority ? 'pending' : 'lost';
}

export function jointVoteResult(joint: JointVoters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = voteResult(joint.voters, votes);
  const outgoing = voteResult(joint.votersOutgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}

export function isVoterIn(joint: JointVoters, node: NodeId): boolean {
  return joint.voters.includes(node) || joint.votersOutgoing.includes(node);
}

/** Voters of both sets, each once, in increasing order. */
export function allVoters(joint: JointVoters): NodeId[] {
  return [...new Set([...joint.voters, ...joint.votersOutgoing])].sort((a, b) => a - b);
}

function majorityOf(voters: readonly NodeId[]): number {
  return Math.floor(voters.length / 2) + 1;
}
