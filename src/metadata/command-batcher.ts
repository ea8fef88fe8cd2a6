import type { Clock } from '../base/clock.js';
import type { ProposalOutcome } from '../raft/driver/ports.js';
import { WireViolation } from '../wire/violation.js';
import { encodeBatch, envelopeBytesMax } from './catalogue/command-codec.js';
import type { CommandEnvelope, CommandOutcome } from './catalogue/commands.js';

/** An entry of the log. Larger ones hold up heartbeats; smaller ones cost a header each. */
const ENTRY_BYTES_MAX = 256 * 1024;
const ENTRY_COMMANDS_MAX = 4096;

/** invalid: the commands cannot be written down, and are in no log. */
export type CommandsOutcome = ProposalOutcome<readonly CommandOutcome[]> | { readonly kind: 'invalid'; readonly why: string };
export type CommandsDone = (outcome: CommandsOutcome) => void;

interface Caller {
  readonly envelopes: readonly CommandEnvelope[];
  readonly done: CommandsDone;
}

/** Where entries go: RaftDriver.propose. */
export type ProposeEntry = (data: Uint8Array, done: CommandsDone) => void;

/*
  Commands of many callers become one entry of the log for each turn of the event loop: one write, one flush, one message to each peer. The more
  callers there are, the less each costs.

    caller a: [x, y]  caller b: [z]   ->   entry: at, x, y, z   ->   a is told of x, y; b of z
*/
export class CommandBatcher {
  readonly #clock: Clock;
  readonly #propose: ProposeEntry;
  #callers: Caller[] = [];

  constructor(clock: Clock, propose: ProposeEntry) {
    this.#clock = clock;
    this.#propose = propose;
  }

  get hasWork(): boolean {
    return this.#callers.length > 0;
  }

  /** The commands of one call stay together, in one entry. */
  add(envelopes: readonly CommandEnvelope[], done: CommandsDone): void {
    this.#callers.push({ envelopes, done });
  }

  /** Once in a turn. */
  flush(): void {
    const callers = this.#callers;
    this.#callers = [];
    let first = 0;
    let bytes = 0;
    let count = 0;
    for (let at = 0; at < callers.length; at += 1) {
      const { envelopes } = callers[at];
      let more = 0;
      for (const envelope of envelopes) more += envelopeBytesMax(envelope);
      if (count > 0 && (bytes + more > ENTRY_BYTES_MAX || count + envelopes.length > ENTRY_COMMANDS_MAX)) {
        this.#proposeFor(callers.slice(first, at));
        first = at;
        bytes = 0;
        count = 0;
      }
      bytes += more;
      count += envelopes.length;
    }
    if (first < callers.length) this.#proposeFor(callers.slice(first));
  }

  #proposeFor(callers: readonly Caller[]): void {
    const envelopes = callers.length === 1 ? callers[0].envelopes : callers.flatMap((caller) => caller.envelopes);
    let entry: Uint8Array;
    try {
      entry = encodeBatch({ atMs: this.#clock.nowMs(), envelopes });
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      // One of them is bad: the others must not suffer.
      if (callers.length > 1) for (const caller of callers) this.#proposeFor([caller]);
      else callers[0].done({ kind: 'invalid', why: error.message });
      return;
    }
    this.#propose(entry, (outcome) => {
      if (outcome.kind !== 'applied') {
        for (const { done } of callers) done(outcome);
        return;
      }
      let at = 0;
      for (const caller of callers) {
        const end = at + caller.envelopes.length;
        caller.done({ kind: 'applied', index: outcome.index, result: outcome.result.slice(at, end) });
        at = end;
      }
    });
  }
}
