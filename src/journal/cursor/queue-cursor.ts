import { assert } from '../../base/assert.js';
import { Acknowledgements } from './acknowledgements.js';
import type { RowSink } from './cursor-journal.js';
import { CursorJournal } from './cursor-journal.js';
import {
  ANY_TOKEN,
  type CursorOptions,
  type CursorOutcome,
  type CursorStats,
  completeOptions,
  isOffset,
  NEVER,
  newTaken,
  OFFSET_MAX,
  type RecordReader,
  type Rejected,
  type RejectReason,
  type Release,
  type Taken,
  type TakeStatus,
} from './cursor-options.js';
import { KEEP_IN_HANDS, KEEP_NONE, Ledger } from './ledger.js';
import { PHASE } from './record-slab.js';
import { Selection } from './selection.js';
import { Waiter } from './waiter.js';
import { WaiterLine } from './waiter-line.js';

/** idle: nobody waits, or nothing is ready for who does. The others as in TakeStatus. */
export type DispatchStatus = 'idle' | 'full' | 'later' | 'more';

/*
  A queue over one log: who gets which record next, and what became of those that were given out. One cursor for a group and partition; every
  protocol is an adapter of it. Pure: time comes with each call, records through a RecordReader, durability through `drain`.

    producer -> log -> append(tail) -> | cursor | -> dispatch / take -> consumer
                                       |        | <- settle, release, extend, reject
              journal <- drain <------ |        | -> nextRejected -> dead letters
*/
export class QueueCursor {
  readonly options: CursorOptions;
  readonly #ledger: Ledger;
  readonly #selection: Selection;
  readonly #acknowledgements: Acknowledgements;
  readonly #line = new WaiterLine();
  readonly #journal: CursorJournal | null;
  readonly #taken: Taken = newTaken(); // For `dispatch`.

  /** @param journal null: none is written. See `createCursor` and `restoreCursor`. */
  constructor(ledger: Ledger, journal: CursorJournal | null) {
    this.options = ledger.options;
    this.#ledger = ledger;
    this.#journal = journal;
    this.#selection = new Selection(ledger, new Waiter({ consumer: -1 }), { look: () => 'later' });
    this.#acknowledgements = new Acknowledgements(ledger);
  }

  // Producers.

  /** The log ends at `tail` now. */
  append(tail: number): void {
    assert(tail >= this.#ledger.tail && tail <= OFFSET_MAX, 'a log grows');
    this.#ledger.tail = tail;
  }

  /** Whether `count` more records may be appended; asked before, under `reject-publish`. */
  admits(count: number): boolean {
    const { lengthMax, overflow } = this.options;
    return lengthMax === 0 || overflow === 'drop-head' || this.#ledger.ready + count <= lengthMax;
  }

  /**
   * Under `drop-head`: the oldest ready records go until no more than `lengthMax` are left, or `limit` went. Held records stay. @returns how many.
   */
  dropExcess(limit: number): number {
    const { lengthMax, overflow } = this.options;
    if (lengthMax === 0 || overflow !== 'drop-head') return 0;
    let gone = 0;
    while (gone < limit && this.#ledger.ready > lengthMax && this.#dropOldest('length')) gone += 1;
    return gone;
  }

  /** The oldest ready records go while they are too old, at most `limit`. Those behind a younger one go when their turn comes. @returns how many. */
  dropExpired(now: number, reader: RecordReader, limit: number): number {
    let gone = 0;
    while (gone < limit) {
      const offset = this.#selection.oldestReady();
      if (offset < 0 || !this.#selection.isExpired(now, offset, reader) || !this.#dropOldest('expired')) break;
      gone += 1;
    }
    return gone;
  }

  // Consumers.

  addWaiter(waiter: Waiter): void {
    this.#line.add(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    this.#line.remove(waiter);
  }

  /** More credit; or less, by negative numbers. */
  grant(waiter: Waiter, messages: number, bytes: number): void {
    waiter.messages += messages;
    waiter.bytes += bytes;
    this.#line.placeByCredit(waiter);
  }

  /** The next record for this waiter, whether it stands in line or not. On `later`, `taken.offset` is the record that is to be brought into memory. */
  take(now: number, waiter: Waiter, reader: RecordReader, taken: Taken): TakeStatus {
    const ledger = this.#ledger;
    const { slab } = ledger;
    if (!waiter.hasCredit) return 'spent';
    if (!waiter.settlesAtOnce && slab.countOf(PHASE.held) >= this.options.heldMax) return 'full';
    const selection = this.#selection;
    const status = selection.find(now, waiter, reader);
    if (status === 'later') taken.offset = selection.wanted;
    if (status !== 'taken') return status;

    let { slot } = selection;
    const { offset } = selection;
    taken.offset = offset;
    taken.isRedelivered = slot >= 0 || offset < ledger.deliveredBelow;
    taken.count = 1 + (slot < 0 ? 0 : slab.counts[slot]);
    taken.token = ANY_TOKEN;
    if (!waiter.settlesAtOnce) {
      if (slot < 0) {
        slot = slab.allocate(offset);
        if (this.options.hasLocks) slab.orderingKeys[slot] = selection.key;
      }
      taken.token = this.#acknowledgements.newToken();
      ledger.hold(slot, waiter.consumer, taken.token, waiter.leaseMs === NEVER ? NEVER : now + waiter.leaseMs);
    } else if (slot >= 0) ledger.settleSlot(slot);
    else ledger.settleOffset(offset);
    waiter.messages -= 1;
    waiter.bytes -= selection.size;
    this.#line.onTaken(waiter);
    return 'taken';
  }

  /**
   * Serves the waiters in line, at most `limit` records. `deliver` may call the cursor; the record it is shown is the cursor's.
   * On `later`, `wanted` says which record is to be brought into memory.
   */
  dispatch(now: number, reader: RecordReader, limit: number, deliver: (waiter: Waiter, taken: Taken) => void): DispatchStatus {
    const line = this.#line;
    const taken = this.#taken;
    let waiter = line.first();
    for (let looks = 0; waiter !== null; looks += 1) {
      if (looks >= limit) return 'more';
      const status = this.take(now, waiter, reader, taken);
      if (status === 'taken') {
        deliver(waiter, taken);
        waiter = line.first();
      } else if (status === 'empty') {
        // Nothing for one that takes anything is nothing for anybody.
        if (waiter.accepts === null && !this.options.hasLocks) return 'idle';
        waiter = line.after(waiter);
      } else {
        assert(status !== 'spent', 'who stands in line has credit');
        return status;
      }
    }
    return 'idle';
  }

  /** After `later`: the record that is not in memory. */
  get wanted(): number {
    return this.#selection.wanted;
  }

  /** The consumer has done with the record. With ANY_TOKEN also a record that nobody holds is settled, unless it is rejected. */
  settle(offset: number, token: number): CursorOutcome {
    return this.#acknowledgements.settle(offset, token);
  }

  /** Settles [from, to), whatever became of the records, but not the rejected ones: their dead letters are still due. @returns how many. */
  settleRange(from: number, to: number): number {
    return this.#acknowledgements.settleRange(from, to);
  }

  /** A record that is held is another consumer's from now on, under the same token. Not with locks: they know the consumer. */
  handOver(offset: number, token: number, consumer: number): CursorOutcome {
    return this.#acknowledgements.handOver(offset, token, consumer);
  }

  /** The consumer gives the record back. If its deliveries failed too often, it is rejected. */
  release(offset: number, token: number, now: number, how: Release): CursorOutcome {
    return this.#acknowledgements.release(offset, token, now, how);
  }

  /** The consumer is gone: what it holds goes back, in the order of the log. @returns how many. */
  releaseAll(consumer: number, now: number, how: Release): number {
    return this.#acknowledgements.releaseAll(consumer, now, how);
  }

  /** The consumer needs the record until `deadline`. With `renewsToken` the token it has is void: `tokenOf` tells the new one. */
  extend(offset: number, token: number, deadline: number, renewsToken = false): CursorOutcome {
    return this.#acknowledgements.extend(offset, token, deadline, renewsToken);
  }

  /** Not to be delivered again. With ANY_TOKEN also a record that nobody holds. It is a dead letter then, if the cursor keeps those. */
  reject(offset: number, token: number, reason: RejectReason): CursorOutcome {
    return this.#acknowledgements.reject(offset, token, reason);
  }

  /** Who holds the record; -1 if nobody does. */
  holderOf(offset: number): number {
    return this.#acknowledgements.holderOf(offset);
  }

  /** Whether the consumer holds any record. */
  isHolder(consumer: number): boolean {
    return this.#ledger.slab.isHolder(consumer);
  }

  /** The token under which the record is held; ANY_TOKEN if nobody holds it. */
  tokenOf(offset: number): number {
    return this.#acknowledgements.tokenOf(offset);
  }

  // Dead letters.

  /** The rejected record whose dead letter is next. It stays until `settleRejected` or `keepRejected`. @returns false if there is none. */
  nextRejected(into: Rejected): boolean {
    return this.#acknowledgements.nextRejected(into);
  }

  /** Its dead letter is safe. */
  settleRejected(offset: number): CursorOutcome {
    return this.#acknowledgements.settleRejected(offset);
  }

  /** Its dead letter could not be written: it is the last in line for another try. */
  keepRejected(offset: number): CursorOutcome {
    return this.#acknowledgements.keepRejected(offset);
  }

  // Time and administration.

  /**
   * Deadlines and delays that have come, at most `limit`: what was held goes back as a failed delivery, what was delayed is ready. Waiters whose
   * time is up leave the line. @returns how many records.
   */
  expire(
    now: number,
    limit: number,
    onTimeout: (offset: number, consumer: number) => void,
    onWaiterExpired: (waiter: Waiter) => void,
  ): number {
    this.#line.expire(now, onWaiterExpired);
    return this.#acknowledgements.expire(now, limit, onTimeout);
  }

  /** When `expire` has something to do; infinity if never. */
  get nextDeadline(): number {
    return Math.min(this.#ledger.timers.firstKey, this.#line.nextDeadline);
  }

  /** Everything from `offset` on is unread again, everything before settled; what was held is nobody's, rejected records are forgotten. */
  seek(offset: number): CursorOutcome {
    if (!isOffset(offset)) return 'invalid';
    if (offset > this.#ledger.tail) return 'unknown';
    this.#ledger.reset(offset);
    this.#selection.readAhead.clear();
    return 'done';
  }

  /** Settles everything but what consumers hold and dead letters that are due. @returns how many. */
  purge(): number {
    return this.#ledger.settleRange(this.#ledger.settled.floor, this.#ledger.tail, KEEP_IN_HANDS);
  }

  /** The log begins at `logStart` now: what is before is gone, held or not. @returns how many records were lost by that. */
  clamp(logStart: number): number {
    const ledger = this.#ledger;
    if (logStart <= ledger.settled.floor) return 0;
    const lost = ledger.settleRange(ledger.settled.floor, Math.min(logStart, ledger.tail), KEEP_NONE);
    ledger.dropped += lost;
    if (logStart > ledger.tail) {
      ledger.settleRange(ledger.tail, logStart, KEEP_NONE);
      ledger.tail = logStart;
    }
    return lost;
  }

  /** Records before `below` that are not settled, ascending, as many as fit: what pins the log. @returns how many. */
  unsettledBelow(below: number, into: Float64Array): number {
    const { settled } = this.#ledger;
    let count = 0;
    for (let at = settled.floor; at < Math.min(below, this.#ledger.tail) && count < into.length; at = settled.nextUnsettled(at + 1)) {
      into[count] = at;
      count += 1;
    }
    return count;
  }

  /**
   * The record was copied to `to`, near the end of the log, because it pins the head: it waits or is rejected there as it was here, where it is
   * settled now. Not of a record that is held: its consumer knows it by this offset.
   */
  relocate(offset: number, to: number): CursorOutcome {
    return this.#acknowledgements.relocate(offset, to);
  }

  isSettled(offset: number): boolean {
    return this.#ledger.settled.isSettled(offset);
  }

  /** All below is settled: what nobody needs any more, as far as this cursor goes. */
  get floor(): number {
    return this.#ledger.settled.floor;
  }

  stats(): CursorStats {
    const { again, dead, dropped, locks, ready, settled, slab, tail, timers } = this.#ledger;
    return {
      floor: settled.floor,
      tail,
      ready,
      unacked: slab.countOf(PHASE.held),
      delayed: slab.countOf(PHASE.delayed),
      rejected: slab.countOf(PHASE.rejected) + slab.countOf(PHASE.burying),
      dropped,
      bytes: settled.bytes + slab.bytes + again.bytes + timers.bytes + dead.bytes + locks.bytes + this.#selection.readAhead.bytes,
    };
  }

  /** End of a turn: what the journal has to learn, as rows. They belong into one commit. @returns false if there was nothing. */
  drain(sink: RowSink): boolean {
    return this.#journal?.drain(sink) ?? false;
  }

  #dropOldest(reason: RejectReason): boolean {
    const offset = this.#selection.oldestReady();
    if (offset < 0) return false;
    const { slot } = this.#selection;
    if (slot < 0) return this.#ledger.rejectUnread(offset, reason);
    this.#ledger.reject(slot, reason);
    return true;
  }
}

/** An empty cursor that begins at `floor`: everything below counts as settled. */
export function createCursor(options: Partial<CursorOptions> = {}, floor = 0): QueueCursor {
  assert(isOffset(floor), 'a cursor begins at an offset');
  const ledger = new Ledger(completeOptions(options));
  ledger.tail = floor;
  ledger.reset(floor);
  return new QueueCursor(ledger, ledger.options.isJournaled ? new CursorJournal(ledger) : null);
}
