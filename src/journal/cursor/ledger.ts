import { assert } from '../../base/assert.js';
import {
  ANY_TOKEN,
  type CursorOptions,
  NEVER,
  NO_KEY,
  OFFSET_MAX,
  REJECT_REASONS,
  type RejectReason,
  type Release,
} from './cursor-options.js';
import { KeyLocks } from './key-locks.js';
import { PendingChanges } from './pending-changes.js';
import { MARK, PHASE, RecordSlab } from './record-slab.js';
import { PAGE_OFFSETS, SettledPages } from './settled-pages.js';
import { SlotHeap } from './slot-heap.js';

/** Records that a consumer has or that are on their way to their dead letter. */
export const KEEP_IN_HANDS: number = (1 << PHASE.held) | (1 << PHASE.rejected) | (1 << PHASE.burying);
export const KEEP_REJECTED: number = (1 << PHASE.rejected) | (1 << PHASE.burying);
export const KEEP_NONE = 0;

/*
  Where every offset of the log stands, and the moves between (cursor-options.ts has the words). Whatever is not in the slab is settled or unread:

    0 ....... floor ............................ readHead ............... tail
    settled   settled | in the slab | read ahead | unread, or in the slab      not there yet

  Records in the slab stand in the line of their phase: again, timers (deadlines of what is held, times of what is delayed), dead. Every move
  tells the journal. Who asks for a move has checked that it may be: here only our own mistakes are found.
*/
export class Ledger {
  readonly options: CursorOptions;
  readonly settled: SettledPages = new SettledPages();
  readonly slab: RecordSlab;
  readonly again: SlotHeap;
  readonly timers: SlotHeap;
  readonly dead: SlotHeap;
  readonly locks: KeyLocks = new KeyLocks();
  readonly changes: PendingChanges | null;
  tail = 0;
  readHead = 0;
  /** Records below it may have been delivered before the cursor was restored. */
  deliveredBelow = 0;
  dropped = 0;
  /** Grows when unread records go without having been delivered: who remembers them looks after it. */
  unreadGone = 0;
  /** Grows with every record that gets in a line: the places in lines of order of arrival. */
  #turn = 0;

  constructor(options: CursorOptions) {
    this.options = options;
    this.slab = new RecordSlab(options.recordsMax, options.hasLocks);
    this.again = new SlotHeap(this.slab);
    this.timers = new SlotHeap(this.slab);
    this.dead = new SlotHeap(this.slab);
    this.changes = options.isJournaled ? new PendingChanges() : null;
  }

  /** Unread, or waiting without a delay. */
  get ready(): number {
    const unsettled = this.tail - this.settled.floor - this.settled.beyond;
    return unsettled - this.slab.count + this.slab.countOf(PHASE.again);
  }

  /** What the journal keeps of the read head: the end of the page after it, so that it is told once in a page. */
  get deliveredMark(): number {
    return Math.max(this.deliveredBelow, (Math.floor(this.readHead / PAGE_OFFSETS) + 2) * PAGE_OFFSETS);
  }

  keyOf(slot: number): number {
    return this.options.hasLocks ? this.slab.orderingKeys[slot] : NO_KEY;
  }

  isUnread(offset: number): boolean {
    return !this.settled.isSettled(offset) && this.slab.find(offset) < 0;
  }

  /** The first unread offset from the read head on; the tail if there is none. The read head goes there: all before is dealt with. */
  nextUnread(): number {
    let at = this.settled.nextUnsettled(this.readHead);
    while (at < this.tail && this.slab.find(at) >= 0) at = this.settled.nextUnsettled(at + 1);
    this.readHead = Math.min(at, this.tail);
    return this.readHead;
  }

  hold(slot: number, consumer: number, token: number, deadline: number): void {
    this.#leave(slot);
    this.slab.consumers[slot] = consumer;
    this.slab.tokens[slot] = token;
    this.slab.enter(slot, PHASE.held);
    if (deadline !== NEVER) this.timers.push(slot, deadline);
    this.locks.hold(this.keyOf(slot), consumer);
  }

  /** Of a record that is held. */
  setDeadline(slot: number, deadline: number): void {
    if (this.slab.positions[slot] >= 0) this.timers.remove(slot);
    if (deadline !== NEVER) this.timers.push(slot, deadline);
  }

  waitAgain(slot: number, position: Release['position']): void {
    const { slab } = this;
    this.#leave(slot);
    slab.enter(slot, PHASE.again);
    this.again.push(slot, this.#placeOf(slab.offsets[slot], position));
    this.locks.wait(this.keyOf(slot), slab.offsets[slot]);
    if (slab.counts[slot] > 0) this.#noteState(slot);
    else this.#noteKnownState(slot);
  }

  delay(slot: number, until: number): void {
    this.#leave(slot);
    this.slab.enter(slot, PHASE.delayed);
    this.timers.push(slot, until);
    this.locks.wait(this.keyOf(slot), this.slab.offsets[slot]);
    this.#noteState(slot);
  }

  /** Its delay is over. */
  wake(slot: number): void {
    this.timers.remove(slot);
    this.slab.enter(slot, PHASE.again);
    this.again.push(slot, this.#placeOf(this.slab.offsets[slot], 'order'));
    this.#noteState(slot);
  }

  /** Not to be delivered again: to its dead letter, or settled if there are none. */
  reject(slot: number, reason: RejectReason): void {
    if (!this.options.keepsRejected) {
      this.settleSlot(slot);
      this.dropped += 1;
      return;
    }
    this.#leave(slot);
    this.slab.enter(slot, PHASE.rejected);
    this.slab.reasons[slot] = REJECT_REASONS.indexOf(reason);
    this.#turn += 1;
    this.dead.push(slot, this.#turn);
    this.#noteState(slot);
  }

  /** As `reject`, of an unread record. @returns false if there is no room to remember it. */
  rejectUnread(offset: number, reason: RejectReason): boolean {
    if (!this.options.keepsRejected) {
      this.settleOffset(offset);
      this.dropped += 1;
      return true;
    }
    if (this.slab.isFull) return false;
    this.unreadGone += 1;
    this.reject(this.slab.allocate(offset), reason);
    return true;
  }

  bury(slot: number): void {
    this.#leave(slot);
    this.slab.enter(slot, PHASE.burying);
  }

  settleSlot(slot: number): void {
    const offset = this.slab.offsets[slot];
    this.#leave(slot);
    this.slab.release(slot);
    this.settled.settle(offset);
    this.changes?.noteSettled(offset, offset + 1);
  }

  /** One that the slab does not have. */
  settleOffset(offset: number): void {
    this.unreadGone += 1;
    this.settled.settle(offset);
    this.changes?.noteSettled(offset, offset + 1);
  }

  /** Settles [from, to) except records in the phases of `keeps`. @returns how many. */
  settleRange(from: number, to: number, keeps: number): number {
    const { settled } = this;
    const before = settled.floor + settled.beyond;
    this.unreadGone += 1;
    let start = from;
    for (const kept of this.#takeOut(from, to, keeps)) {
      this.#settleAll(start, kept);
      start = kept + 1;
    }
    this.#settleAll(start, to);
    return settled.floor + settled.beyond - before;
  }

  /** Forgets all: what is below `floor` is settled, the rest unread. */
  reset(floor: number): void {
    this.slab.clear();
    this.again.clear();
    this.timers.clear();
    this.dead.clear();
    this.locks.clear();
    this.settled.reset(floor);
    this.readHead = floor;
    this.deliveredBelow = floor;
    this.changes?.reset();
  }

  /** What a journal says of a record that is not settled, in place of what it said before. */
  restore(offset: number, count: number, visibleAt: number, reason: RejectReason | null, key: number): void {
    const { slab } = this;
    const before = slab.find(offset);
    if (before >= 0) {
      this.#leave(before);
      slab.release(before);
    }
    if (count === 0 && visibleAt === NEVER && reason === null) return; // As good as unread.
    this.unreadGone += 1;
    const slot = slab.allocate(offset);
    slab.counts[slot] = count;
    slab.marks[slot] = MARK.known;
    if (this.options.hasLocks) slab.orderingKeys[slot] = key;
    if (reason !== null) this.reject(slot, reason);
    else if (visibleAt !== NEVER) this.delay(slot, visibleAt);
    else this.waitAgain(slot, 'order');
  }

  /** After all was restored: lines of order of arrival begin in the order of the log. */
  sortRestored(): void {
    const { again, dead, slab } = this;
    const { hasLocks, redelivery } = this.options;
    for (const line of redelivery === 'release' && !hasLocks ? [again, dead] : [dead]) {
      const slots = line.slots().sort((a, b) => slab.offsets[a] - slab.offsets[b]);
      for (const slot of slots) {
        this.#turn += 1;
        line.remove(slot);
        line.push(slot, this.#turn);
      }
    }
  }

  /** Takes a waiting or rejected record to `to`, an unread copy of it; where it was, it is settled. */
  relocate(slot: number, to: number): void {
    const { slab } = this;
    const phase = slab.phases[slot];
    const count = slab.counts[slot];
    const visibleAt = phase === PHASE.delayed ? slab.keys[slot] : NEVER;
    const reason = phase === PHASE.rejected ? REJECT_REASONS[slab.reasons[slot]] : null;
    const key = this.keyOf(slot);
    this.settleSlot(slot);
    this.restore(to, count, visibleAt, reason, key);
  }

  /** Whether the journal has to keep a state of the record: if not, it is as good as unread after a crash. */
  hasState(slot: number): boolean {
    const phase = this.slab.phases[slot];
    return this.slab.counts[slot] > 0 || phase === PHASE.delayed || phase === PHASE.rejected || phase === PHASE.burying;
  }

  /** The journal knows all that happened so far. */
  forgetChanges(): void {
    const { changes, slab } = this;
    if (changes === null) return;
    for (const offset of changes.states) {
      const slot = slab.find(offset);
      if (slot >= 0) slab.marks[slot] &= ~MARK.dirty;
    }
    changes.clear();
  }

  /** The journal's rows are void: it has to learn everything again. */
  rewriteAll(): void {
    const { changes, settled, slab } = this;
    if (changes === null) return;
    this.forgetChanges();
    changes.reset();
    const { pages, runs } = settled.plan();
    for (const page of pages) settled.forEachRange(page, (from, to) => changes.noteSettled(from, to));
    for (let at = 0; at < runs.length; at += 2) changes.noteSettled(runs[at] * PAGE_OFFSETS, runs[at + 1] * PAGE_OFFSETS);
    for (let slot = 0; slot < slab.capacity; slot += 1) {
      if (slab.phases[slot] !== PHASE.free && this.hasState(slot)) this.#noteState(slot);
    }
  }

  #settleAll(from: number, to: number): void {
    if (from >= to) return;
    this.settled.settleRange(from, to);
    this.changes?.noteSettled(from, to);
  }

  /** Takes records of the range out of the slab. @returns offsets of those it keeps, ascending. Looks at the range or at the slab, whichever is shorter. */
  #takeOut(from: number, to: number, keeps: number): number[] {
    const { slab } = this;
    const kept: number[] = [];
    if (slab.count === 0) return kept;
    const isShort = to - from < slab.capacity;
    const end = isShort ? to : slab.capacity;
    for (let at = isShort ? from : 0; at < end && slab.count > 0; at += 1) {
      const slot = isShort ? slab.find(at) : at;
      if (slot < 0 || slab.phases[slot] === PHASE.free) continue;
      const offset = slab.offsets[slot];
      if (offset < from || offset >= to) continue;
      if ((keeps & (1 << slab.phases[slot])) !== 0) {
        kept.push(offset);
        continue;
      }
      this.#leave(slot);
      slab.release(slot);
    }
    return isShort ? kept : kept.sort((a, b) => a - b);
  }

  /** Out of the line of its phase, and of its key. */
  #leave(slot: number): void {
    const { slab } = this;
    switch (slab.phases[slot]) {
      case PHASE.held:
        if (slab.positions[slot] >= 0) this.timers.remove(slot);
        slab.tokens[slot] = ANY_TOKEN;
        this.locks.unhold(this.keyOf(slot));
        break;
      case PHASE.again:
        this.again.remove(slot);
        this.locks.unwait(this.keyOf(slot), slab.offsets[slot]);
        break;
      case PHASE.delayed:
        this.timers.remove(slot);
        this.locks.unwait(this.keyOf(slot), slab.offsets[slot]);
        break;
      case PHASE.rejected:
        this.dead.remove(slot);
        break;
      default:
        assert(slab.phases[slot] === PHASE.burying, 'a record in the slab has a phase');
    }
  }

  /**
   * Place among those that wait: front < offsets or turns < back. The last to go to the front is the first. With locks it is the order of the log in
   * any case: else records could stand before the one of their key that they have to wait for.
   */
  #placeOf(offset: number, position: Release['position']): number {
    this.#turn += 1;
    if (this.options.hasLocks) return offset;
    if (position === 'front') return -this.#turn;
    if (this.options.redelivery === 'release') return this.#turn;
    return position === 'order' ? offset : OFFSET_MAX + this.#turn;
  }

  #noteState(slot: number): void {
    this.changes?.noteState(this.slab, slot);
  }

  /** The journal has an older state: it must not stay. */
  #noteKnownState(slot: number): void {
    if ((this.slab.marks[slot] & MARK.known) !== 0) this.#noteState(slot);
  }
}
