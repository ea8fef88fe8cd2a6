import { assert } from '../base/assert.js';
import { isJoint, membersOf } from './configuration-change.js';
import { InFlight } from './in-flight.js';
import { type ConfigurationState, EMPTY_CONFIGURATION, type LogIndex, type NodeId } from './messages.js';
import { Progress } from './progress.js';
import { type Acknowledged, jointCommittedIndex, jointVoteResult, type VoteResult } from './quorum.js';

export interface InFlightLimits {
  readonly inFlightMessagesMax: number;
  readonly inFlightBytesMax: number;
}

/** The configuration in force, how far each member is, and the votes of the election under way. Iterates in the order of ids. */
export class Members implements Acknowledged {
  readonly #limits: InFlightLimits;
  #configuration: ConfigurationState = EMPTY_CONFIGURATION;
  #ids: readonly NodeId[] = [];
  #progress = new Map<NodeId, Progress>(); // Invariant: has exactly #ids.
  readonly #votes = new Map<NodeId, boolean>();

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  get configuration(): ConfigurationState {
    return this.#configuration;
  }

  get ids(): readonly NodeId[] {
    return this.#ids;
  }

  get(node: NodeId): Progress | undefined {
    return this.#progress.get(node);
  }

  /**
   * @param added members that begin anew.
   * @param membership index of the change.
   * @param next where to begin with those that are new.
   */
  switchTo(configuration: ConfigurationState, added: readonly NodeId[], membership: LogIndex, next: LogIndex): void {
    const progress = new Map<NodeId, Progress>();
    const ids = membersOf(configuration);
    for (const node of ids) {
      const known = added.includes(node) ? undefined : this.#progress.get(node);
      const isLearner = configuration.learners.includes(node);
      const one = known ?? this.#begin(membership, next, isLearner);
      one.isLearner = isLearner;
      progress.set(node, one);
    }
    this.#configuration = configuration;
    this.#ids = ids;
    this.#progress = progress;
  }

  /** For a new term. Entries of the own log are matched by themselves. */
  reset(own: NodeId, lastIndex: LogIndex): void {
    this.clearVotes();
    for (const [node, progress] of this.#progress) {
      progress.reset(lastIndex);
      if (node === own) progress.match = lastIndex;
    }
  }

  isOnlyVoter(node: NodeId): boolean {
    const { voters } = this.#configuration;
    return voters.length === 1 && voters[0] === node && !isJoint(this.#configuration);
  }

  acknowledgedBy(node: NodeId): LogIndex | undefined {
    return this.#progress.get(node)?.match;
  }

  /** The largest index that is durable on a majority. */
  committedIndex(): LogIndex {
    return jointCommittedIndex(this.#configuration, this);
  }

  isQuorumActive(): boolean {
    const active = new Map<NodeId, boolean>();
    for (const [node, { isRecentlyActive }] of this.#progress) active.set(node, isRecentlyActive);
    return jointVoteResult(this.#configuration, active) === 'won';
  }

  clearVotes(): void {
    this.#votes.clear();
  }

  /** The first answer of a node counts. */
  recordVote(node: NodeId, isGranted: boolean): VoteResult {
    if (!this.#votes.has(node)) this.#votes.set(node, isGranted);
    return jointVoteResult(this.#configuration, this.#votes);
  }

  #begin(membership: LogIndex, next: LogIndex, isLearner: boolean): Progress {
    assert(next > 0, 'the first entry has index 1');
    const { inFlightMessagesMax, inFlightBytesMax } = this.#limits;
    const progress = new Progress(next, membership, isLearner, new InFlight(inFlightMessagesMax, inFlightBytesMax));
    // It has had no chance to be heard of yet, and must not cost the leader its quorum.
    progress.isRecentlyActive = true;
    return progress;
  }
}
