import type { LogIndex } from '../messages.js';
import { READ_TICKS_MAX } from './limits.js';
import type { ReadOutcome } from './ports.js';

export type ReadDone = (outcome: ReadOutcome) => void;

interface Round {
  readonly number: number;
  readonly reads: readonly ReadDone[];
  ticks: number;
  /** What the state machine must have applied; -1 until a majority has confirmed the leader. */
  index: LogIndex;
}

const CONTEXT_BYTES = 8;

/*
  Linearizable reads (thesis 6.4). All that wait go into one round; the leader asks a majority once for all of them. The next round collects
  meanwhile.

    read, read, read -> collecting -> asked (its number is the context) -> confirmed at an index -> applied up to it -> answered
*/
export class PendingReads {
  #collecting: ReadDone[] = [];
  readonly #rounds: Round[] = [];
  #number = 0;
  #asked = 0;

  get count(): number {
    return this.#collecting.length + this.#asked;
  }

  add(done: ReadDone): void {
    this.#collecting.push(done);
  }

  /** Whether reads wait and no round is being asked for. */
  get wantsRound(): boolean {
    return this.#collecting.length > 0 && !this.#rounds.some((round) => round.index < 0);
  }

  /** @returns the context of a new round, with all reads that wait. */
  beginRound(): Uint8Array {
    this.#number += 1;
    const reads = this.#collecting;
    this.#collecting = [];
    this.#asked += reads.length;
    this.#rounds.push({ number: this.#number, reads, ticks: 0, index: -1 });
    const context = new Uint8Array(CONTEXT_BYTES);
    new DataView(context.buffer).setFloat64(0, this.#number);
    return context;
  }

  /** A majority confirmed the round of this context, and of all before it. */
  onConfirmed(context: Uint8Array, index: LogIndex): void {
    if (context.length !== CONTEXT_BYTES) return;
    const number = new DataView(context.buffer, context.byteOffset).getFloat64(0);
    for (const round of this.#rounds) if (round.number <= number && round.index < 0) round.index = index;
  }

  onApplied(applied: LogIndex): void {
    while (this.#rounds.length > 0 && this.#rounds[0].index >= 0 && this.#rounds[0].index <= applied) {
      const { reads, index } = this.#takeRound();
      for (const done of reads) done({ kind: 'fresh', index });
    }
  }

  onTick(): void {
    for (const round of this.#rounds) round.ticks += 1;
    while (this.#rounds.length > 0 && this.#rounds[0].ticks > READ_TICKS_MAX)
      for (const done of this.#takeRound().reads) done({ kind: 'unknown' });
  }

  giveUp(outcome: ReadOutcome): void {
    const reads = [...this.#rounds.splice(0).flatMap((round) => round.reads), ...this.#collecting];
    this.#collecting = [];
    this.#asked = 0;
    for (const done of reads) done(outcome);
  }

  #takeRound(): Round {
    const round = this.#rounds.shift() as Round;
    this.#asked -= round.reads.length;
    return round;
  }
}
