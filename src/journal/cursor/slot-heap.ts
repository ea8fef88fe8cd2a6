import { assert } from '../../base/assert.js';
import type { RecordSlab } from './record-slab.js';

const SLOTS_FIRST = 16;
const SLOTS_KEPT = 4096;

/*
  A line of slots by their key in the slab, the lowest first, the lower offset first where keys are equal: a binary heap that knows where each
  slot stands, so that any can leave. A slot stands in one line at a time, since its key and position are columns of the slab.

          [0] lowest
        [1]     [2]        children of i: 2i + 1, 2i + 2
      [3] [4] [5]
*/
export class SlotHeap {
  readonly #slab: RecordSlab;
  #slots: Int32Array = new Int32Array(0);
  #length = 0;

  constructor(slab: RecordSlab) {
    this.#slab = slab;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** Slot with the lowest key; -1 if the line is empty. */
  get first(): number {
    return this.#length === 0 ? -1 : this.#slots[0];
  }

  /** The lowest key; infinity if the line is empty. */
  get firstKey(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#slab.keys[this.#slots[0]];
  }

  /** All slots, in no order. */
  slots(): Int32Array {
    return this.#slots.slice(0, this.#length);
  }

  push(slot: number, key: number): void {
    assert(this.#slab.positions[slot] === -1, 'a slot stands in one line');
    if (this.#length === this.#slots.length) {
      const slots = new Int32Array(Math.max(SLOTS_FIRST, this.#length * 2));
      slots.set(this.#slots);
      this.#slots = slots;
    }
    this.#slab.keys[slot] = key;
    this.#length += 1;
    this.#rise(slot, this.#length - 1);
  }

  /** The slot stands in this line. */
  remove(slot: number): void {
    const positions = this.#slab.positions;
    const at = positions[slot];
    assert(at >= 0 && this.#slots[at] === slot, 'the slot stands in this line');
    positions[slot] = -1;
    this.#length -= 1;
    if (this.#length === 0 && this.#slots.length > SLOTS_KEPT) this.#slots = new Int32Array(0);
    if (at === this.#length) return;
    const last = this.#slots[this.#length];
    if (at > 0 && this.#isBefore(last, this.#slots[(at - 1) >>> 1])) this.#rise(last, at);
    else this.#sink(last, at);
  }

  /**
   * The first slot, in the order of the line, that `isWanted`; -1 if it is not among the first `looks`. Costs a bit for each slot that is looked
   * at, however long the line is: from the root on, the children of a slot become candidates when it is looked at itself.
   */
  search(looks: number, isWanted: (slot: number) => boolean): number {
    const candidates: number[] = this.#length > 0 ? [0] : []; // Places in this heap; the candidates are a heap of their own.
    for (let look = 0; look < looks && candidates.length > 0; look += 1) {
      const at = this.#shiftCandidate(candidates);
      if (isWanted(this.#slots[at])) return this.#slots[at];
      if (at * 2 + 1 < this.#length) this.#pushCandidate(candidates, at * 2 + 1);
      if (at * 2 + 2 < this.#length) this.#pushCandidate(candidates, at * 2 + 2);
    }
    return -1;
  }

  /** Forgets all; the slab is cleared as well. */
  clear(): void {
    this.#length = 0;
  }

  #isBefore(a: number, b: number): boolean {
    const { keys, offsets } = this.#slab;
    return keys[a] < keys[b] || (keys[a] === keys[b] && offsets[a] < offsets[b]);
  }

  #pushCandidate(candidates: number[], place: number): void {
    const slots = this.#slots;
    let at = candidates.length;
    candidates.push(place);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(slots[place], slots[candidates[parent]])) break;
      candidates[at] = candidates[parent];
      at = parent;
    }
    candidates[at] = place;
  }

  #shiftCandidate(candidates: number[]): number {
    const slots = this.#slots;
    const first = candidates[0];
    const last = candidates[candidates.length - 1];
    candidates.length -= 1;
    const length = candidates.length;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isBefore(slots[candidates[child + 1]], slots[candidates[child]])) child += 1;
      if (!this.#isBefore(slots[candidates[child]], slots[last])) break;
      candidates[at] = candidates[child];
      at = child;
    }
    candidates[at] = last;
    return first;
  }

  #rise(slot: number, from: number): void {
    const slots = this.#slots;
    const positions = this.#slab.positions;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(slot, slots[parent])) break;
      slots[at] = slots[parent];
      positions[slots[at]] = at;
      at = parent;
    }
    slots[at] = slot;
    positions[slot] = at;
  }

  #sink(slot: number, from: number): void {
    const slots = this.#slots;
    const positions = this.#slab.positions;
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#isBefore(slots[child + 1], slots[child])) child += 1;
      if (!this.#isBefore(slots[child], slot)) break;
      slots[at] = slots[child];
      positions[slots[at]] = at;
      at = child;
    }
    slots[at] = slot;
    positions[slot] = at;
  }
}
