import { assert } from '../../base/assert.js';
import { NO_KEY } from './cursor-options.js';

const LOCK_BYTES = 160;

interface Lock {
  /** Who has the records of this key; means something while `held` > 0. */
  owner: number;
  held: number;
  /** Offsets of the key that wait to be delivered again, ascending: the lowest of them comes before anything else of the key. */
  readonly waiting: number[];
}

/*
  Ordering keys in use. A key is locked while a record of it is held: others of it go to the same consumer or to nobody. While one waits to be
  delivered again, later ones wait as well. Keys without held or waiting records cost nothing.

    key 77 -> { owner: 3, held: 2, waiting: [ 812 ] }      consumer 3 gets 812 next, nobody gets 813
*/
export class KeyLocks {
  readonly #locks = new Map<number, Lock>();

  get bytes(): number {
    return this.#locks.size * LOCK_BYTES;
  }

  mayTake(key: number, offset: number, consumer: number): boolean {
    if (key === NO_KEY) return true;
    const lock = this.#locks.get(key);
    if (lock === undefined) return true;
    if (lock.held > 0 && lock.owner !== consumer) return false;
    return lock.waiting.length === 0 || offset <= lock.waiting[0];
  }

  hold(key: number, consumer: number): void {
    if (key === NO_KEY) return;
    const lock = this.#open(key);
    lock.owner = consumer;
    lock.held += 1;
  }

  unhold(key: number): void {
    if (key === NO_KEY) return;
    const lock = this.#open(key);
    assert(lock.held > 0, 'what was held is given up once');
    lock.held -= 1;
    this.#maybeForget(key, lock);
  }

  wait(key: number, offset: number): void {
    if (key === NO_KEY) return;
    const { waiting } = this.#open(key);
    waiting.splice(placeOf(waiting, offset), 0, offset);
  }

  unwait(key: number, offset: number): void {
    if (key === NO_KEY) return;
    const lock = this.#open(key);
    const place = placeOf(lock.waiting, offset);
    assert(lock.waiting[place] === offset, 'what waited stops once');
    lock.waiting.splice(place, 1);
    this.#maybeForget(key, lock);
  }

  clear(): void {
    this.#locks.clear();
  }

  #open(key: number): Lock {
    const known = this.#locks.get(key);
    if (known !== undefined) return known;
    const lock: Lock = { owner: -1, held: 0, waiting: [] };
    this.#locks.set(key, lock);
    return lock;
  }

  #maybeForget(key: number, lock: Lock): void {
    if (lock.held === 0 && lock.waiting.length === 0) this.#locks.delete(key);
  }
}

/** Index of the first entry >= offset. */
function placeOf(ascending: readonly number[], offset: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
