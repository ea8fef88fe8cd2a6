import type { StateTable } from '../ports.js';
import type { Rows } from './rows.js';

/** Where a table tells that a row has another value, or none. */
export interface RowObserver {
  touched(row: number): void;
}

/** One table of a group. Rows that were deleted and are still to be told stay in the Map without a value. */
export class NamedTable implements StateTable {
  readonly name: string;
  readonly number: number;
  /** The log has the block that gives the number its name; the checkpoint has the name. */
  isDefined = false;
  isStored = false;
  readonly #rows: Rows;
  readonly #observer: RowObserver;
  readonly #rowOf = new Map<string, number>();
  #size = 0;

  constructor(name: string, number: number, rows: Rows, observer: RowObserver) {
    this.name = name;
    this.number = number;
    this.#rows = rows;
    this.#observer = observer;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): Uint8Array | undefined {
    const row = this.#rowOf.get(key);
    if (row === undefined || !this.#rows.values.has(row)) return undefined;
    return this.#rows.values.get(row);
  }

  put(key: string, value: Uint8Array): void {
    this.putPart(key, value, 0, value.length);
  }

  /** As `put`, of `source[from..to)`. */
  putPart(key: string, source: Uint8Array, from: number, to: number): void {
    const rows = this.#rows;
    let row = this.#rowOf.get(key);
    if (row === undefined) {
      row = rows.create(this.number, key);
      this.#rowOf.set(key, row);
    }
    if (!rows.values.has(row)) this.#size += 1;
    rows.values.set(row, source, from, to);
    this.#observer.touched(row);
  }

  delete(key: string): void {
    const row = this.#rowOf.get(key);
    if (row === undefined || !this.#rows.values.has(row)) return;
    this.#rows.values.delete(row);
    this.#size -= 1;
    this.#observer.touched(row);
  }

  *entries(): IterableIterator<[string, Uint8Array]> {
    const values = this.#rows.values;
    for (const [key, row] of this.#rowOf) if (values.has(row)) yield [key, values.get(row)];
  }

  /** At the start: a row that the checkpoint has. */
  restore(row: number, key: string, source: Uint8Array, from: number, to: number): void {
    this.#rows.restore(row, this.number, key);
    this.#rows.values.set(row, source, from, to);
    this.#rowOf.set(key, row);
    this.#size += 1;
  }

  /** The row was deleted and everybody knows. */
  forget(key: string): void {
    this.#rowOf.delete(key);
  }
}
