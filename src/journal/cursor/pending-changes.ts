import { MARK, type RecordSlab } from './record-slab.js';

/*
  What the journal has to learn at the end of the turn.

    ranges   from to from to ..      settled, in the order of events; one that continues the one before is joined to it
    states   offset offset ..        of records whose state changed; what it is, is read from the slab when the delta is made
*/
export class PendingChanges {
  readonly #ranges: number[] = [];
  readonly #states: number[] = [];
  #isReset = false;

  get isEmpty(): boolean {
    return this.#ranges.length === 0 && this.#states.length === 0 && !this.#isReset;
  }

  /** All that the journal knows is void. */
  get isReset(): boolean {
    return this.#isReset;
  }

  get states(): readonly number[] {
    return this.#states;
  }

  noteSettled(from: number, to: number): void {
    const ranges = this.#ranges;
    const last = ranges.length - 1;
    if (last > 0 && ranges[last] === from) ranges[last] = to;
    else ranges.push(from, to);
  }

  noteState(slab: RecordSlab, slot: number): void {
    if ((slab.marks[slot] & MARK.dirty) !== 0) return;
    slab.marks[slot] |= MARK.dirty;
    this.#states.push(slab.offsets[slot]);
  }

  reset(): void {
    this.clear();
    this.#isReset = true;
  }

  clear(): void {
    this.#ranges.length = 0;
    this.#states.length = 0;
    this.#isReset = false;
  }

  /** Settled ranges beyond the floor, ascending and apart from each other, as from, to, from, to .. */
  rangesBeyond(floor: number): number[] {
    const ranges = this.#ranges;
    const order: number[] = [];
    let isAscending = true;
    for (let at = 0; at < ranges.length; at += 2) {
      if (ranges[at + 1] <= floor) continue;
      if (order.length > 0 && ranges[at] < ranges[order[order.length - 1]]) isAscending = false;
      order.push(at);
    }
    if (!isAscending) order.sort((a, b) => ranges[a] - ranges[b]);
    const merged: number[] = [];
    for (const at of order) {
      const from = Math.max(floor, ranges[at]);
      const last = merged.length - 1;
      if (last > 0 && from <= merged[last]) merged[last] = Math.max(merged[last], ranges[at + 1]);
      else merged.push(from, ranges[at + 1]);
    }
    return merged;
  }
}
