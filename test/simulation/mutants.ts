/*
  Seeded bugs: each is a mistake that somebody made once, or that the text of Raft warns of, as one change of the compiled program. A simulator that
  does not find one of them would not find it in our own work either.
*/

export interface Mutant {
  readonly name: string;
  /** What it breaks, and who wrote of it. */
  readonly breaks: string;
  /** Below `dist`. */
  readonly file: string;
  /** Occurs there exactly once. */
  readonly find: string;
  readonly replace: string;
}

const RAFT = 'src/raft';
const DRIVER = 'src/raft/driver';
const CATALOGUE = 'src/metadata/catalogue';
const SIMULATION = 'test/simulation';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledge before flush',
    breaks: 'the store says that a write is durable when it is only written (Raft paper §5, "persistent state")',
    file: `${SIMULATION}/flush-line.js`,
    find: 'this.#waiting.push(done);',
    replace: 'this.#waiting.push(() => {}); this.#schedule.after(0, () => done(null));',
  },
  {
    name: 'vote not persisted',
    breaks: 'a restarted node votes again in the same term (Raft paper figure 2)',
    file: `${DRIVER}/driver.js`,
    find: '{ term: work.term, vote: work.vote, commit: work.commit }',
    replace: '{ term: work.term, vote: 0, commit: work.commit }',
  },
  {
    name: 'term not persisted',
    breaks: 'a restarted node is in a term of before, and votes in it again (Raft paper figure 2)',
    file: `${DRIVER}/driver.js`,
    find: '{ term: work.term, vote: work.vote, commit: work.commit }',
    replace: '{ term: store.hardState.term, vote: work.vote, commit: work.commit }',
  },
  {
    name: 'follower answers before its flush',
    breaks: 'entries count as replicated that a power cut takes back (etcd issue 14370 is its twin on the leader)',
    file: `${RAFT}/core.js`,
    find: "if (type === 'append-response' ||",
    replace: "if ((type === 'append-response' && message.to === this.id) ||",
  },
  {
    name: 'vote granted before its flush',
    breaks: 'a power cut takes the vote back, and the node votes again',
    file: `${RAFT}/core.js`,
    find: "type === 'append-response' || type === 'vote-response' ||",
    replace: "type === 'append-response' || (type === 'vote-response' && message.to === this.id) ||",
  },
  {
    name: 'leader counts itself before its flush',
    breaks: 'an entry is committed that the leader itself may lose (etcd issue 14370)',
    file: `${RAFT}/proposals.js`,
    find: "core.send({ type: 'append-response', to: core.id, index: core.log.lastIndex });",
    replace: 'core.members.get(core.id)?.maybeAdvance(core.log.lastIndex);',
  },
  {
    name: 'entries of earlier terms committed by counting',
    breaks: 'a majority has them, and another leader may still replace them (Raft paper figure 8; LogCabin issue 44)',
    file: `${RAFT}/replication.js`,
    find: 'core.log.maybeCommit(core.members.committedIndex(), core.term)',
    replace: 'core.log.maybeCommit(core.members.committedIndex(), core.log.termAt(core.members.committedIndex()) ?? 0)',
  },
  {
    name: 'no entry at the beginning of a term',
    breaks: 'a leader never learns what is committed until somebody writes (Raft paper §8)',
    file: `${RAFT}/roles.js`,
    find: "appendOwn(core, [{ type: 'normal', data: NO_BYTES }]);",
    replace: '',
  },
  {
    name: 'second change of members before the first is applied',
    breaks: 'majorities of the configurations need not meet (thesis §4.1)',
    file: `${RAFT}/admission.js`,
    find: 'if (core.pendingChangeIndex > core.log.applied)',
    replace: 'if (false)',
  },
  {
    name: 'vote for a shorter log',
    breaks: 'a leader without committed entries is elected (Raft paper §5.4.1)',
    file: `${RAFT}/election.js`,
    find: 'core.log.isUpToDate(message.logTerm, message.index)',
    replace: '(message.logTerm >= core.log.lastTerm)',
  },
  {
    name: 'vote for a log of an older term',
    breaks: 'the longer log need not be the newer one (Raft paper §5.4.1)',
    file: `${RAFT}/election.js`,
    find: 'core.log.isUpToDate(message.logTerm, message.index)',
    replace: '(message.index >= core.log.lastIndex)',
  },
  {
    name: 'two votes in one term',
    breaks: 'two leaders in one term (Raft paper §5.2)',
    file: `${RAFT}/election.js`,
    find: 'core.vote === from || (core.vote === 0 && core.leader === 0)',
    replace: 'core.leader === 0',
  },
  {
    name: 'conflicting entries stay',
    breaks: 'a log differs from the leader whose entries it acknowledged (Raft paper §5.3)',
    file: `${RAFT}/raft-log.js`,
    find: 'entries.findIndex((entry) => !this.matches(entry.index, entry.term))',
    replace: 'entries.findIndex((entry) => entry.index > this.lastIndex)',
  },
  {
    name: 'entries after those of an append are cut off',
    breaks: 'a late message takes back what was acknowledged after it (Raft paper figure 2, AppendEntries 3)',
    file: `${RAFT}/raft-log.js`,
    find: 'entries.findIndex((entry) => !this.matches(entry.index, entry.term))',
    replace: 'entries.findIndex((entry) => entry.index > this.#committed)',
  },
  {
    name: 'entries without their predecessor',
    breaks: 'logs have other histories before the same entry (Raft paper figure 2, AppendEntries 2)',
    file: `${RAFT}/raft-log.js`,
    find: 'if (!this.matches(index, term))\n            return false;\n        const news',
    replace: 'if (index > this.lastIndex)\n            return false;\n        const news',
  },
  {
    name: 'read answered without a majority',
    breaks: 'a leader that was replaced answers with old data (thesis §6.4)',
    file: `${RAFT}/reads.js`,
    find: "core.options.readMode === 'lease' ||",
    replace: 'true ||',
  },
  {
    name: 'read before an entry of the own term is committed',
    breaks: 'a new leader does not know what is committed (thesis §6.4)',
    file: `${RAFT}/reads.js`,
    find: 'if (!core.hasCommittedInTerm) {',
    replace: 'if (false) {',
  },
  {
    name: 'commit beyond the entries that match',
    breaks: 'what is not there, or of another leader, counts as committed (Raft paper figure 2, AppendEntries 5)',
    file: `${RAFT}/follower.js`,
    find: 'Math.min(message.commit, last)',
    replace: 'message.commit',
  },
  {
    name: 'heartbeat commits what the member may not have',
    breaks: 'entries of another leader count as committed (etcd raft.go, bcastHeartbeat)',
    file: `${RAFT}/replication.js`,
    find: 'Math.min(progress.match, core.log.committed)',
    replace: 'core.log.committed',
  },
  {
    name: 'commit with a majority of the incoming voters alone',
    breaks: 'the outgoing voters may elect a leader without the entry (Raft paper §6)',
    file: `${RAFT}/quorum.js`,
    find: 'Math.min(committedIndex(joint.voters, acknowledged), committedIndex(joint.votersOutgoing, acknowledged))',
    replace: 'committedIndex(joint.voters, acknowledged)',
  },
  {
    name: 'election by a majority of the incoming voters alone',
    breaks: 'both sets elect a leader (Raft paper §6)',
    file: `${RAFT}/quorum.js`,
    find: 'const outgoing = voteResult(joint.votersOutgoing, votes);',
    replace: 'const outgoing = incoming;',
  },
  {
    name: 'learners count as voters',
    breaks: 'entries are committed that no majority of the voters has (thesis §4.2.1)',
    file: `${RAFT}/members.js`,
    find: 'return jointCommittedIndex(this.#configuration, this);',
    replace:
      'const { voters, learners, votersOutgoing } = this.#configuration; return jointCommittedIndex({ voters: [...voters, ...learners], votersOutgoing }, this);',
  },
  {
    name: 'snapshot installed over newer state',
    breaks: 'a snapshot that comes late takes the log and the state back (Raft paper figure 13, InstallSnapshot)',
    file: `${RAFT}/follower.js`,
    find: 'if (snapshot.index <= log.committed)\n        return false;\n    if (log.matches(snapshot.index, snapshot.term)) {',
    replace: 'if (false) {',
  },
  {
    name: "snapshot's configuration ignored",
    breaks: 'a node counts majorities of a configuration of long ago (Raft paper §7)',
    file: `${RAFT}/follower.js`,
    find: 'restoreMembers(core, snapshot);',
    replace: '',
  },
  {
    name: 'snapshot not restored at the start',
    breaks: 'a restarted node goes on from an empty state',
    file: `${DRIVER}/applied-state.js`,
    find: 'if (mark.chunkCount > 0)',
    replace: 'if (false)',
  },
  {
    name: 'snapshot says it is newer than it is',
    breaks: 'an entry is skipped after a restart',
    file: `${DRIVER}/snapshot-taker.js`,
    find: 'writer.commit(index, term, configuration,',
    replace: 'writer.commit(index + 1, term, configuration,',
  },
  {
    name: 'snapshot says it is older than it is',
    breaks: 'an entry is applied twice after a restart',
    file: `${DRIVER}/snapshot-taker.js`,
    find: 'writer.commit(index, term, configuration,',
    replace: 'writer.commit(index - 1, term, configuration,',
  },
  {
    name: 'compare-and-set without the comparison',
    breaks: 'of two clients that saw the same revision both succeed',
    file: `${CATALOGUE}/edit.js`,
    find: 'if (current.revision === expected)',
    replace: 'if (true)',
  },
  {
    name: 'request ids forgotten',
    breaks: 'a command that was sent again is applied again (thesis §6.3)',
    file: `${CATALOGUE}/catalogue.js`,
    find: 'const id = requestId === null ? null : requestText(requestId);',
    replace: 'const id = null;',
  },
  {
    name: 'request ids not in the snapshot',
    breaks: 'a command that was sent again is applied again after a restart (thesis §6.3)',
    file: `${CATALOGUE}/catalogue.js`,
    find: 'requests: this.#requests.capture() })',
    replace: 'requests: [] })',
  },
  {
    name: 'damage taken for a torn end',
    breaks: 'what was acknowledged is cut off, and the node votes without it (Protocol-Aware Recovery, FAST 2018)',
    file: `${SIMULATION}/wal-recovery.js`,
    find: 'badAt >= 0 && record.flushedUpTo > badAt',
    replace: 'false',
  },
  {
    name: 'a damaged log votes',
    breaks: 'it elects a leader without what it acknowledged (Protocol-Aware Recovery, FAST 2018)',
    file: `${RAFT}/core.js`,
    find: 'return this.log.committed >= this.votesFrom;',
    replace: 'return true;',
  },
  {
    name: 'answer about the commit index overtakes the entries',
    breaks: 'an answer that speaks of entries goes out while they are being written',
    file: `${DRIVER}/driver.js`,
    find: 'if (isVolatile && this.#writing === 0)',
    replace: 'if (isVolatile)',
  },
  {
    name: 'proposal said to be lost that may yet be applied',
    breaks: 'a client sends again, without a request id, what was done (thesis §6.3)',
    file: `${DRIVER}/pending-proposals.js`,
    find: "done({ kind: 'unknown' });",
    replace: "done({ kind: 'lost' });",
  },
  {
    name: 'a lost chunk is never sent again',
    breaks: 'the transfer of a snapshot stands still for ever',
    file: `${DRIVER}/snapshot-sender.js`,
    find: 'if (transfer.isAsked || answer.next < transfer.acknowledged)',
    replace: 'if (transfer.acknowledged < 0 || answer.next < transfer.acknowledged)',
  },
  {
    name: 'another snapshot comes in while one is adopted',
    breaks: 'the store is told to adopt what is not there any more',
    file: `${DRIVER}/snapshot-receiver.js`,
    find: 'if (this.#isHandedOver)',
    replace: 'if (false)',
  },
  {
    name: 'no check of the quorum',
    breaks: 'a leader that is cut off leads on, and its clients wait for it (thesis §6.2)',
    file: `${DRIVER}/node-options.js`,
    find: 'hasCheckQuorum: true,',
    replace: 'hasCheckQuorum: false,',
  },
  {
    name: 'a joint configuration is never left',
    breaks: 'who is to go stays a voter for ever',
    file: `${RAFT}/membership.js`,
    find: "if (core.role !== 'leader' || !isJoint(members.configuration) || !members.configuration.autoLeave)",
    replace: 'if (true)',
  },
];
