import { assert } from '../../base/assert.js';
import {
  ANY_TOKEN,
  type CursorOutcome,
  isOffset,
  isTime,
  REJECT_REASONS,
  type Rejected,
  type RejectReason,
  type Release,
} from './cursor-options.js';
import { KEEP_REJECTED, type Ledger } from './ledger.js';
import { PHASE } from './record-slab.js';

const TIMED_OUT: Release = { delayMs: 0, counts: true, position: 'order' };

/*
  What becomes of records that were given out. Offsets and tokens come from peers: each is checked, and told what is wrong with it. A token that
  does not fit changes nothing.
*/
export class Acknowledgements {
  readonly #ledger: Ledger;
  #tokenNext: number;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#tokenNext = ledger.options.tokenFirst;
  }

  newToken(): number {
    const token = this.#tokenNext;
    this.#tokenNext += 1;
    return token;
  }

  settle(offset: number, token: number): CursorOutcome {
    const slot = this.#slotOf(offset);
    if (slot < 0) {
      const refusal = this.#refusal(offset, token);
      if (refusal === 'done') this.#ledger.settleOffset(offset);
      return refusal;
    }
    if (!this.#isUnder(slot, token) && !(token === ANY_TOKEN && this.#isWaiting(slot))) return 'stale';
    this.#ledger.settleSlot(slot);
    return 'done';
  }

  settleRange(from: number, to: number): number {
    if (!isOffset(from) || !isOffset(to)) return 0;
    return this.#ledger.settleRange(from, Math.min(to, this.#ledger.tail), KEEP_REJECTED);
  }

  handOver(offset: number, token: number, consumer: number): CursorOutcome {
    const { options, slab } = this.#ledger;
    assert(!options.hasLocks, 'locks know the consumer');
    const slot = this.#slotOf(offset);
    if (slot < 0) return this.#refusalOfUnheld(offset);
    if (!this.#isUnder(slot, token)) return 'stale';
    slab.handOver(slot, consumer);
    return 'done';
  }

  release(offset: number, token: number, now: number, how: Release): CursorOutcome {
    if (!isTime(how.delayMs) || !isTime(now + how.delayMs)) return 'invalid';
    const slot = this.#slotOf(offset);
    if (slot < 0) return this.#refusalOfUnheld(offset);
    if (!this.#isUnder(slot, token)) return 'stale';
    this.#giveBack(slot, now, how);
    return 'done';
  }

  releaseAll(consumer: number, now: number, how: Release): number {
    const { slab } = this.#ledger;
    const held = slab.heldBy(consumer).sort((a, b) => slab.offsets[a] - slab.offsets[b]);
    if (how.position === 'front') held.reverse(); // The last to go to the front is the first there.
    for (const slot of held) this.#giveBack(slot, now, how);
    return held.length;
  }

  extend(offset: number, token: number, deadline: number, renewsToken: boolean): CursorOutcome {
    if (!isTime(deadline)) return 'invalid';
    const slot = this.#slotOf(offset);
    if (slot < 0) return this.#refusalOfUnheld(offset);
    if (!this.#isUnder(slot, token)) return 'stale';
    this.#ledger.setDeadline(slot, deadline);
    if (renewsToken) this.#ledger.slab.tokens[slot] = this.newToken();
    return 'done';
  }

  reject(offset: number, token: number, reason: RejectReason): CursorOutcome {
    const slot = this.#slotOf(offset);
    if (slot < 0) {
      const refusal = this.#refusal(offset, token);
      return refusal === 'done' && !this.#ledger.rejectUnread(offset, reason) ? 'full' : refusal;
    }
    if (!this.#isUnder(slot, token) && !(token === ANY_TOKEN && this.#isWaiting(slot))) return 'stale';
    this.#ledger.reject(slot, reason);
    return 'done';
  }

  holderOf(offset: number): number {
    const slot = this.#slotOf(offset);
    const { consumers, phases } = this.#ledger.slab;
    return slot >= 0 && phases[slot] === PHASE.held ? consumers[slot] : -1;
  }

  tokenOf(offset: number): number {
    const slot = this.#slotOf(offset);
    const { phases, tokens } = this.#ledger.slab;
    return slot >= 0 && phases[slot] === PHASE.held ? tokens[slot] : ANY_TOKEN;
  }

  nextRejected(into: Rejected): boolean {
    const { dead, slab } = this.#ledger;
    const slot = dead.first;
    if (slot < 0) return false;
    this.#ledger.bury(slot);
    into.offset = slab.offsets[slot];
    into.count = slab.counts[slot];
    into.reason = REJECT_REASONS[slab.reasons[slot]];
    return true;
  }

  settleRejected(offset: number): CursorOutcome {
    const slot = this.#slotOf(offset);
    if (slot < 0) return this.#refusalOfUnheld(offset);
    if (this.#ledger.slab.phases[slot] !== PHASE.burying) return 'stale';
    this.#ledger.settleSlot(slot);
    return 'done';
  }

  keepRejected(offset: number): CursorOutcome {
    const slot = this.#slotOf(offset);
    if (slot < 0) return this.#refusalOfUnheld(offset);
    const { phases, reasons } = this.#ledger.slab;
    if (phases[slot] !== PHASE.burying) return 'stale';
    this.#ledger.reject(slot, REJECT_REASONS[reasons[slot]]);
    return 'done';
  }

  relocate(offset: number, to: number): CursorOutcome {
    const { slab } = this.#ledger;
    if (this.#refusal(to, ANY_TOKEN) !== 'done' || slab.find(to) >= 0) return 'invalid';
    const slot = this.#slotOf(offset);
    if (slot < 0) {
      const refusal = this.#refusal(offset, ANY_TOKEN);
      if (refusal === 'done') this.#ledger.settleOffset(offset);
      return refusal;
    }
    if (!this.#isWaiting(slot) && slab.phases[slot] !== PHASE.rejected) return 'stale';
    this.#ledger.relocate(slot, to);
    return 'done';
  }

  /** @returns how many records moved. */
  expire(now: number, limit: number, onTimeout: (offset: number, consumer: number) => void): number {
    const { slab, timers } = this.#ledger;
    let moved = 0;
    for (; moved < limit && timers.firstKey <= now; moved += 1) {
      const slot = timers.first;
      if (slab.phases[slot] === PHASE.delayed) {
        this.#ledger.wake(slot);
        continue;
      }
      const offset = slab.offsets[slot];
      const consumer = slab.consumers[slot];
      this.#giveBack(slot, now, TIMED_OUT);
      onTimeout(offset, consumer);
    }
    return moved;
  }

  #giveBack(slot: number, now: number, how: Release): void {
    const { counts } = this.#ledger.slab;
    if (how.counts) counts[slot] += 1;
    const { deliveriesMax } = this.#ledger.options;
    if (deliveriesMax > 0 && counts[slot] >= deliveriesMax) this.#ledger.reject(slot, 'limit');
    else if (how.delayMs > 0) this.#ledger.delay(slot, now + how.delayMs);
    else this.#ledger.waitAgain(slot, how.position);
  }

  #slotOf(offset: number): number {
    return isOffset(offset) ? this.#ledger.slab.find(offset) : -1;
  }

  #isUnder(slot: number, token: number): boolean {
    const { phases, tokens } = this.#ledger.slab;
    return phases[slot] === PHASE.held && (token === ANY_TOKEN || tokens[slot] === token);
  }

  #isWaiting(slot: number): boolean {
    const phase = this.#ledger.slab.phases[slot];
    return phase === PHASE.again || phase === PHASE.delayed;
  }

  /** Of a record that the slab does not have: `done` if it is unread and the caller may do as it likes. */
  #refusal(offset: number, token: number): CursorOutcome {
    if (!isOffset(offset)) return 'invalid';
    if (offset >= this.#ledger.tail) return 'unknown';
    if (this.#ledger.settled.isSettled(offset)) return 'settled';
    return token === ANY_TOKEN ? 'done' : 'stale';
  }

  #refusalOfUnheld(offset: number): CursorOutcome {
    const refusal = this.#refusal(offset, ANY_TOKEN);
    return refusal === 'done' ? 'stale' : refusal;
  }
}
