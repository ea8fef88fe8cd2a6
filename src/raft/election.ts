import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import type { RaftCore } from './core.js';
import { type LogIndex, type Message, NO_NODE } from './messages.js';
import { allVoters } from './quorum.js';
import { becomeCandidate, becomeFollower, becomePreCandidate } from './roles.js';
import { readWide, WIDE_BYTES, writeWide } from './wide-number.js';

/** pre-election: asks first whether it would win. transfer: the leader wants it. */
export type CampaignKind = 'pre-election' | 'election' | 'transfer';

/** Context of a vote that the leader itself wants: nobody holds on to the leader. */
export const TRANSFER_CONTEXT: Uint8Array = Uint8Array.from('transfer', (character) => character.charCodeAt(0));

/** Starts an election, unless this node must not. */
export function maybeCampaign(core: RaftCore, kind: CampaignKind): void {
  const why = whyNotCampaign(core);
  if (why === null) campaign(core, kind);
  else core.options.report.info('does not campaign', { node: core.id, term: core.term, why });
}

export function electionKind(core: RaftCore): CampaignKind {
  return core.options.hasPreVote ? 'pre-election' : 'election';
}

function whyNotCampaign(core: RaftCore): string | null {
  if (core.role === 'leader') return 'it leads';
  if (!core.isPromotable) return 'it is no voter';
  if (!core.mayVote) return 'its log has lost entries';
  if (hasUnappliedChange(core)) return 'a committed change of configuration is not applied';
  return null;
}

/** It would count the votes of a configuration that does not hold any more. */
function hasUnappliedChange(core: RaftCore): boolean {
  return hasChangeAfter(core, core.log.applied);
}

function hasChangeAfter(core: RaftCore, index: LogIndex): boolean {
  const { log, options } = core;
  let from = index + 1;
  while (from <= log.committed) {
    const entries = log.slice(from, log.committed + 1, options.committedBytesMax);
    if (entries === null || entries.some(({ type }) => type === 'configuration')) return true;
    from += entries.length;
  }
  return false;
}

export function campaign(core: RaftCore, kind: CampaignKind): void {
  const isPre = kind === 'pre-election';
  if (isPre) becomePreCandidate(core);
  else becomeCandidate(core);
  // A pre-candidate asks for the term that it would have.
  const term = isPre ? core.term + 1 : core.term;
  const { lastIndex, lastTerm } = core.log;
  for (const node of allVoters(core.members.configuration)) {
    if (node === core.id) {
      // Its own vote counts, as any other, once it is durable.
      core.send({ type: isPre ? 'pre-vote-response' : 'vote-response', to: node, term });
    } else {
      const type = isPre ? 'pre-vote' : 'vote';
      const context = kind === 'transfer' ? { context: TRANSFER_CONTEXT } : {};
      core.send({ type, to: node, term, index: lastIndex, logTerm: lastTerm, ...context });
    }
  }
}

export function isTransferVote(message: Message): boolean {
  const { context } = message;
  return context.length === TRANSFER_CONTEXT.length && context.every((byte, at) => byte === TRANSFER_CONTEXT[at]);
}

/** A leader was heard of less than an election timeout ago: whoever wants to replace it is cut off, or was removed (thesis §4.2.3). */
export function isInLease(core: RaftCore): boolean {
  const { hasCheckQuorum, electionTicks } = core.options;
  return hasCheckQuorum && core.leader !== 0 && core.electionElapsed < electionTicks;
}

/** The term is this node's, or a pre-vote for a later one. Learners vote too: they may have been made voters and not know it yet. */
export function onVoteRequest(core: RaftCore, message: Message): void {
  const { from, term, type } = message;
  const isPre = type === 'pre-vote';
  const isFree = core.vote === from || (core.vote === 0 && core.leader === 0) || (isPre && term > core.term);
  const isGranted = isFree && core.log.isUpToDate(message.logTerm, message.index);
  const response = isPre ? 'pre-vote-response' : 'vote-response';
  core.options.report.info(isGranted ? 'grants a vote' : 'refuses a vote', { node: core.id, to: from, type, term });
  if (!isGranted) {
    core.send({ type: response, to: from, term: core.term, isReject: true, context: encodeCommit(core) });
    return;
  }
  // The term that was asked for: a pre-candidate would take the own one for old.
  core.send({ type: response, to: from, term });
  if (isPre) return;
  core.electionElapsed = 0;
  core.vote = from;
}

/*
  Whoever refuses a vote says what it knows to be committed:

      context of a refusal => index:u64 term:u64

  Otherwise an election could go wrong for ever: a leader that removed itself stepped down, those that remain have the change in their logs and do
  not know that it is committed; they go on asking those that left, and these refuse for ever because of entries that nobody needs any more.
*/

function encodeCommit({ log }: RaftCore): Uint8Array {
  const writer = new WireWriter(new Uint8Array(2 * WIDE_BYTES));
  writeWide(writer, log.committed);
  writeWide(writer, log.termAt(log.committed) ?? 0);
  return writer.bytes;
}

/** A refusal may tell what is committed. If that changes the configuration, this election is for the wrong one: another follows. */
export function learnCommit(core: RaftCore, { isReject, context }: Message): void {
  if (!isReject || context.length !== 2 * WIDE_BYTES || core.role === 'leader') return;
  const reader = new WireReader(context, 0, context.length);
  const index = readWide(reader);
  const term = readWide(reader);
  const before = core.log.committed;
  if (!core.log.maybeCommit(index, term)) return;
  if (core.role !== 'follower' && hasChangeAfter(core, before)) becomeFollower(core, core.term, NO_NODE);
}
