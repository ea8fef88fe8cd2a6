import { assert } from '../../base/assert.js';
import { ValueHeap } from './value-heap.js';

const CAPACITY_FIRST = 256;

/**
 * What is known of a row. isDirty: the next commit has to say it. isListedA, isListedB: the number is in one of the two lists of the checkpoint, the
 * one that is being written or the one for the next time. isStored: the checkpoint may have a row of this number. isFree: the number is nobody's.
 */
export const ROW = { isDirty: 1, isListedA: 2, isListedB: 4, isStored: 8, isFree: 16 } as const;

/*
  All rows of a group's tables, by number, in columns. A row that was deleted keeps its number (and its place in its table's Map) until the
  log, and the checkpoint if it has the row, know of it; then the number is free for another key.

    number    0     1     2     3
    key       'a'   'b'   ''    'a'
    table     0     0           1
    flags                 free
    value     ....  none        ....      none: deleted, not yet told
*/
export class Rows {
  readonly values: ValueHeap = new ValueHeap();
  keys: string[] = [];
  tables: Uint16Array = new Uint16Array(0);
  flags: Uint8Array = new Uint8Array(0);
  /** The last flight that said the row, by its serial number. */
  flights: Uint32Array = new Uint32Array(0);
  /** Numbers below it were given out at least once. */
  #end = 0;
  readonly #free: number[] = [];

  create(table: number, key: string): number {
    const row = this.#free.pop() ?? this.#end;
    if (row === this.#end) this.#extendTo(row + 1);
    this.flags[row] &= ~ROW.isFree; // That the number is in a list stays true, whoever has it.
    this.tables[row] = table;
    this.keys[row] = key;
    return row;
  }

  /** At the start: a row of the checkpoint, under its number there. Followed by `freeGaps`. */
  restore(row: number, table: number, key: string): void {
    if (row >= this.#end) this.#extendTo(row + 1);
    assert((this.flags[row] & ROW.isFree) !== 0, 'a checkpoint has a row once');
    this.flags[row] = ROW.isStored;
    this.tables[row] = table;
    this.keys[row] = key;
  }

  freeGaps(): void {
    this.#free.length = 0;
    for (let row = this.#end - 1; row >= 0; row -= 1) if ((this.flags[row] & ROW.isFree) !== 0) this.#free.push(row);
  }

  free(row: number): void {
    assert(!this.values.has(row) && (this.flags[row] & (ROW.isFree | ROW.isDirty | ROW.isStored)) === 0, 'nobody needs the row any more');
    this.flags[row] |= ROW.isFree;
    this.keys[row] = '';
    this.#free.push(row);
  }

  #extendTo(end: number): void {
    if (end > this.flags.length) {
      let capacity = Math.max(CAPACITY_FIRST, this.flags.length);
      while (capacity < end) capacity *= 2;
      const tables = new Uint16Array(capacity);
      tables.set(this.tables);
      const flags = new Uint8Array(capacity);
      flags.set(this.flags);
      const flights = new Uint32Array(capacity);
      flights.set(this.flights);
      this.tables = tables;
      this.flags = flags;
      this.flights = flights;
      this.values.reserve(capacity);
    }
    for (let row = this.#end; row < end; row += 1) {
      this.keys[row] = '';
      this.flags[row] = ROW.isFree;
    }
    this.#end = end;
  }
}
