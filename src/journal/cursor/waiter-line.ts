import { NEVER } from './cursor-options.js';
import type { Waiter } from './waiter.js';

interface Level {
  readonly priority: number;
  first: Waiter | null;
  last: Waiter | null;
}

/*
  Who is served next: the highest priority first, first come first served within one. Only waiters with credit stand in line; the others are
  members that wait for credit.

    priority 5   w3 <-> w1
    priority 0   w2 <-> w7 <-> w4
*/
export class WaiterLine {
  readonly #members = new Set<Waiter>();
  /** Descending; few. Levels stay once they are made. */
  readonly #levels: Level[] = [];
  /** Never later than the first deadline of a member. */
  #deadlineFirst = Number.POSITIVE_INFINITY;

  /** When `expire` may have something to do; infinity if never. */
  get nextDeadline(): number {
    return this.#deadlineFirst;
  }

  first(): Waiter | null {
    for (const level of this.#levels) if (level.first !== null) return level.first;
    return null;
  }

  /** Who comes after one that stands in line. */
  after(waiter: Waiter): Waiter | null {
    if (waiter.next !== null) return waiter.next;
    for (const level of this.#levels) if (level.priority < waiter.priority && level.first !== null) return level.first;
    return null;
  }

  add(waiter: Waiter): void {
    if (this.#members.has(waiter)) return;
    this.#members.add(waiter);
    if (waiter.deadline !== NEVER) this.#deadlineFirst = Math.min(this.#deadlineFirst, waiter.deadline);
    this.placeByCredit(waiter);
  }

  remove(waiter: Waiter): void {
    this.#members.delete(waiter);
    this.#leave(waiter);
  }

  /** Its credit changed: a member with credit stands in line, one without does not. */
  placeByCredit(waiter: Waiter): void {
    if (!this.#members.has(waiter) || !waiter.hasCredit) this.#leave(waiter);
    else if (!waiter.isInLine) this.#enter(waiter);
  }

  /** It took a record. */
  onTaken(waiter: Waiter): void {
    this.placeByCredit(waiter);
    if (!waiter.isInLine) return;
    waiter.turnTaken += 1;
    if (waiter.turnTaken < waiter.turn) return;
    this.#leave(waiter);
    this.#enter(waiter);
  }

  /** Removes those whose deadline has come. */
  expire(now: number, onExpired: (waiter: Waiter) => void): void {
    if (now < this.#deadlineFirst) return;
    const expired: Waiter[] = [];
    this.#deadlineFirst = Number.POSITIVE_INFINITY;
    for (const waiter of this.#members) {
      if (waiter.deadline === NEVER) continue;
      if (waiter.deadline <= now) expired.push(waiter);
      else this.#deadlineFirst = Math.min(this.#deadlineFirst, waiter.deadline);
    }
    for (const waiter of expired) {
      this.remove(waiter);
      onExpired(waiter);
    }
  }

  #enter(waiter: Waiter): void {
    const level = this.#openLevel(waiter.priority);
    waiter.isInLine = true;
    waiter.turnTaken = 0;
    waiter.next = null;
    waiter.previous = level.last;
    if (level.last === null) level.first = waiter;
    else level.last.next = waiter;
    level.last = waiter;
  }

  #leave(waiter: Waiter): void {
    if (!waiter.isInLine) return;
    const level = this.#openLevel(waiter.priority);
    if (waiter.previous === null) level.first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === null) level.last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.isInLine = false;
    waiter.next = null;
    waiter.previous = null;
  }

  #openLevel(priority: number): Level {
    let at = 0;
    while (at < this.#levels.length && this.#levels[at].priority > priority) at += 1;
    if (at === this.#levels.length || this.#levels[at].priority !== priority)
      this.#levels.splice(at, 0, { priority, first: null, last: null });
    return this.#levels[at];
  }
}
