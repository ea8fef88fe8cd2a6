import { assert } from '../base/assert.js';
import { countFitting } from './entry-size.js';
import type { Entry, LogIndex, Snapshot, Term } from './messages.js';

/**
 * What is not known to be durable: the tail of the log, and a snapshot that replaces all before it.
 *
 *     durable log        | being written        | not handed out yet   |
 *                        ^ offset               ^ offsetInProgress     ^ offset + count
 *
 * An entry leaves when the storage says so and is then read from there. It may be replaced while it is being written: the storage writes
 * in order, so the later one wins there too.
 */
export class UnstableLog {
  #entries: Entry[] = [];
  #offset: LogIndex; // Index of #entries[0].
  #offsetInProgress: LogIndex; // Invariant: #offset <= #offsetInProgress <= #offset + #entries.length.
  #snapshot: Snapshot | null = null;
  #isSnapshotInProgress = false;

  constructor(offset: LogIndex) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }

  get offset(): LogIndex {
    return this.#offset;
  }

  get entryCount(): number {
    return this.#entries.length;
  }

  /** Being written or not. */
  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** null: the storage knows. */
  get firstIndex(): LogIndex | null {
    return this.#snapshot === null ? null : this.#snapshot.index + 1;
  }

  /** null: the storage knows. */
  get lastIndex(): LogIndex | null {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1;
    return this.#snapshot === null ? null : this.#snapshot.index;
  }

  /** null: it is not here. */
  termAt(index: LogIndex): Term | null {
    if (index < this.#offset) return this.#snapshot?.index === index ? this.#snapshot.term : null;
    const at = index - this.#offset;
    return at < this.#entries.length ? this.#entries[at].term : null;
  }

  get hasNextEntries(): boolean {
    return this.#offsetInProgress < this.#offset + this.#entries.length;
  }

  nextEntries(): readonly Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  nextSnapshot(): Snapshot | null {
    return this.#isSnapshotInProgress ? null : this.#snapshot;
  }

  /** All that was next is being written from now on. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.#offset + this.#entries.length;
    this.#isSnapshotInProgress = this.#snapshot !== null;
  }

  /** Entries up to this one are durable; if it is not this one any more, another write is under way that will tell. */
  stableTo(index: LogIndex, term: Term): void {
    if (index < this.#offset || this.termAt(index) !== term) return;
    this.#entries.splice(0, index + 1 - this.#offset);
    this.#offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
    this.#assertInvariants();
  }

  snapshotStableTo(index: LogIndex): void {
    if (this.#snapshot?.index !== index) return;
    this.#snapshot = null;
    this.#isSnapshotInProgress = false;
  }

  restore(snapshot: Snapshot): void {
    this.#entries = [];
    this.#offset = snapshot.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#snapshot = snapshot;
    this.#isSnapshotInProgress = false;
  }

  /** `entries` replace all from the index of the first one on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0].index;
    assert(from <= this.#offset + this.#entries.length, 'the log has no gap');
    if (from <= this.#offset) {
      this.#entries = entries.slice();
      this.#offset = from;
      this.#offsetInProgress = from;
    } else {
      this.#entries.length = from - this.#offset;
      for (const entry of entries) this.#entries.push(entry);
      this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
    }
    this.#assertInvariants();
  }

  /** Entries of `[from, to)`, as many as fit and at least one; all of them are here. */
  slice(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    assert(from >= this.#offset && from < to && to <= this.#offset + this.#entries.length, 'the entries are here');
    const at = from - this.#offset;
    return this.#entries.slice(at, at + countFitting(this.#entries, at, to - this.#offset, bytesMax));
  }

  #assertInvariants(): void {
    assert(this.#offset <= this.#offsetInProgress, 'what is written was not durable before');
    assert(this.#offsetInProgress <= this.#offset + this.#entries.length, 'what is written is in the log');
  }
}
