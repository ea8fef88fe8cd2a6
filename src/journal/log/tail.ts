import { assert } from '../../base/assert.js';
import type { EntryMemory } from './entry-builder.js';

const GONE: Uint8Array = new Uint8Array(0);
/** Places at the front of a list that are used no more are given up from here on. */
const FRONT_MAX = 1024;

/** Entries of one group, by index. Those before `head` are gone. */
interface GroupTail {
  /** Index of `entries[0]`. */
  first: number;
  head: number;
  entries: Uint8Array[];
}

/*
  The last entries of a lane, in memory, for readers that are close behind. The oldest goes first; what is not durable yet stays.

    group 0   first 17   [17] [18] [19]
    group 1   first 4    [4] [5]               order: 0 1 0 0 1
*/
export class Tail {
  readonly #groups = new Map<number, GroupTail>();
  readonly #memory: EntryMemory;
  readonly #bytesMax: number;
  /** The groups of the entries as they came, from `#front` on. */
  #order: number[] = [];
  #front = 0;
  /** Entries at the front that may go. */
  #settled = 0;
  /** What the entries occupy, which is more than they say: memory is taken in powers of two. */
  bytes = 0;

  constructor(memory: EntryMemory, bytesMax: number) {
    this.#memory = memory;
    this.#bytesMax = bytesMax;
  }

  /** A new entry, which is not durable yet: the next of its group. */
  add(group: number, index: number, entry: Uint8Array): void {
    let tail = this.#groups.get(group);
    if (tail === undefined) {
      tail = { first: index, head: 0, entries: [] };
      this.#groups.set(group, tail);
    }
    assert(tail.first + tail.entries.length === index, 'indexes of a group have no gaps');
    tail.entries.push(entry);
    this.#order.push(group);
    this.bytes += entry.buffer.byteLength;
  }

  /** The oldest `count` entries of those that were under way are durable or lost. */
  settle(count: number): void {
    this.#settled += count;
    while (this.bytes > this.#bytesMax && this.#settled > 0) this.#dropFirst();
  }

  /** The entry does not exist. */
  lose(group: number, index: number): void {
    const tail = this.#groups.get(group);
    assert(tail !== undefined, 'what is lost was added');
    const at = index - tail.first;
    this.#release(tail.entries[at]);
    tail.entries[at] = GONE;
  }

  find(group: number, index: number): Uint8Array | null {
    const tail = this.#groups.get(group);
    if (tail === undefined) return null;
    const at = index - tail.first;
    if (at < tail.head || at >= tail.entries.length) return null;
    const entry = tail.entries[at];
    return entry === GONE ? null : entry;
  }

  #dropFirst(): void {
    const tail = this.#groups.get(this.#order[this.#front]);
    assert(tail !== undefined, 'every entry is of a group');
    this.#front += 1;
    this.#settled -= 1;
    const entry = tail.entries[tail.head];
    tail.entries[tail.head] = GONE;
    tail.head += 1;
    if (entry !== GONE) this.#release(entry);
    if (tail.head > FRONT_MAX && tail.head * 2 > tail.entries.length) {
      tail.entries = tail.entries.slice(tail.head);
      tail.first += tail.head;
      tail.head = 0;
    }
    if (this.#front > FRONT_MAX && this.#front * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#front);
      this.#front = 0;
    }
  }

  #release(entry: Uint8Array): void {
    this.bytes -= entry.buffer.byteLength;
    this.#memory.give(new Uint8Array(entry.buffer));
  }
}
