import { assert } from './assert.js';

const CAPACITY_FIRST = 16;

/*
  First in, first out, with a limit. A ring whose length is a power of two; it doubles as it fills, up to the limit, and stays.

    head ..... tail       items[head & mask] is the oldest; both counters only grow until the queue is empty, then start again.
*/
export class BoundedQueue<T> {
  readonly limit: number;
  #items: (T | undefined)[];
  #mask: number;
  #head = 0;
  #tail = 0; // Invariant: 0 <= tail - head <= min(limit, items.length).

  /** @param limit entries held at most. */
  constructor(limit: number) {
    assert(Number.isInteger(limit) && limit > 0 && limit <= 2 ** 30, 'a queue has a limit of at least 1');
    this.limit = limit;
    this.#items = new Array<T | undefined>(CAPACITY_FIRST);
    this.#mask = CAPACITY_FIRST - 1;
  }

  get length(): number {
    return this.#tail - this.#head;
  }

  get isEmpty(): boolean {
    return this.#tail === this.#head;
  }

  get isFull(): boolean {
    return this.#tail - this.#head === this.limit;
  }

  /** @returns false, and takes nothing, if the queue is full: the caller refuses, drops with a counter, or stops reading. */
  push(item: T): boolean {
    const length = this.#tail - this.#head;
    if (length === this.limit) return false;
    if (length === this.#items.length) this.#grow();
    this.#items[this.#tail & this.#mask] = item;
    this.#tail += 1;
    return true;
  }

  /** The oldest entry, taken out; undefined if there is none. */
  shift(): T | undefined {
    if (this.#tail === this.#head) return undefined;
    const at = this.#head & this.#mask;
    const item = this.#items[at];
    this.#items[at] = undefined; // So that the queue keeps nothing alive.
    this.#head += 1;
    if (this.#head === this.#tail) {
      this.#head = 0;
      this.#tail = 0;
    }
    return item;
  }

  /** The oldest entry, left where it is. */
  peek(): T | undefined {
    return this.#tail === this.#head ? undefined : this.#items[this.#head & this.#mask];
  }

  /** The entry `index` places behind the oldest. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.length ? this.#items[(this.#head + index) & this.#mask] : undefined;
  }

  clear(): void {
    this.#items = new Array<T | undefined>(CAPACITY_FIRST);
    this.#mask = CAPACITY_FIRST - 1;
    this.#head = 0;
    this.#tail = 0;
  }

  #grow(): void {
    const length = this.length;
    const grown = new Array<T | undefined>(this.#items.length * 2);
    for (let i = 0; i < length; i += 1) grown[i] = this.#items[(this.#head + i) & this.#mask];
    this.#items = grown;
    this.#mask = grown.length - 1;
    this.#head = 0;
    this.#tail = length;
  }
}
