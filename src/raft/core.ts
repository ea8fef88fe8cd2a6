import { assert } from '../base/assert.js';
import { assertConfiguration, membersOf } from './configuration-change.js';
import { type MessageParts, makeMessage } from './make-message.js';
import { Members } from './members.js';
import { type HardState, type LogIndex, type Message, NO_NODE, type NodeId, type Term } from './messages.js';
import type { RaftOptions } from './ports.js';
import { RaftLog } from './raft-log.js';
import { ReadRequests } from './read-requests.js';

/** pre-candidate: asks whether it would win, and disturbs nobody if not (thesis §9.6). */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** Who leads, and what this node is; not durable. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}

/** The state machine has what a read may see once it has applied up to `index`. */
export interface ReadState {
  readonly index: LogIndex;
  readonly context: Uint8Array;
}

/*
  The state of one node. What happens to it stands in one file for each part:

      step.ts         a message arrives: terms, then by role            tick.ts         time passes
      follower.ts     candidate.ts    leader.ts                         roles.ts        changing between them
      election.ts     campaigns and votes                               proposals.ts    entries of a leader
      replication.ts  what a leader sends                               reads.ts        linearizable reads
      acknowledge.ts  what members answer to it                         transfer.ts     leadership
      membership.ts   configurations                                    admission.ts    what may be proposed
      ready.ts        work that comes out
*/
export class RaftCore {
  readonly id: NodeId;
  readonly options: RaftOptions;
  readonly log: RaftLog;
  readonly members: Members;
  readonly reads: ReadRequests = new ReadRequests();
  term: Term;
  vote: NodeId; // Whom this node voted for in `term`.
  role: Role = 'follower';
  leader: NodeId = NO_NODE;
  /** To others, may go out at once. */
  outbox: Message[] = [];
  /** To others or to this node itself, when all that is unstable now is durable: they promise that it is. */
  afterAppend: Message[] = [];
  readStates: ReadState[] = [];
  /** Reads that came before this leader had an entry of its own term committed: until then it does not know what is. */
  earlyReads: Message[] = [];
  electionElapsed = 0; // Ticks since the leader was heard of; on a leader, since the last check of its quorum.
  heartbeatElapsed = 0;
  electionTimeoutTicks = 0; // Drawn anew with each change of role.
  transferee: NodeId = NO_NODE; // Whom this leader hands its leadership to.
  /** No change of configuration is in the log after it. Another one waits until it is applied. */
  pendingChangeIndex: LogIndex = 0;
  /** Entry or snapshot that brought the configuration in force. */
  configurationIndex: LogIndex = 0;
  uncommittedBytes = 0; // Data of entries of this leader that are not applied; may be an underestimate.
  /** Proposals are in the log, and neither sent nor acknowledged to itself. */
  hasUnsentProposals = false;
  /** While less is committed here, this node's log has lost what it acknowledged: its word counts for nothing. */
  votesFrom: LogIndex;

  constructor(options: RaftOptions) {
    assertOptions(options);
    const { log: reader } = options;
    this.id = options.id;
    this.options = options;
    this.votesFrom = options.votesFrom;
    this.log = new RaftLog(reader, options.committedBytesMax);
    this.members = new Members(options);
    assertConfiguration(reader.configuration);
    this.members.switchTo(reader.configuration, membersOf(reader.configuration), 0, Math.max(reader.lastIndex, 1));
    const { term, vote, commit } = reader.hardState;
    this.term = term;
    this.vote = vote;
    assert(this.votesFrom > 0 || commit <= this.log.lastIndex, 'an undamaged log has what is committed');
    this.log.commitTo(Math.min(commit, this.log.lastIndex));
    assert(options.appliedIndex <= this.log.committed, 'entries are committed before they are applied');
    if (options.appliedIndex > 0) this.log.appliedTo(options.appliedIndex, 0);
  }

  get softState(): SoftState {
    return { leader: this.leader, role: this.role };
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** False while the log has lost what it acknowledged: a vote could elect somebody who never had it. */
  get mayVote(): boolean {
    return this.log.committed >= this.votesFrom;
  }

  /** A leader knows what is committed, and may answer reads and change the configuration, when an entry of its own term is. */
  get hasCommittedInTerm(): boolean {
    return this.log.matches(this.log.committed, this.term);
  }

  /** Is a voter, as far as it knows, and has the log of one. */
  get isPromotable(): boolean {
    const own = this.members.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasUnstableSnapshot;
  }

  /** From this node, in this term. Votes and their answers bring their own. */
  send(parts: MessageParts): void {
    const { type } = parts;
    const isVoting = type === 'vote' || type === 'vote-response' || type === 'pre-vote' || type === 'pre-vote-response';
    assert(isVoting === (parts.term !== undefined), 'votes have a term of their own, and nothing else');
    const message = makeMessage(parts, this.id, parts.term ?? this.term);
    if (type === 'append-response' || type === 'vote-response' || type === 'pre-vote-response') this.afterAppend.push(message);
    else {
      assert(message.to !== this.id, 'a node does not write to itself');
      this.outbox.push(message);
    }
  }

  /** To the leader. Proposals and reads go without a term: whoever leads by then takes them. */
  forward(message: Message): void {
    assert(this.leader !== NO_NODE && this.leader !== this.id, 'a follower knows whom to forward to');
    const from = message.from === NO_NODE ? this.id : message.from;
    const term = message.type === 'transfer-leader' ? this.term : 0;
    this.outbox.push(makeMessage({ ...message, to: this.leader }, from, term));
  }
}

function assertOptions(options: RaftOptions): void {
  assert(options.id > 0, 'a node has an id from 1');
  assert(options.heartbeatTicks > 0 && options.electionTicks > options.heartbeatTicks, 'heartbeats come more often than elections');
  assert(options.readMode === 'quorum' || options.hasCheckQuorum, 'a lease is as good as the check of the quorum');
  assert(options.messageBytesMax > 0 && options.uncommittedBytesMax > 0, 'something can be proposed and sent');
}
