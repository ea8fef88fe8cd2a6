import type { NodeId } from '../../../src/raft/messages.js';
import {
  type Acknowledged,
  allVoters,
  committedIndex,
  EVERYTHING,
  jointCommittedIndex,
  jointVoteResult,
  voteResult,
} from '../../../src/raft/quorum.js';
import { type Case, toNumber, valuesOf } from './parse.js';

export const QUORUM_COMMANDS: ReadonlySet<string> = new Set(['committed', 'vote']);

const VOTE_NAMES = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' } as const;

/** Each case is on its own. */
export function runQuorumCase(one: Case): string[] {
  const voters = valuesOf(one, 'cfg').map(toNumber);
  const halves = valuesOf(one, 'cfgj');
  const isJoint = halves.length > 0;
  const votersOutgoing = halves.filter((half) => half !== 'zero').map(toNumber);
  const joint = { voters, votersOutgoing };
  const given = valuesOf(one, one.command === 'vote' ? 'votes' : 'idx');
  const named = [...new Set([...voters, ...votersOutgoing])];
  if (given.length !== named.length) return [`error: mismatched input (explicit or _) for voters ${named.join(' ')}: ${given.join(' ')}`];
  const values = new Map(named.flatMap((node, at) => (given[at] === '_' ? [] : [[node, given[at]] as const])));
  if (one.command === 'vote') {
    const votes = new Map([...values].map(([node, vote]) => [node, vote === 'y']));
    return [VOTE_NAMES[isJoint ? jointVoteResult(joint, votes) : voteResult(voters, votes)]];
  }
  const indexes = new Map([...values].map(([node, index]) => [node, toNumber(index)]));
  const acknowledged: Acknowledged = { acknowledgedBy: (node) => indexes.get(node) };
  const result = isJoint ? jointCommittedIndex(joint, acknowledged) : committedIndex(voters, acknowledged);
  const table = describeIndexes(allVoters(joint), indexes);
  const index = result === EVERYTHING ? '∞' : `${result}`;
  return table.length === 0 ? [`<empty majority quorum>${index}`] : [...table, index];
}

function describeIndexes(nodes: readonly NodeId[], indexes: ReadonlyMap<NodeId, number>): string[] {
  if (nodes.length === 0) return [];
  const rows = nodes.map((node) => {
    const index = indexes.get(node);
    const smaller = nodes.filter((other) => (indexes.get(other) ?? 0) < (index ?? 0)).length;
    const bar = index === undefined ? '?' : `${'x'.repeat(smaller)}>`;
    return `${bar.padEnd(nodes.length + 1)} ${`${index ?? 0}`.padStart(5)}    (id=${node.toString(16)})`;
  });
  return [`${' '.repeat(nodes.length)}    idx`, ...rows];
}
