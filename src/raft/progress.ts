import { assert } from '../base/assert.js';
import type { InFlight } from './in-flight.js';
import type { LogIndex } from './messages.js';

/**
 * probe: where the follower's log ends is not known; one message at a time. replicate: messages go out before the ones before them are
 * answered. snapshot: the log does not reach back far enough; nothing goes out until the snapshot is there.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What a leader knows of one member, itself included. */
export class Progress {
  state: ProgressState = 'probe';
  match: LogIndex = 0; // The member's log is known to be ours up to here. Invariant: match < next.
  next: LogIndex; // First entry to send; those after `match` and before it are under way.
  pendingSnapshot: LogIndex = 0; // In state snapshot: its index.
  isLearner: boolean;
  isRecentlyActive = false; // Heard of since the last check of the quorum.
  isPaused = false; // A probe is under way, or too much is; the answer to a heartbeat gives it another chance.
  /** Index of the change that made it a member; 0 for the first ones. A removed and readded member is another one. */
  readonly membership: LogIndex;
  readonly inFlight: InFlight;
  #sentCommit: LogIndex = 0; // Highest commit index under way. May go back when messages are lost.

  constructor(next: LogIndex, membership: LogIndex, isLearner: boolean, inFlight: InFlight) {
    assert(next > 0, 'the first entry has index 1');
    this.next = next;
    this.membership = membership;
    this.isLearner = isLearner;
    this.inFlight = inFlight;
  }

  /** No append may be sent. */
  get isHeld(): boolean {
    return this.state === 'snapshot' || this.isPaused;
  }

  /** For a new term: nothing is known. */
  reset(lastIndex: LogIndex): void {
    this.#enter('probe');
    this.match = 0;
    this.next = lastIndex + 1;
    this.#sentCommit = 0;
    this.isRecentlyActive = false;
  }

  becomeProbe(): void {
    // A snapshot that was sent is taken for received; if it was not, the probe is rejected.
    const next = this.state === 'snapshot' ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#enter('probe');
    this.#goBackTo(next);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  onEntriesSent(count: number, bytes: number): void {
    assert(this.state !== 'snapshot', 'no entries go out while a snapshot is under way');
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count;
        this.inFlight.add(this.next - 1, bytes);
      }
      this.isPaused = this.inFlight.isFull;
    } else if (count > 0) this.isPaused = true;
  }

  onCommitSent(commit: LogIndex): void {
    this.#sentCommit = commit;
  }

  /** A message with this commit index tells the member something that none under way does. */
  wouldLearnCommit(commit: LogIndex): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** @returns false if it is no news. */
  maybeAdvance(match: LogIndex): boolean {
    if (match <= this.match) return false;
    this.match = match;
    this.next = Math.max(this.next, match + 1);
    this.isPaused = false;
    return true;
  }

  /**
   * An append after `rejected` did not fit.
   * @param hint the logs may match up to here.
   * @returns false if the rejection is an old one.
   */
  maybeGoBack(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.#goBackTo(this.match + 1);
      return true;
    }
    // A probe is one message at a time: any other than the last is old.
    if (this.next - 1 !== rejected) return false;
    this.#goBackTo(Math.max(Math.min(rejected, hint + 1), this.match + 1));
    this.isPaused = false;
    return true;
  }

  /** What it acknowledged is no longer on its disk. Knowing less is always safe. */
  forget(hint: LogIndex): void {
    this.#enter('probe');
    this.match = 0;
    this.#goBackTo(hint + 1);
  }

  #enter(state: ProgressState): void {
    this.isPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inFlight.clear();
  }

  #goBackTo(next: LogIndex): void {
    this.next = next;
    this.#sentCommit = Math.min(this.#sentCommit, next - 1);
    assert(this.match < this.next, 'what is known to match is not sent again');
  }
}
