import { stepCandidate } from './candidate.js';
import type { RaftCore } from './core.js';
import { electionKind, isInLease, isTransferVote, learnCommit, maybeCampaign, onVoteRequest } from './election.js';
import { entriesBytes, payloadBytes } from './entry-size.js';
import { stepFollower } from './follower.js';
import { stepLeader } from './leader.js';
import { maybeLeaveJoint } from './membership.js';
import { type Message, type MessageType, NO_NODE, type Snapshot } from './messages.js';
import { onEntriesApplied } from './proposals.js';
import { becomeFollower } from './roles.js';
import type { StepOutcome } from './step-outcome.js';

/** What a node tells itself. */
const LOCAL_TYPES: ReadonlySet<MessageType> = new Set([
  'campaign',
  'beat',
  'unreachable',
  'snapshot-status',
  'check-quorum',
  'storage-append',
  'storage-append-response',
  'storage-apply',
  'storage-apply-response',
]);

/** What a node never tells itself: whoever says so is not who it says. All that peers say and answer has a term. */
const PEER_TYPES: ReadonlySet<MessageType> = new Set(['append', 'snapshot', 'heartbeat', 'vote', 'pre-vote', 'timeout-now']);

/** Only those who know each other answer each other. */
const MEMBER_TYPES: ReadonlySet<MessageType> = new Set([
  'append-response',
  'vote-response',
  'pre-vote-response',
  'heartbeat-response',
  'read-index-response',
]);

/** A message of a peer, or a response of this node's own storage. */
export function stepMessage(core: RaftCore, message: Message): StepOutcome {
  const { type, from, term } = message;
  if (LOCAL_TYPES.has(type) && from !== core.id) return 'not-local';
  if (PEER_TYPES.has(type) && (from === core.id || term === 0)) return 'not-a-member';
  if (MEMBER_TYPES.has(type) && (core.members.get(from) === undefined || term === 0)) return 'not-a-member';
  return step(core, message);
}

/** Any message, also those that a node tells itself. */
export function step(core: RaftCore, message: Message): StepOutcome {
  const { type, term } = message;
  // A log that has lost entries must not help anybody into office; no answer is the only one that helps nobody.
  if ((type === 'vote' || type === 'pre-vote') && !core.mayVote) return 'taken';
  if (type === 'append' && !isWellFormed(message)) {
    core.options.report.warn('ignores entries out of order', { node: core.id, from: message.from });
    return 'taken';
  }
  if (term > core.term && !mayGoOn(core, message)) return 'taken';
  if (term < core.term && term > 0) {
    onOldTerm(core, message);
    return 'taken';
  }
  switch (type) {
    case 'campaign':
      maybeCampaign(core, electionKind(core));
      return 'taken';
    case 'storage-append-response':
      if (message.index > 0) core.log.stableTo(message.index, message.logTerm);
      if (message.snapshot !== null) onSnapshotApplied(core, message.snapshot);
      return 'taken';
    case 'storage-apply-response':
      onApplied(core, message);
      return 'taken';
    case 'vote':
    case 'pre-vote':
      onVoteRequest(core, message);
      return 'taken';
    case 'vote-response':
    case 'pre-vote-response':
      learnCommit(core, message);
      return stepByRole(core, message);
    default:
      return stepByRole(core, message);
  }
}

function stepByRole(core: RaftCore, message: Message): StepOutcome {
  if (core.role === 'leader') return stepLeader(core, message);
  if (core.role === 'follower') return stepFollower(core, message);
  if (message.type === 'propose') return 'dropped';
  stepCandidate(core, message);
  return 'taken';
}

/**
 * A message of a later term takes this node there, as a follower (Raft paper §5.1).
 * @returns false if it is to be ignored.
 */
function mayGoOn(core: RaftCore, message: Message): boolean {
  const { type, term, from } = message;
  const isVote = type === 'vote' || type === 'pre-vote';
  if (isVote && isInLease(core) && !isTransferVote(message)) return false;
  // Pre-votes ask for a term that nobody has reached yet; a refusal comes from one that somebody has.
  if (type === 'pre-vote' || (type === 'pre-vote-response' && !message.isReject)) return true;
  const isOfLeader = type === 'append' || type === 'heartbeat' || type === 'snapshot';
  becomeFollower(core, term, isOfLeader ? from : NO_NODE);
  return true;
}

function onOldTerm(core: RaftCore, message: Message): void {
  const { type, from } = message;
  const { hasCheckQuorum, hasPreVote } = core.options;
  if ((hasCheckQuorum || hasPreVote) && (type === 'heartbeat' || type === 'append')) {
    // This node was cut off and is terms ahead. Votes are ignored where leaders are followed: only this answer tells the leader of the term.
    core.send({ type: 'append-response', to: from });
  } else if (type === 'pre-vote') {
    // A candidate of an old term may be the one with the newer log: it has to learn of the term.
    core.send({ type: 'pre-vote-response', to: from, term: core.term, isReject: true });
  } else if (type === 'storage-append-response' && message.snapshot !== null) {
    // Of entries nothing is said: a later term may have replaced them. A snapshot is committed, whatever the term.
    onSnapshotApplied(core, message.snapshot);
  }
}

function onSnapshotApplied(core: RaftCore, snapshot: Snapshot): void {
  core.log.snapshotStableTo(snapshot.index);
  core.log.appliedTo(snapshot.index, 0);
  maybeLeaveJoint(core);
}

function onApplied(core: RaftCore, message: Message): void {
  const { entries } = message;
  if (entries.length === 0) return;
  core.log.appliedTo(entries[entries.length - 1].index, entriesBytes(entries));
  maybeLeaveJoint(core);
  onEntriesApplied(core, payloadBytes(entries));
}

/** Entries follow each other, and none is of a later term than the message. */
function isWellFormed(message: Message): boolean {
  let { index, logTerm: term } = message;
  for (const entry of message.entries) {
    index += 1;
    if (entry.index !== index || entry.term < term) return false;
    term = entry.term;
  }
  return term <= message.term;
}
