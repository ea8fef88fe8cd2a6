import { NEVER, type RecordFacts, type RecordReader, type TakeStatus } from './cursor-options.js';
import type { Ledger } from './ledger.js';
import { ReadAhead } from './read-ahead.js';
import type { Waiter } from './waiter.js';

/** Records that one call settles or rejects in passing, at most. */
const PASSED_MAX = 1024;
const NONE = -1;

type Verdict = 'take' | 'refuse' | 'skip' | 'later' | 'expired' | 'limit';

/*
  Which record is next for a waiter:

    1. again        released records, in their order
    2. read ahead   unread records that were looked at before, by priority
    3. read head    the log

  With priorities the read ahead is filled before it is asked, and step 3 is part of that. What is skipped or too old is dealt with in passing.
  A record that a waiter's filter refuses stays for others, and does not hold back later ones, not even of its key.
*/
export class Selection {
  /** Of the record found: its slot if it was remembered, else -1; its offset, bytes and ordering key. */
  slot: number = NONE;
  offset = 0;
  size = 0;
  key = 0;
  /** After `later`: the record that is not in memory. */
  wanted = 0;
  readonly readAhead: ReadAhead;
  readonly #ledger: Ledger;
  readonly #hasPriorities: boolean;
  readonly #facts: RecordFacts = { size: 0, priority: 0, key: 0, expiresAt: NEVER };
  #verdict: Verdict = 'refuse';
  #passesLeft = 0;
  #unreadGoneSeen = 0;
  #unreadFirst = Number.POSITIVE_INFINITY;
  // The question that is being answered.
  #now = 0;
  #waiter: Waiter;
  #reader: RecordReader;

  constructor(ledger: Ledger, nobody: Waiter, nothing: RecordReader) {
    this.#ledger = ledger;
    this.#hasPriorities = ledger.options.priorities > 1;
    this.readAhead = new ReadAhead(ledger.options.priorities, ledger.options.scanAhead);
    this.#waiter = nobody;
    this.#reader = nothing;
  }

  /** On `taken` the record is out of the read ahead, or the read head is past it: the caller holds or settles it now. */
  find(now: number, waiter: Waiter, reader: RecordReader): TakeStatus {
    this.#now = now;
    this.#waiter = waiter;
    this.#reader = reader;
    this.#passesLeft = PASSED_MAX;
    const again = this.#findAgain();
    if (again !== 'empty') return again;
    if (!waiter.settlesAtOnce && this.#ledger.slab.isFull) return 'full';
    const filled = this.#hasPriorities ? this.#readOn() : 'empty';
    const ahead = this.#findAhead();
    if (ahead !== 'empty') return ahead;
    return this.#hasPriorities ? filled : this.#readOn();
  }

  /** The oldest ready record. @returns its offset, with `slot` set if it waits; -1 if nothing is ready. */
  oldestReady(): number {
    const { again, options, slab } = this.#ledger;
    const unread = this.#oldestUnread();
    this.slot = again.first;
    if (this.slot === NONE) return unread;
    const offset = slab.offsets[this.slot];
    if (unread === NONE || options.redelivery === 'release' || offset < unread) return offset;
    this.slot = NONE;
    return unread;
  }

  /** Whether the record is too old; false if it is not in memory or to be skipped. */
  isExpired(now: number, offset: number, reader: RecordReader): boolean {
    const found = this.#look(offset, reader);
    return found === 'ok' && this.#facts.expiresAt !== NEVER && this.#facts.expiresAt <= now;
  }

  #oldestUnread(): number {
    const { readAhead } = this;
    const next = this.#ledger.nextUnread();
    for (let entry = readAhead.oldest(); entry !== NONE; entry = readAhead.oldest()) {
      const offset = readAhead.offsets[entry];
      if (this.#ledger.isUnread(offset)) return offset;
      readAhead.remove(entry);
    }
    return next < this.#ledger.tail ? next : NONE;
  }

  #findAgain(): TakeStatus {
    const ledger = this.#ledger;
    const { again, options } = ledger;
    this.#unreadFirst = this.#restoredUnread();
    const isPicky = options.hasLocks || this.#waiter.accepts !== null;
    while (again.length > 0) {
      const slot = isPicky ? again.search(options.scanAhead, this.#isDecided) : again.first;
      if (slot === NONE) return 'empty';
      if (!isPicky) this.#verdict = this.#judge(slot);
      const offset = ledger.slab.offsets[slot];
      if (this.#verdict === 'take') {
        this.slot = slot;
        this.offset = offset;
        this.size = this.#facts.size;
        return 'taken';
      }
      if (this.#verdict === 'later') {
        this.wanted = offset;
        return 'later';
      }
      if (this.#passesLeft === 0) return 'more';
      this.#passesLeft -= 1;
      if (this.#verdict === 'limit' || this.#verdict === 'expired') ledger.reject(slot, this.#verdict);
      else {
        ledger.settleSlot(slot);
        ledger.dropped += 1;
      }
    }
    return 'empty';
  }

  /**
   * With locks, after a crash: the first record that was delivered before and came back as unread. What waits behind it may be of the same key, so
   * it has to wait a bit more; unless there is no room for unread ones.
   */
  #restoredUnread(): number {
    const ledger = this.#ledger;
    if (!ledger.options.hasLocks || ledger.readHead >= ledger.deliveredBelow || ledger.slab.isFull) return Number.POSITIVE_INFINITY;
    const unread = ledger.nextUnread();
    return unread < ledger.deliveredBelow && unread < ledger.tail ? unread : Number.POSITIVE_INFINITY;
  }

  readonly #isDecided = (slot: number): boolean => {
    this.#verdict = this.#judge(slot);
    return this.#verdict !== 'refuse';
  };

  #judge(slot: number): Verdict {
    const { options, slab } = this.#ledger;
    const offset = slab.offsets[slot];
    if (options.deliveriesMax > 0 && slab.counts[slot] >= options.deliveriesMax) return 'limit'; // Restored under a lower limit.
    if (offset > this.#unreadFirst || !this.#isFree(this.#ledger.keyOf(slot), offset)) return 'refuse';
    const found = this.#look(offset, this.#reader);
    if (found !== 'ok') return found;
    if (this.#facts.expiresAt !== NEVER && this.#facts.expiresAt <= this.#now) return 'expired';
    return this.#isAccepted(offset) ? 'take' : 'refuse';
  }

  #findAhead(): TakeStatus {
    const { readAhead } = this;
    const ledger = this.#ledger;
    for (let entry = readAhead.first(); entry !== NONE; ) {
      const next = readAhead.after(entry);
      const offset = readAhead.offsets[entry];
      const expiresAt = readAhead.expiries[entry];
      if (!ledger.isUnread(offset)) readAhead.remove(entry);
      else if (expiresAt !== NEVER && expiresAt <= this.#now) {
        if (!ledger.rejectUnread(offset, 'expired')) return 'full';
        readAhead.remove(entry);
      } else if (this.#isFree(readAhead.keys[entry], offset) && this.#isAccepted(offset)) {
        this.#found(offset, readAhead.sizes[entry], readAhead.keys[entry]);
        readAhead.remove(entry);
        return 'taken';
      }
      entry = next;
    }
    return 'empty';
  }

  /** Goes on in the log: to the first record for the waiter, or with priorities until the read ahead is full. */
  #readOn(): TakeStatus {
    const ledger = this.#ledger;
    const facts = this.#facts;
    for (;;) {
      const offset = ledger.nextUnread();
      if (offset >= ledger.tail || (this.#hasPriorities && this.#isFull())) return 'empty';
      const found = this.#look(offset, this.#reader);
      if (found === 'later') {
        this.wanted = offset;
        return 'later';
      }
      if (found === 'ok' && (facts.expiresAt === NEVER || facts.expiresAt > this.#now)) {
        if (!this.#hasPriorities && this.#isFree(facts.key, offset) && this.#isAccepted(offset)) {
          this.#found(offset, facts.size, facts.key);
          ledger.readHead = offset + 1;
          return 'taken';
        }
        if (this.#isFull()) return 'empty';
        this.readAhead.push(offset, facts);
      } else {
        if (this.#passesLeft === 0) return 'more';
        this.#passesLeft -= 1;
        if (found === 'ok') {
          if (!ledger.rejectUnread(offset, 'expired')) return 'full';
        } else {
          ledger.settleOffset(offset);
          ledger.dropped += 1;
        }
      }
      ledger.readHead = offset + 1;
    }
  }

  /** Whether there is no room to read ahead, even without what is not unread any more. */
  #isFull(): boolean {
    const { readAhead } = this;
    if (!readAhead.isFull || this.#unreadGoneSeen === this.#ledger.unreadGone) return readAhead.isFull;
    this.#unreadGoneSeen = this.#ledger.unreadGone;
    for (let entry = readAhead.first(); entry !== NONE; ) {
      const next = readAhead.after(entry);
      if (!this.#ledger.isUnread(readAhead.offsets[entry])) readAhead.remove(entry);
      entry = next;
    }
    return readAhead.isFull;
  }

  #found(offset: number, size: number, key: number): void {
    this.slot = NONE;
    this.offset = offset;
    this.size = size;
    this.key = key;
  }

  #isFree(key: number, offset: number): boolean {
    return !this.#ledger.options.hasLocks || this.#ledger.locks.mayTake(key, offset, this.#waiter.consumer);
  }

  #isAccepted(offset: number): boolean {
    return this.#waiter.accepts === null || this.#waiter.accepts(offset);
  }

  #look(offset: number, reader: RecordReader): 'ok' | 'skip' | 'later' {
    const facts = this.#facts;
    facts.size = 0;
    facts.priority = 0;
    facts.key = 0;
    facts.expiresAt = NEVER;
    return reader.look(offset, facts);
  }
}
