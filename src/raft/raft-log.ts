import { assert } from '../base/assert.js';
import { entriesBytes } from './entry-size.js';
import { NO_ENTRIES } from './make-message.js';
import type { Entry, LogIndex, Snapshot, Term } from './messages.js';
import type { LogReader } from './ports.js';
import { UnstableLog } from './unstable-log.js';

/**
 * The log as the node sees it: the durable one and the unstable tail.
 *
 *     compacted | durable ............... | unstable ............ |
 *                  ^ applied  ^ applying          ^ committed       ^ last
 *
 * Invariant: applied <= applying <= committed <= last. Entries may be committed, by others, before they are durable here.
 */
export class RaftLog {
  readonly #reader: LogReader;
  readonly #unstable: UnstableLog;
  #committed: LogIndex;
  #applying: LogIndex; // Handed out to be applied.
  #applied: LogIndex;
  readonly #applyingBytesMax: number;
  #applyingBytes = 0; // Of entries handed out and not applied.
  #isApplyingPaused = false;

  constructor(reader: LogReader, applyingBytesMax: number) {
    assert(applyingBytesMax > 0, 'something can be applied');
    this.#reader = reader;
    this.#unstable = new UnstableLog(reader.lastIndex + 1);
    this.#committed = reader.firstIndex - 1;
    this.#applying = this.#committed;
    this.#applied = this.#committed;
    this.#applyingBytesMax = applyingBytesMax;
  }

  get committed(): LogIndex {
    return this.#committed;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  get firstIndex(): LogIndex {
    return this.#unstable.firstIndex ?? this.#reader.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#unstable.lastIndex ?? this.#reader.lastIndex;
  }

  get lastTerm(): Term {
    const term = this.termAt(this.lastIndex);
    assert(term !== null, 'the term of the last entry is known');
    return term;
  }

  /** Of an entry, or of the one before the first; null if it is compacted or not there. */
  termAt(index: LogIndex): Term | null {
    const term = this.#unstable.termAt(index);
    if (term !== null) return term;
    if (index + 1 < this.firstIndex || index > this.lastIndex) return null;
    return this.#reader.termAt(index);
  }

  matches(index: LogIndex, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** A log with this last entry has all that this one has (Raft paper §5.4.1). */
  isUpToDate(lastTerm: Term, lastIndex: LogIndex): boolean {
    const ownTerm = this.lastTerm;
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex);
  }

  snapshot(): Snapshot | null {
    return this.#unstable.snapshot ?? this.#reader.snapshot();
  }

  /** Entries from `from` on, as many as fit and at least one; null if `from` is compacted. */
  entriesFrom(from: LogIndex, bytesMax: number): readonly Entry[] | null {
    const last = this.lastIndex;
    return from > last ? NO_ENTRIES : this.slice(from, last + 1, bytesMax);
  }

  /** Entries of `[from, to)`, as many as fit and at least one; null if `from` is compacted. */
  slice(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | null {
    assert(from < to && to <= this.lastIndex + 1, 'the entries are in the log');
    if (from < this.firstIndex) return null;
    const offset = this.#unstable.offset;
    if (from >= offset) return this.#unstable.slice(from, to, bytesMax);
    const cut = Math.min(to, offset);
    const durable = this.#reader.entries(from, cut, bytesMax);
    if (durable === null) return null;
    assert(durable.length > 0 && durable[0].index === from, 'the storage has what it said it has');
    if (to <= offset || durable.length < cut - from) return durable;
    const bytesLeft = bytesMax - entriesBytes(durable);
    if (bytesLeft <= 0) return durable;
    const rest = this.#unstable.slice(offset, to, bytesLeft);
    return entriesBytes(rest) > bytesLeft ? durable : durable.concat(rest);
  }

  /** By a leader. */
  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    assert(entries[0].index > this.#committed, 'what is committed is never replaced');
    this.#unstable.truncateAndAppend(entries);
  }

  /**
   * By a follower: entries after (index, term), without replacing any that are the same.
   * @returns false if the log does not have that entry.
   */
  maybeAppend(index: LogIndex, term: Term, entries: readonly Entry[]): boolean {
    if (!this.matches(index, term)) return false;
    const news = entries.findIndex((entry) => !this.matches(entry.index, entry.term));
    if (news >= 0) {
      // All nodes run this code. A leader that contradicts what is committed is our bug, on whatever node, and going on would spread it.
      this.append(news === 0 ? entries : entries.slice(news));
    }
    return true;
  }

  /**
   * A guess where this log and another one, of which only (index, term) is known, begin to differ.
   * @returns the largest index up to `index` with a term up to `term`; a term of 0 if it is not known here.
   */
  lastNotAfter(index: LogIndex, term: Term): { readonly index: LogIndex; readonly term: Term } {
    for (let at = index; at > 0; at -= 1) {
      const own = this.termAt(at);
      if (own === null) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Never goes back. */
  commitTo(index: LogIndex): void {
    if (index <= this.#committed) return;
    assert(index <= this.lastIndex, 'what is committed is in the log');
    this.#committed = index;
  }

  /** If the log has this entry. A leader commits so entries of its own term only: those before come along (Raft paper §5.4.2). */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (index <= this.#committed || !this.matches(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  restore(snapshot: Snapshot): void {
    assert(snapshot.index > this.#committed, 'a snapshot takes the log forward');
    this.#committed = snapshot.index;
    this.#unstable.restore(snapshot);
  }

  get hasUnstableEntries(): boolean {
    return this.#unstable.entryCount > 0;
  }

  get hasNextUnstableEntries(): boolean {
    return this.#unstable.hasNextEntries;
  }

  get hasUnstableSnapshot(): boolean {
    return this.#unstable.snapshot !== null;
  }

  nextUnstableEntries(): readonly Entry[] {
    return this.#unstable.hasNextEntries ? this.#unstable.nextEntries() : NO_ENTRIES;
  }

  nextUnstableSnapshot(): Snapshot | null {
    return this.#unstable.nextSnapshot();
  }

  acceptUnstable(): void {
    this.#unstable.acceptInProgress();
  }

  stableTo(index: LogIndex, term: Term): void {
    this.#unstable.stableTo(index, term);
  }

  snapshotStableTo(index: LogIndex): void {
    this.#unstable.snapshotStableTo(index);
  }

  /** @param isUnstableAllowed entries that are not durable here may be applied: they are written before. */
  hasNextCommitted(isUnstableAllowed: boolean): boolean {
    // A snapshot comes first, and entries only after it.
    if (this.#isApplyingPaused || this.hasUnstableSnapshot) return false;
    return this.#applying < this.#appliableTo(isUnstableAllowed);
  }

  nextCommitted(isUnstableAllowed: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(isUnstableAllowed)) return NO_ENTRIES;
    const bytesMax = this.#applyingBytesMax - this.#applyingBytes;
    assert(bytesMax > 0, 'applying goes on only while something fits');
    const entries = this.slice(this.#applying + 1, this.#appliableTo(isUnstableAllowed) + 1, bytesMax);
    assert(entries !== null, 'what is not applied is not compacted');
    return entries;
  }

  acceptApplying(entries: readonly Entry[], isUnstableAllowed: boolean): void {
    if (entries.length === 0) return;
    this.#applying = entries[entries.length - 1].index;
    this.#applyingBytes += entriesBytes(entries);
    // Handed out less than there was: the next one did not fit.
    const hasMore = this.#applying < this.#appliableTo(isUnstableAllowed);
    this.#isApplyingPaused = hasMore || this.#applyingBytes >= this.#applyingBytesMax;
    this.#assertInvariants();
  }

  /** @param bytes of the entries that were handed out and are applied now. */
  appliedTo(index: LogIndex, bytes: number): void {
    this.#applied = Math.max(this.#applied, index);
    this.#applying = Math.max(this.#applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#isApplyingPaused = this.#applyingBytes >= this.#applyingBytesMax;
    this.#assertInvariants();
  }

  #appliableTo(isUnstableAllowed: boolean): LogIndex {
    return isUnstableAllowed ? this.#committed : Math.min(this.#committed, this.#unstable.offset - 1);
  }

  #assertInvariants(): void {
    assert(this.#applied <= this.#applying, 'entries are handed out before they are applied');
    assert(this.#applying <= this.#committed, 'entries are committed before they are applied');
  }
}
