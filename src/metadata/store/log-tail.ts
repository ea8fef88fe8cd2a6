import { assert } from '../../base/assert.js';
import type { Entry, LogIndex, Term } from '../../raft/messages.js';

/** The entry before the first that the log still has. */
export interface Compacted {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Entries of the log that are durable, in memory. */
export class LogTail {
  /** Last entry of a write that was begun; at least `lastIndex`, unless one under way cuts entries off. */
  writtenUpTo: LogIndex;
  #compacted: Compacted;
  /** `#entries[#skipped]` is the first. What is before it goes when it is much. */
  #entries: (Entry | null)[];
  #skipped = 0;

  constructor(compacted: Compacted, entries: readonly Entry[]) {
    this.#compacted = compacted;
    this.#entries = [...entries];
    this.writtenUpTo = this.lastIndex;
  }

  get firstIndex(): LogIndex {
    return this.#compacted.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#compacted.index + this.#entries.length - this.#skipped;
  }

  termAt(index: LogIndex): Term | null {
    if (index === this.#compacted.index) return this.#compacted.term;
    return this.#at(index)?.term ?? null;
  }

  /** As the port says. */
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | null {
    if (from < this.firstIndex) return null;
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = from; index < to; index += 1) {
      const entry = this.#at(index);
      if (entry === null) break;
      bytes += entry.data.length;
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const first = entries[0].index;
    assert(first >= this.firstIndex && first <= this.lastIndex + 1, 'a log has no gaps, and what is compacted stays');
    this.#entries.length = this.#skipped + first - this.firstIndex;
    for (const entry of entries) this.#entries.push(entry);
  }

  compact(index: LogIndex): void {
    const term = this.termAt(index);
    assert(term !== null && index <= this.lastIndex, 'only what is there is compacted');
    for (let at = this.firstIndex; at <= index; at += 1) {
      this.#entries[this.#skipped] = null;
      this.#skipped += 1;
    }
    this.#compacted = { index, term };
    if (this.#skipped * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#skipped);
    this.#skipped = 0;
  }

  /** Nothing is left: a snapshot took its place. */
  reset(index: LogIndex, term: Term): void {
    this.#compacted = { index, term };
    this.#entries = [];
    this.#skipped = 0;
  }

  #at(index: LogIndex): Entry | null {
    if (index < this.firstIndex) return null;
    return this.#entries[this.#skipped + index - this.firstIndex] ?? null;
  }
}
