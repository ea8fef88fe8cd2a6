import type { LogIndex, NodeId, Term } from '../messages.js';
import type { ProposalOutcome } from './ports.js';

export type ProposalDone<Result> = (outcome: ProposalOutcome<Result>) => void;

interface Pending<Result> {
  readonly index: LogIndex;
  readonly term: Term;
  readonly done: ProposalDone<Result>;
}

/** Proposals of this node that are in its log and not applied yet, in order of their indexes. */
export class PendingProposals<Result> {
  #pending: Pending<Result>[] = [];
  /** Those before it are answered. */
  #first = 0;

  get count(): number {
    return this.#pending.length - this.#first;
  }

  add(index: LogIndex, term: Term, done: ProposalDone<Result>): void {
    this.#pending.push({ index, term, done });
  }

  /** The entry at `index` was applied. One of another term took the place of what was proposed here. */
  onApplied(index: LogIndex, term: Term, result: Result): void {
    while (this.count > 0) {
      const next = this.#pending[this.#first];
      if (next.index > index) return;
      this.#takeFirst();
      next.done(next.index === index && next.term === term ? { kind: 'applied', index, result } : { kind: 'lost' });
    }
  }

  /** This node does not lead any more, or is ending: others decide what becomes of them. */
  giveUp(): void {
    const pending = this.#pending.slice(this.#first);
    this.#pending = [];
    this.#first = 0;
    for (const { done } of pending) done({ kind: 'unknown' });
  }

  #takeFirst(): void {
    this.#first += 1;
    if (this.#first < 1024 && this.#first < this.#pending.length) return;
    this.#pending.splice(0, this.#first);
    this.#first = 0;
  }
}

export function notLeader(leader: NodeId): { readonly kind: 'not-leader'; readonly leader: NodeId } {
  return { kind: 'not-leader', leader };
}
