import { assert } from '../../src/base/assert.js';
import { countFitting } from '../../src/raft/entry-size.js';
import {
  type ConfigurationState,
  EMPTY_CONFIGURATION,
  EMPTY_HARD_STATE,
  type Entry,
  type HardState,
  type LogIndex,
  type Snapshot,
  type Term,
} from '../../src/raft/messages.js';
import type { LogReader } from '../../src/raft/ports.js';

/** A log in arrays, for tests and simulations. What is written is durable at once. */
export class MemoryLog implements LogReader {
  #hardState: HardState = EMPTY_HARD_STATE;
  #snapshot: Snapshot | null = null;
  #configuration: ConfigurationState;
  #offset: LogIndex = 0; // Of the entry before the first.
  #offsetTerm: Term = 0;
  #entries: Entry[] = [];

  /** @param configuration of a log without a snapshot. */
  constructor(configuration: ConfigurationState = EMPTY_CONFIGURATION) {
    this.#configuration = configuration;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get configuration(): ConfigurationState {
    return this.#configuration;
  }

  get firstIndex(): LogIndex {
    return this.#offset + 1;
  }

  get lastIndex(): LogIndex {
    return this.#offset + this.#entries.length;
  }

  termAt(index: LogIndex): Term | null {
    if (index === this.#offset) return this.#offsetTerm;
    return this.#entries[index - this.#offset - 1]?.term ?? null;
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | null {
    if (from <= this.#offset) return null;
    assert(from <= to && to <= this.lastIndex + 1, 'the entries are in the log');
    const at = from - this.#offset - 1;
    return this.#entries.slice(at, at + countFitting(this.#entries, at, to - this.#offset - 1, bytesMax));
  }

  snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** They replace those from the first one's index on; compacted ones are skipped. */
  append(entries: readonly Entry[]): void {
    const news = entries.filter(({ index }) => index > this.#offset);
    if (news.length === 0) return;
    assert(news[0].index <= this.lastIndex + 1, 'the log has no gap');
    this.#entries = this.#entries.slice(0, news[0].index - this.#offset - 1).concat(news);
  }

  /** Entries up to `index` go. */
  compact(index: LogIndex): void {
    const term = this.termAt(index);
    assert(term !== null && index > this.#offset, 'only entries that are there can go');
    this.#entries = this.#entries.slice(index - this.#offset);
    this.#offset = index;
    this.#offsetTerm = term;
  }

  /** The newest state; the log stays as it is. */
  setSnapshot(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#configuration = snapshot.configuration;
  }

  /** The log begins after the snapshot; of entries before nothing is left. */
  applySnapshot(snapshot: Snapshot): void {
    this.setSnapshot(snapshot);
    this.#entries = [];
    this.#offset = snapshot.index;
    this.#offsetTerm = snapshot.term;
  }
}
