import { assert } from '../base/assert.js';
import type { RaftCore } from './core.js';
import { NO_BYTES } from './make-message.js';
import { NO_NODE, type NodeId, type Term } from './messages.js';
import { acknowledgeOwn, appendOwn } from './proposals.js';

/*
      follower --timeout--> pre-candidate --majority would--> candidate --majority does--> leader
         ^                       |                                |                          |
         +-----------------------+------- a leader, or a higher term, shows itself ----------+
*/

export function becomeFollower(core: RaftCore, term: Term, leader: NodeId): void {
  reset(core, term);
  core.leader = leader;
  core.role = 'follower';
  core.options.report.info('became follower', { node: core.id, term, leader });
}

/** Neither term nor vote change. */
export function becomePreCandidate(core: RaftCore): void {
  assert(core.role !== 'leader', 'a leader does not campaign');
  core.members.clearVotes();
  core.leader = NO_NODE;
  core.role = 'pre-candidate';
  core.options.report.info('became pre-candidate', { node: core.id, term: core.term });
}

export function becomeCandidate(core: RaftCore): void {
  assert(core.role !== 'leader', 'a leader does not campaign');
  reset(core, core.term + 1);
  core.vote = core.id;
  core.role = 'candidate';
  core.options.report.info('became candidate', { node: core.id, term: core.term });
}

export function becomeLeader(core: RaftCore): void {
  assert(core.role === 'candidate', 'only a candidate is elected');
  reset(core, core.term);
  core.leader = core.id;
  core.role = 'leader';
  const own = core.members.get(core.id);
  assert(own !== undefined, 'a leader is a member when it is elected');
  own.becomeReplicate();
  own.isRecentlyActive = true;
  // There may be a change in the log that is not applied. Waiting for all that is there costs less than looking.
  core.pendingChangeIndex = core.log.lastIndex;
  // With an entry of its own term it finds out what is committed (Raft paper §8).
  appendOwn(core, [{ type: 'normal', data: NO_BYTES }]);
  acknowledgeOwn(core);
  core.options.report.info('became leader', { node: core.id, term: core.term });
}

export function drawElectionTimeout(core: RaftCore): void {
  const { electionTicks, drawBelow } = core.options;
  core.electionTimeoutTicks = electionTicks + drawBelow(electionTicks);
}

function reset(core: RaftCore, term: Term): void {
  assert(term >= core.term, 'terms never go back');
  if (term !== core.term) {
    core.term = term;
    core.vote = NO_NODE;
  }
  core.leader = NO_NODE;
  core.electionElapsed = 0;
  core.heartbeatElapsed = 0;
  drawElectionTimeout(core);
  core.transferee = NO_NODE;
  core.members.reset(core.id, core.log.lastIndex);
  core.pendingChangeIndex = 0;
  core.uncommittedBytes = 0;
  core.hasUnsentProposals = false;
  core.reads.clear();
  core.earlyReads = [];
}
