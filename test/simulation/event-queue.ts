import { assert } from '../../src/base/assert.js';

interface Event {
  readonly atMs: number;
  /** Events of the same time happen in the order in which they were planned. */
  readonly order: number;
  readonly run: () => void;
}

/** Where somebody plans what is to happen to it later. */
export interface Schedule {
  after(delayMs: number, run: () => void): void;
}

/*
  Virtual time. What happens is an event, and between events no time passes: a binary heap, the next event first.

                0 next
            1        2
          3   4    5   6        children of n: 2n + 1, 2n + 2
*/
export class EventQueue implements Schedule {
  /** Milliseconds since the simulation began, with a fraction. */
  nowMs = 0;
  count = 0;
  /** Of the times of all events so far: two runs that are the same have the same. */
  hash = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  at(atMs: number, run: () => void): void {
    assert(atMs >= this.nowMs, 'nothing happens in the past');
    this.#order += 1;
    this.#heap.push({ atMs, order: this.#order, run });
    this.#rise(this.#heap.length - 1);
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Everything up to this time happens, or until `isOver`. */
  runUntil(atMs: number, isOver: () => boolean): void {
    const heap = this.#heap;
    while (heap.length > 0 && heap[0].atMs <= atMs && !isOver()) {
      const event = heap[0];
      const last = heap.pop();
      if (heap.length > 0 && last !== undefined) {
        heap[0] = last;
        this.#sink();
      }
      this.nowMs = event.atMs;
      this.count += 1;
      this.note(event.atMs * 1000);
      event.run();
    }
    if (!isOver()) this.nowMs = Math.max(this.nowMs, atMs);
  }

  /** Makes a fact part of the hash. */
  note(fact: number): void {
    this.hash = Math.imul(this.hash ^ (fact | 0), 0x01000193) >>> 0;
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const event = heap[from];
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #sink(): void {
    const heap = this.#heap;
    const event = heap[0];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child += 1;
      if (!isBefore(heap[child], event)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
