import type { SegmentId } from '../../storage/ports.js';
import type { Sequence } from '../ports.js';
import type { SealedRow } from './footer-rows.js';

const ROWS_MAX = 64;

/** Rows of sealed segments that were read last: at most 256 KiB. Few enough to be looked through. */
export class RowCache {
  readonly #rows: SealedRow[] = [];
  readonly #usedAt: number[] = [];
  #now = 0;

  /** The row that `findRow` would find, if it is here. */
  find(segment: SegmentId, number: number, sequence: Sequence): SealedRow | null {
    const rows = this.#rows;
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i];
      if (row.number !== number || row.segment !== segment || row.first > sequence || row.next <= sequence) continue;
      this.#now += 1;
      this.#usedAt[i] = this.#now;
      return row;
    }
    return null;
  }

  keep(row: SealedRow): void {
    let place = this.#rows.length;
    if (place === ROWS_MAX) {
      place = 0;
      for (let i = 1; i < ROWS_MAX; i += 1) if (this.#usedAt[i] < this.#usedAt[place]) place = i;
    }
    this.#now += 1;
    this.#rows[place] = row;
    this.#usedAt[place] = this.#now;
  }
}
