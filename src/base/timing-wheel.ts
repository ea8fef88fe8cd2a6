import { assert } from './assert.js';

const NOT_SCHEDULED = -1;
const KEYS_FIRST = 256;
const TICK_MAX = 2 ** 31 - 1;

/*
  Deadlines of many small integers (one per connection) without a timer, an object or an allocation for each.

  Every slot is a circular doubly linked list threaded through two arrays. Nodes 0 to slots - 1 are the slots' own ends, node
  `slots` is the list of what is due now, and the node of key k is slots + 1 + k:

    node    0        1       ...  slots - 1 | slots | slots + 1 | slots + 2 ...
            slot 0   slot 1       slot n-1  | due   | key 0     | key 1

  A key that is due at tick t hangs in slot t & mask. A slot may hold later rounds too; `advance` passes over those.
  schedule and cancel cost O(1); advance costs the slots passed plus the keys met.
*/
export class TimingWheel {
  readonly #slots: number;
  readonly #mask: number;
  #next: Int32Array;
  #previous: Int32Array;
  /** Due tick by key; NOT_SCHEDULED if it hangs nowhere. */
  #dueTick: Int32Array;
  #nowTick: number;
  #count = 0;
  #isAdvancing = false;

  /** @param slots a power of two; best more than the ticks of an ordinary deadline, so that each key is met once. */
  constructor(slots: number, nowTick = 0) {
    assert(Number.isInteger(slots) && slots >= 2 && slots <= 2 ** 20 && (slots & (slots - 1)) === 0, 'a wheel has a power of two of slots');
    assert(nowTick >= 0 && nowTick < TICK_MAX, 'ticks are 31-bit');
    this.#slots = slots;
    this.#mask = slots - 1;
    this.#nowTick = nowTick;
    const nodes = slots + 1 + KEYS_FIRST;
    this.#next = new Int32Array(nodes);
    this.#previous = new Int32Array(nodes);
    this.#dueTick = new Int32Array(KEYS_FIRST).fill(NOT_SCHEDULED);
    for (let node = 0; node <= slots; node += 1) {
      this.#next[node] = node;
      this.#previous[node] = node;
    }
  }

  /** Keys that are scheduled. */
  get count(): number {
    return this.#count;
  }

  get nowTick(): number {
    return this.#nowTick;
  }

  /** Tick at which the key is due, or -1. */
  dueTickOf(key: number): number {
    return key < this.#dueTick.length ? this.#dueTick[key] : NOT_SCHEDULED;
  }

  /** The key is due at `atTick` and no longer when it was before. What is past or present is due at the next tick. */
  schedule(key: number, atTick: number): void {
    assert(key >= 0 && key < 2 ** 30, 'keys are small integers');
    assert(atTick < TICK_MAX, 'ticks are 31-bit');
    if (key >= this.#dueTick.length) this.#grow(key + 1);
    const due = atTick > this.#nowTick ? atTick : this.#nowTick + 1;
    const node = this.#slots + 1 + key;
    if (this.#dueTick[key] === NOT_SCHEDULED) this.#count += 1;
    else this.#unlink(node);
    this.#dueTick[key] = due;
    this.#append(due & this.#mask, node);
  }

  /** Nothing happens if the key is not scheduled. */
  cancel(key: number): void {
    if (key >= this.#dueTick.length || this.#dueTick[key] === NOT_SCHEDULED) return;
    this.#dueTick[key] = NOT_SCHEDULED;
    this.#count -= 1;
    this.#unlink(this.#slots + 1 + key);
  }

  /**
   * Time is `nowTick`. Calls `onDue` for each key whose tick has come, in order of ticks; the key is no longer scheduled then.
   * `onDue` may schedule and cancel any key, also one that is due in this very call.
   */
  advance(nowTick: number, onDue: (key: number) => void): void {
    assert(!this.#isAdvancing, 'advance is not called from onDue');
    if (nowTick <= this.#nowTick) return; // Several calls may fall into one tick.
    assert(nowTick < TICK_MAX, 'ticks are 31-bit');

    const from = nowTick - this.#nowTick > this.#slots ? nowTick - this.#slots + 1 : this.#nowTick + 1;
    this.#nowTick = nowTick;
    if (this.#count === 0) return;
    for (let tick = from; tick <= nowTick; tick += 1) this.#collect(tick & this.#mask);

    this.#isAdvancing = true;
    try {
      const end = this.#slots;
      for (let node = this.#next[end]; node !== end; node = this.#next[end]) {
        const key = node - this.#slots - 1;
        this.#unlink(node);
        this.#dueTick[key] = NOT_SCHEDULED;
        this.#count -= 1;
        onDue(key);
      }
    } finally {
      this.#isAdvancing = false;
    }
  }

  /** Moves what is due from a slot to the due list. Not called back before all is moved: so callbacks may change any list. */
  #collect(slot: number): void {
    const nowTick = this.#nowTick;
    for (let node = this.#next[slot]; node !== slot; ) {
      const following = this.#next[node];
      if (this.#dueTick[node - this.#slots - 1] <= nowTick) {
        this.#unlink(node);
        this.#append(this.#slots, node);
      }
      node = following;
    }
  }

  #append(end: number, node: number): void {
    const last = this.#previous[end];
    this.#next[last] = node;
    this.#previous[node] = last;
    this.#next[node] = end;
    this.#previous[end] = node;
  }

  #unlink(node: number): void {
    const before = this.#previous[node];
    const after = this.#next[node];
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  #grow(keysNeeded: number): void {
    let keys = this.#dueTick.length;
    while (keys < keysNeeded) keys *= 2;
    const next = new Int32Array(this.#slots + 1 + keys);
    const previous = new Int32Array(this.#slots + 1 + keys);
    const dueTick = new Int32Array(keys).fill(NOT_SCHEDULED);
    next.set(this.#next);
    previous.set(this.#previous);
    dueTick.set(this.#dueTick);
    this.#next = next;
    this.#previous = previous;
    this.#dueTick = dueTick;
  }
}
