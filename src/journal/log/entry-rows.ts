import type { Sequence } from '../ports.js';

/** Which sequences the entries of one group in one segment have: a row for each entry with records, rising. */
export class EntryRows {
  readonly indexes: number[] = [];
  readonly firsts: Sequence[] = [];
  readonly ends: Sequence[] = [];

  get length(): number {
    return this.ends.length;
  }

  add(index: number, first: Sequence, end: Sequence): void {
    this.indexes.push(index);
    this.firsts.push(first);
    this.ends.push(end);
  }

  clear(): void {
    this.indexes.length = 0;
    this.firsts.length = 0;
    this.ends.length = 0;
  }

  /** The row with this sequence; -1 if there is none. */
  rowOf(sequence: Sequence): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ends[middle] > sequence) high = middle;
      else low = middle + 1;
    }
    return low < this.length && this.firsts[low] <= sequence ? low : -1;
  }
}
