import { assert } from '../../base/assert.js';

/*
  Whole numbers as runs [start, end), ascending, apart from each other: the pages of a cursor that are settled through and through. A run
  costs two numbers however long it is.

    starts   2   9
    ends     5  12        2 3 4 . . . . 9 10 11
*/
export class PageRuns {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  get count(): number {
    return this.#starts.length;
  }

  /** End of the run that contains the page; -1 if none does. */
  endOf(page: number): number {
    const at = this.#lastStartingAtOrBefore(page);
    return at >= 0 && page < this.#ends[at] ? this.#ends[at] : -1;
  }

  /** @returns how many of the pages were in no run before. */
  add(start: number, end: number): number {
    assert(start < end, 'a run has pages');
    const before = this.#lastStartingAtOrBefore(start);
    const first = before >= 0 && this.#ends[before] >= start ? before : before + 1; // Touching runs become one.
    let last = first;
    let joinedStart = start;
    let joinedEnd = end;
    let joinedPages = 0;
    while (last < this.#starts.length && this.#starts[last] <= end) {
      joinedStart = Math.min(joinedStart, this.#starts[last]);
      joinedEnd = Math.max(joinedEnd, this.#ends[last]);
      joinedPages += this.#ends[last] - this.#starts[last];
      last += 1;
    }
    this.#starts.splice(first, last - first, joinedStart);
    this.#ends.splice(first, last - first, joinedEnd);
    return joinedEnd - joinedStart - joinedPages;
  }

  /** Forgets the pages below. @returns how many there were. */
  dropBelow(page: number): number {
    let gone = 0;
    let runs = 0;
    while (runs < this.#starts.length && this.#ends[runs] <= page) {
      gone += this.#ends[runs] - this.#starts[runs];
      runs += 1;
    }
    if (runs > 0) {
      this.#starts.splice(0, runs);
      this.#ends.splice(0, runs);
    }
    if (this.#starts.length > 0 && this.#starts[0] < page) {
      gone += page - this.#starts[0];
      this.#starts[0] = page;
    }
    return gone;
  }

  clear(): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
  }

  startAt(index: number): number {
    return this.#starts[index];
  }

  endAt(index: number): number {
    return this.#ends[index];
  }

  /** Index of the last run with a start <= page; -1 if there is none. */
  #lastStartingAtOrBefore(page: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle] <= page) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
