import { assert } from '../../base/assert.js';
import type { SegmentId } from '../../storage/ports.js';
import type { Sequence } from '../ports.js';

const SEGMENT = 0;
const FIRST = 1;
const LAST = 2;
const COUNT = 3;
const WIDTH = 4;
const NOTHING = new Float64Array(0);

/*
  In which sealed segments an index has sequences, rising: 32 bytes for each.

    | segment | first | last | count | segment | first | ...
*/
export class Locators {
  #cells: Float64Array = NOTHING;
  length = 0;

  segmentAt(place: number): SegmentId {
    return this.#cells[place * WIDTH + SEGMENT];
  }

  firstAt(place: number): Sequence {
    return this.#cells[place * WIDTH + FIRST];
  }

  lastAt(place: number): Sequence {
    return this.#cells[place * WIDTH + LAST];
  }

  countAt(place: number): number {
    return this.#cells[place * WIDTH + COUNT];
  }

  /** A rewritten segment has a new number but the sequences of the old one: order is by sequence. */
  insert(segment: SegmentId, first: Sequence, last: Sequence, count: number): void {
    if (this.#cells.length < (this.length + 1) * WIDTH) {
      const grown = new Float64Array(Math.max(WIDTH, this.#cells.length * 2));
      grown.set(this.#cells);
      this.#cells = grown;
    }
    const place = this.placeOf(first);
    assert(place === this.length || this.firstAt(place) > last, 'segments do not share sequences of an index');
    const at = place * WIDTH;
    this.#cells.copyWithin(at + WIDTH, at, this.length * WIDTH);
    this.#cells[at + SEGMENT] = segment;
    this.#cells[at + FIRST] = first;
    this.#cells[at + LAST] = last;
    this.#cells[at + COUNT] = count;
    this.length += 1;
  }

  /** The first that ends at `from` or later. */
  placeOf(from: Sequence): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.lastAt(middle) < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Those that end below. */
  trim(below: Sequence): void {
    const dropped = this.placeOf(below);
    if (dropped === 0) return;
    this.#cells.copyWithin(0, dropped * WIDTH, this.length * WIDTH);
    this.length -= dropped;
    if (this.length === 0) this.#cells = NOTHING;
  }

  remove(segment: SegmentId): void {
    const place = this.#find(segment);
    if (place === this.length) return;
    this.#cells.copyWithin(place * WIDTH, (place + 1) * WIDTH, this.length * WIDTH);
    this.length -= 1;
    if (this.length === 0) this.#cells = NOTHING;
  }

  /** The segment has another number now; what the index has of it stays. */
  renumber(segment: SegmentId, fresh: SegmentId): void {
    const place = this.#find(segment);
    if (place < this.length) this.#cells[place * WIDTH + SEGMENT] = fresh;
  }

  #find(segment: SegmentId): number {
    let place = 0;
    while (place < this.length && this.segmentAt(place) !== segment) place += 1;
    return place;
  }
}
