import type {
  CursorOptions,
  CursorOutcome,
  RecordReader,
  RejectReason,
  Release,
  TakeStatus,
} from '../../../src/journal/cursor/cursor-options.js';

type Phase = 'unread' | 'held' | 'again' | 'delayed' | 'rejected' | 'burying' | 'settled';

interface NaiveRecord {
  phase: Phase;
  count: number;
  consumer: number;
  token: number;
  deadline: number;
  /** Place among those that wait, as [class, number]: front 0, order 1, back 2. */
  place: readonly [number, number];
  reason: RejectReason;
  key: number;
  wasDelivered: boolean;
}

export interface NaiveWaiter {
  readonly consumer: number;
  readonly leaseMs: number;
  readonly settlesAtOnce: boolean;
  readonly accepts: ((offset: number) => boolean) | null;
}

export interface NaiveTaken {
  readonly status: TakeStatus;
  readonly offset: number;
  readonly count: number;
  readonly wasDelivered: boolean;
}

/** The queue as queue-cursor.md has it, slow and plain: one object for each record, lists that are sorted when they are asked. */
export class NaiveCursor {
  readonly options: CursorOptions;
  readonly reader: RecordReader;
  /** From `first` on; everything below is settled. */
  records: NaiveRecord[] = [];
  first: number;
  readHead: number;
  lookedAt: number[] = [];
  /** Below it, records may have been delivered in an earlier life. */
  deliveredBelow = 0;
  dropped = 0;
  #turn = 0;

  constructor(options: CursorOptions, reader: RecordReader, first: number) {
    this.options = options;
    this.reader = reader;
    this.first = first;
    this.readHead = first;
  }

  get tail(): number {
    return this.first + this.records.length;
  }

  get floor(): number {
    const at = this.records.findIndex(({ phase }) => phase !== 'settled');
    return at < 0 ? this.tail : this.first + at;
  }

  phaseOf(offset: number): Phase {
    return offset < this.first ? 'settled' : this.records[offset - this.first].phase;
  }

  at(offset: number): NaiveRecord {
    return this.records[offset - this.first];
  }

  offsets(...phases: Phase[]): number[] {
    return this.records.flatMap(({ phase }, index) => (phases.includes(phase) ? [this.first + index] : []));
  }

  /** What must be as it was after a crash. */
  persisted(): NaiveCursor {
    const copy = new NaiveCursor(this.options, this.reader, this.first);
    copy.records = this.records.map((record) => ({ ...record }));
    return copy;
  }

  /** What a cursor is that reads what was persisted, when the log ends at `tail`: records that are younger are unread. */
  restored(tail: number): NaiveCursor {
    const next = this.persisted();
    if (tail < next.first) next.first = tail;
    next.records.length = Math.min(next.records.length, tail - next.first);
    next.append(tail - next.tail);
    for (const offset of next.offsets('held', 'again')) {
      next.at(offset).phase = next.at(offset).count > 0 ? 'again' : 'unread';
    }
    for (const offset of next.offsets('burying')) next.at(offset).phase = 'rejected';
    for (const offset of next.offsets('again', 'rejected')) next.at(offset).place = next.#placeOf(offset, 'order');
    for (const offset of next.offsets('rejected')) next.at(offset).place = [1, next.#nextTurn()];
    next.readHead = next.floor;
    next.deliveredBelow = tail; // As far as the log goes here: the mark is a page ahead.
    return next;
  }

  append(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      this.records.push({
        phase: 'unread',
        count: 0,
        consumer: 0,
        token: 0,
        deadline: 0,
        place: [1, 0],
        reason: 'rejected',
        key: 0,
        wasDelivered: false,
      });
    }
  }

  take(now: number, waiter: NaiveWaiter, token: number): NaiveTaken {
    const nothing = (status: TakeStatus, offset = 0): NaiveTaken => ({ status, offset, count: 0, wasDelivered: false });
    if (!waiter.settlesAtOnce && this.offsets('held').length >= this.options.heldMax) return nothing('full');
    const found = this.#find(now, waiter);
    if (typeof found === 'string') return nothing(found);
    const record = this.at(found);
    const taken: NaiveTaken = { status: 'taken', offset: found, count: record.count + 1, wasDelivered: record.wasDelivered };
    record.wasDelivered = true;
    record.key = this.#look(found).key;
    if (waiter.settlesAtOnce) record.phase = 'settled';
    else
      Object.assign(record, { phase: 'held', consumer: waiter.consumer, token, deadline: waiter.leaseMs === 0 ? 0 : now + waiter.leaseMs });
    return taken;
  }

  settle(offset: number, token: number): CursorOutcome {
    const refusal = this.#refusal(offset, token, true);
    if (refusal === 'done') this.at(offset).phase = 'settled';
    return refusal;
  }

  settleRange(from: number, to: number, kept: readonly Phase[]): number {
    let count = 0;
    for (let offset = Math.max(from, this.first); offset < Math.min(to, this.tail); offset += 1) {
      const record = this.at(offset);
      if (record.phase === 'settled' || kept.includes(record.phase)) continue;
      record.phase = 'settled';
      count += 1;
    }
    return count;
  }

  release(offset: number, token: number, now: number, how: Release): CursorOutcome {
    const refusal = this.#refusal(offset, token, false);
    if (refusal === 'done') this.#giveBack(offset, now, how);
    return refusal;
  }

  releaseAll(consumer: number, now: number, how: Release): number {
    const held = this.offsets('held').filter((offset) => this.at(offset).consumer === consumer);
    for (const offset of how.position === 'front' ? held.toReversed() : held) this.#giveBack(offset, now, how);
    return held.length;
  }

  extend(offset: number, token: number, deadline: number): CursorOutcome {
    const refusal = this.#refusal(offset, token, false);
    if (refusal === 'done') this.at(offset).deadline = deadline;
    return refusal;
  }

  reject(offset: number, token: number, reason: RejectReason): CursorOutcome {
    const refusal = this.#refusal(offset, token, true);
    if (refusal !== 'done') return refusal;
    if (this.phaseOf(offset) === 'unread') return this.#rejectUnread(offset, reason) ? 'done' : 'full';
    this.#reject(offset, reason);
    return 'done';
  }

  nextRejected(): number {
    const [next] = this.#inLine('rejected');
    if (next === undefined) return -1;
    this.at(next).phase = 'burying';
    return next;
  }

  expire(now: number): void {
    const due = this.offsets('held', 'delayed').filter((offset) => this.at(offset).deadline > 0 && this.at(offset).deadline <= now);
    due.sort((a, b) => this.at(a).deadline - this.at(b).deadline || a - b);
    for (const offset of due) {
      const record = this.at(offset);
      if (record.phase === 'delayed') Object.assign(record, { phase: 'again', place: this.#placeOf(offset, 'order') });
      else this.#giveBack(offset, now, { delayMs: 0, counts: true, position: 'order' });
    }
  }

  seek(offset: number): void {
    const { tail } = this;
    this.records = [];
    this.first = offset;
    this.append(tail - offset);
    this.readHead = offset;
    this.deliveredBelow = offset;
    this.lookedAt = [];
  }

  dropOldest(reason: RejectReason): boolean {
    const offset = this.oldestReady();
    if (offset < 0) return false;
    if (this.phaseOf(offset) === 'unread') return this.#rejectUnread(offset, reason);
    this.#reject(offset, reason);
    return true;
  }

  oldestReady(): number {
    const [again = -1] = this.#inLine('again');
    const [unread = -1] = this.offsets('unread');
    if (again < 0 || unread < 0) return Math.max(again, unread);
    return this.options.redelivery === 'release' || again < unread ? again : unread;
  }

  #find(now: number, waiter: NaiveWaiter): number | TakeStatus {
    const { deliveriesMax, hasLocks, priorities, scanAhead } = this.options;
    while (this.readHead < this.tail && this.phaseOf(this.readHead) !== 'unread') this.readHead += 1;
    const isRestoredFirst =
      hasLocks && this.readHead < Math.min(this.deliveredBelow, this.tail) && this.#remembered() < this.options.recordsMax;
    const unreadFirst = isRestoredFirst ? this.readHead : Number.POSITIVE_INFINITY;
    const isPicky = hasLocks || waiter.accepts !== null;
    for (let looks = 0, passed: number[] = []; looks < (isPicky ? scanAhead : 1); ) {
      const offset = this.#inLine('again').find((candidate) => !passed.includes(candidate));
      if (offset === undefined) break;
      looks += 1;
      const record = this.at(offset);
      const facts = this.#look(offset);
      if (deliveriesMax > 0 && record.count >= deliveriesMax) this.#reject(offset, 'limit');
      else if (offset > unreadFirst || !this.#isFree(record.key, offset, waiter)) {
        passed = [...passed, offset];
        continue;
      } else if (facts.found === 'skip') this.#drop(offset);
      else if (facts.expiresAt > 0 && facts.expiresAt <= now) this.#reject(offset, 'expired');
      else if (this.#accepts(offset, waiter)) return offset;
      else {
        passed = [...passed, offset];
        continue;
      }
      looks = 0; // Something went: the search begins again.
      passed = [];
    }
    if (!waiter.settlesAtOnce && this.#remembered() >= this.options.recordsMax) return 'full';
    this.lookedAt = this.lookedAt.filter((offset) => this.phaseOf(offset) === 'unread');
    const filled = priorities > 1 ? this.#readOn(now, waiter) : 'empty';
    const levelOf = (offset: number): number => Math.min(this.#look(offset).priority, priorities - 1);
    for (const offset of this.lookedAt.toSorted((a, b) => levelOf(b) - levelOf(a) || a - b)) {
      const facts = this.#look(offset);
      if (facts.expiresAt > 0 && facts.expiresAt <= now) {
        if (!this.#rejectUnread(offset, 'expired')) return 'full';
        this.#pick(offset);
      } else if (this.#isFree(facts.key, offset, waiter) && this.#accepts(offset, waiter)) return this.#pick(offset);
    }
    return priorities > 1 ? filled : this.#readOn(now, waiter);
  }

  #readOn(now: number, waiter: NaiveWaiter): number | TakeStatus {
    const { priorities, scanAhead } = this.options;
    for (;;) {
      while (this.readHead < this.tail && this.phaseOf(this.readHead) !== 'unread') this.readHead += 1;
      const offset = this.readHead;
      if (offset >= this.tail || (priorities > 1 && this.lookedAt.length >= scanAhead)) return 'empty';
      const facts = this.#look(offset);
      if (facts.found === 'skip') this.#drop(offset);
      else if (facts.expiresAt > 0 && facts.expiresAt <= now) {
        if (!this.#rejectUnread(offset, 'expired')) return 'full';
      } else if (priorities === 1 && this.#isFree(facts.key, offset, waiter) && this.#accepts(offset, waiter)) {
        this.readHead += 1;
        return offset;
      } else {
        if (this.lookedAt.length >= scanAhead) return 'empty';
        this.lookedAt.push(offset);
      }
      this.readHead += 1;
    }
  }

  #pick(offset: number): number {
    this.lookedAt.splice(this.lookedAt.indexOf(offset), 1);
    return offset;
  }

  #isFree(key: number, offset: number, waiter: NaiveWaiter): boolean {
    if (!this.options.hasLocks || key === 0) return true;
    const sameKey = (candidate: number): boolean => this.at(candidate).key === key;
    return (
      this.offsets('held')
        .filter(sameKey)
        .every((held) => this.at(held).consumer === waiter.consumer) &&
      this.offsets('again', 'delayed')
        .filter(sameKey)
        .every((waiting) => waiting >= offset)
    );
  }

  #accepts(offset: number, waiter: NaiveWaiter): boolean {
    return waiter.accepts === null || waiter.accepts(offset);
  }

  #look(offset: number): { found: string; priority: number; key: number; expiresAt: number } {
    const facts = { size: 0, priority: 0, key: 0, expiresAt: 0 };
    return { found: this.reader.look(offset, facts), ...facts };
  }

  #remembered(): number {
    return this.offsets('held', 'again', 'delayed', 'rejected', 'burying').length;
  }

  #giveBack(offset: number, now: number, how: Release): void {
    const record = this.at(offset);
    if (how.counts) record.count += 1;
    if (this.options.deliveriesMax > 0 && record.count >= this.options.deliveriesMax) this.#reject(offset, 'limit');
    else if (how.delayMs > 0) Object.assign(record, { phase: 'delayed', deadline: now + how.delayMs });
    else Object.assign(record, { phase: 'again', place: this.#placeOf(offset, how.position) });
  }

  #reject(offset: number, reason: RejectReason): void {
    if (this.options.keepsRejected) Object.assign(this.at(offset), { phase: 'rejected', reason, place: [1, this.#nextTurn()] });
    else this.#drop(offset);
  }

  #rejectUnread(offset: number, reason: RejectReason): boolean {
    if (this.options.keepsRejected && this.#remembered() >= this.options.recordsMax) return false;
    this.#reject(offset, reason);
    return true;
  }

  keepRejected(offset: number): void {
    this.#reject(offset, this.at(offset).reason);
  }

  #drop(offset: number): void {
    this.at(offset).phase = 'settled';
    this.dropped += 1;
  }

  #inLine(phase: 'again' | 'rejected'): number[] {
    const placed = this.offsets(phase).map((offset) => ({ offset, place: this.at(offset).place }));
    return placed.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1]).map(({ offset }) => offset);
  }

  #placeOf(offset: number, position: Release['position']): readonly [number, number] {
    const turn = this.#nextTurn();
    if (this.options.hasLocks) return [1, offset];
    if (position === 'front') return [0, -turn];
    if (this.options.redelivery === 'release') return [1, turn];
    return position === 'order' ? [1, offset] : [2, turn];
  }

  #nextTurn(): number {
    this.#turn += 1;
    return this.#turn;
  }

  #refusal(offset: number, token: number, mayBeUnheld: boolean): CursorOutcome {
    if (offset >= this.tail) return 'unknown';
    const phase = this.phaseOf(offset);
    if (phase === 'settled') return 'settled';
    if (phase === 'held') return token === 0 || token === this.at(offset).token ? 'done' : 'stale';
    return mayBeUnheld && token === 0 && ['unread', 'again', 'delayed'].includes(phase) ? 'done' : 'stale';
  }
}
