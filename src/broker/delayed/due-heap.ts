import { assert } from '../../base/assert.js';

const CAPACITY_FIRST = 64;

/**
 * Numbers with a time, earliest first; of one time the smaller number first. A million of them are 16 MB and no objects.
 */
export class DueHeap {
  #dues: Float64Array = new Float64Array(CAPACITY_FIRST);
  #places: Float64Array = new Float64Array(CAPACITY_FIRST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Of the first; infinite if there is none. */
  get firstDueMs(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#dues[0];
  }

  get firstPlace(): number {
    assert(this.#length > 0, 'an empty heap has no first');
    return this.#places[0];
  }

  push(dueMs: number, place: number): void {
    if (this.#length === this.#dues.length) this.#grow();
    this.#length += 1;
    this.#rise(this.#length - 1, dueMs, place);
  }

  /** Takes the first away. */
  shift(): void {
    assert(this.#length > 0, 'an empty heap has no first');
    this.#removeAt(0);
  }

  /** Looks at all of them: for the rare case that one is taken back. @returns false if it is not there. */
  remove(place: number): boolean {
    const at = this.#places.subarray(0, this.#length).indexOf(place);
    if (at < 0) return false;
    this.#removeAt(at);
    return true;
  }

  #removeAt(at: number): void {
    const last = this.#length - 1;
    const dueMs = this.#dues[last];
    const place = this.#places[last];
    this.#length = last;
    if (at === last) return;
    const isLater = this.#isBefore(this.#dues[at], this.#places[at], dueMs, place);
    if (isLater) this.#sink(at, dueMs, place);
    else this.#rise(at, dueMs, place);
  }

  #rise(from: number, dueMs: number, place: number): void {
    const dues = this.#dues;
    const places = this.#places;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(dueMs, place, dues[parent], places[parent])) break;
      dues[at] = dues[parent];
      places[at] = places[parent];
      at = parent;
    }
    dues[at] = dueMs;
    places[at] = place;
  }

  #sink(from: number, dueMs: number, place: number): void {
    const dues = this.#dues;
    const places = this.#places;
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#isBefore(dues[child + 1], places[child + 1], dues[child], places[child])) child += 1;
      if (!this.#isBefore(dues[child], places[child], dueMs, place)) break;
      dues[at] = dues[child];
      places[at] = places[child];
      at = child;
    }
    dues[at] = dueMs;
    places[at] = place;
  }

  #isBefore(dueMs: number, place: number, otherDueMs: number, otherPlace: number): boolean {
    return dueMs < otherDueMs || (dueMs === otherDueMs && place < otherPlace);
  }

  #grow(): void {
    const dues = new Float64Array(this.#length * 2);
    dues.set(this.#dues);
    this.#dues = dues;
    const places = new Float64Array(this.#length * 2);
    places.set(this.#places);
    this.#places = places;
  }
}
