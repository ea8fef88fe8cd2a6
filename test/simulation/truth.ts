import type { CommandOutcome } from '../../src/metadata/catalogue/commands.js';
import type { ConfigurationState, Entry, LogIndex, NodeId, Term } from '../../src/raft/messages.js';
import { crc32c } from '../../src/wire/crc32c.js';

interface Applied {
  /** -1: a configuration, whose entry the state machine does not see. */
  readonly term: Term;
  /** Of data, or of the configuration. */
  readonly checksum: number;
  readonly outcomes: number;
  readonly by: NodeId;
  /** Term of the node when it applied this; it was committed in that one, or before. */
  readonly committedIn: Term;
}

interface Written {
  readonly checksum: number;
  readonly previousTerm: Term | null;
}

/** More entries than that are not compared any more. */
const WRITTEN_MAX = 50_000;
const CONFIGURATION_TERM = -1;

/** Something that must never be. Ends the run. */
export class Violation extends Error {}

/*
  What all nodes together must agree on. It only grows: the first node that says something makes it true for all others, also for those that had
  been ended, and come back.

      election safety         a term has one leader
      log matching            an entry of the same index and term is the same, and so is the one before it
      state machine safety    an index is applied once, in order, everywhere with the same entry, outcomes and state
*/
export class Truth {
  /** Of the last entry that anybody applied. */
  last: LogIndex = 0;
  /** Snapshots that took the place of a state that was there. */
  replacedCount = 0;
  readonly #applied: Applied[] = [];
  readonly #states = new Map<LogIndex, { readonly checksum: number; readonly by: NodeId }>();
  readonly #leaders = new Map<Term, NodeId>();
  readonly #written = new Map<number, Written>();
  /** How far each state machine is, since its node began. */
  readonly #machines = new Map<NodeId, LogIndex>();

  /** A node begins, with an empty state. */
  onBegin(node: NodeId): void {
    this.#machines.set(node, 0);
  }

  onLeader(node: NodeId, term: Term): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== node) {
      throw new Violation(`election safety: nodes ${other} and ${node} lead in term ${term}`);
    }
    this.#leaders.set(term, node);
  }

  get electionCount(): number {
    return this.#leaders.size;
  }

  onEntry(node: NodeId, entry: Entry, previousTerm: Term | null): void {
    const key = entry.term * 2 ** 32 + entry.index;
    const checksum = crc32c(entry.data, 0, entry.data.length);
    const known = this.#written.get(key);
    if (known === undefined) {
      if (this.#written.size >= WRITTEN_MAX) this.#written.clear();
      this.#written.set(key, { checksum, previousTerm });
      return;
    }
    const isSamePrevious = previousTerm === null || known.previousTerm === null || previousTerm === known.previousTerm;
    if (known.checksum !== checksum || !isSamePrevious) {
      throw new Violation(`log matching: node ${node} has another entry or history at index ${entry.index} of term ${entry.term}`);
    }
  }

  onApplied(node: NodeId, committedIn: Term, entry: Entry, outcomes: readonly CommandOutcome[]): void {
    const checksum = crc32c(entry.data, 0, entry.data.length);
    this.#note(node, entry.index, { term: entry.term, checksum, outcomes: hashOf(outcomes), by: node, committedIn });
  }

  onConfiguration(node: NodeId, committedIn: Term, configuration: ConfigurationState, index: LogIndex): void {
    const text = Buffer.from(JSON.stringify(configuration));
    const checksum = crc32c(text, 0, text.length);
    const at = this.#machines.get(node) ?? 0;
    if (index === at + 1) this.#note(node, index, { term: CONFIGURATION_TERM, checksum, outcomes: 0, by: node, committedIn });
    else if (at === 0)
      this.#machines.set(node, index); // The configuration that came with the first snapshot.
    else if (index !== at) throw new Violation(`state machine safety: node ${node} at index ${at} is given a configuration of ${index}`);
  }

  /** A snapshot took the place of the state. */
  onRestored(node: NodeId, index: LogIndex): void {
    const before = this.#machines.get(node) ?? 0;
    if (index < before) throw new Violation(`state machine safety: node ${node} went back from index ${before} to a snapshot at ${index}`);
    if (index > this.last)
      throw new Violation(`state machine safety: a snapshot at ${index}, and nobody has applied more than ${this.last}`);
    if (before > 0) this.replacedCount += 1;
    this.#machines.set(node, index);
  }

  onState(node: NodeId, index: LogIndex, checksum: number): void {
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { checksum, by: node });
    else if (known.checksum !== checksum) {
      throw new Violation(`state machine equality: nodes ${known.by} and ${node} have other states at index ${index}`);
    }
  }

  /** Of the entry that was applied at `index`; null if that is not known. */
  termAt(index: LogIndex): Term | null {
    const term = this.#applied[index]?.term ?? CONFIGURATION_TERM;
    return term === CONFIGURATION_TERM ? null : term;
  }

  /** The last entry that every leader of this term must have. */
  lastCommittedBefore(term: Term): LogIndex {
    let last = this.last;
    while (last > 0 && (this.#applied[last]?.committedIn ?? 0) >= term) last -= 1;
    return last;
  }

  #note(node: NodeId, index: LogIndex, applied: Applied): void {
    const before = this.#machines.get(node) ?? 0;
    // The first entry of a new cluster stands behind the state with which it begins.
    if (index !== before + 1) throw new Violation(`state machine safety: node ${node} applied ${index} after ${before}`);
    this.#machines.set(node, index);
    this.last = Math.max(this.last, index);
    const known = this.#applied[index];
    if (known === undefined) {
      this.#applied[index] = applied;
      return;
    }
    if (known.term !== applied.term || known.checksum !== applied.checksum) {
      throw new Violation(
        `state machine safety: at index ${index} node ${known.by} applied an entry of term ${known.term}, node ${node} one of ${applied.term}`,
      );
    }
    if (known.outcomes !== applied.outcomes) {
      throw new Violation(`state machine equality: nodes ${known.by} and ${node} got other outcomes at index ${index}`);
    }
  }
}

function hashOf(outcomes: readonly CommandOutcome[]): number {
  let hash = 0;
  for (const outcome of outcomes) {
    const fact = outcome.isOk ? outcome.revision * 2 + 1 : outcome.currentRevision * 2 + outcome.code.length * 2 ** 20;
    hash = Math.imul(hash ^ fact, 0x01000193) >>> 0;
  }
  return hash;
}
