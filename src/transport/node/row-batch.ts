import { assert } from '../../base/assert.js';
import { ROW_CONNECTION, ROW_COUNT, ROW_EXTRA, ROW_HEADER, ROW_INTS, ROW_KIND, ROW_LENGTH, ROW_NUMBER, ROW_OFFSET } from '../ports.js';

/** Rows kept free for what ends a connection's turn: a fault, a mark crossed, the close. */
export const ROWS_RESERVED = 4;

/** The event rows of one turn. */
export class RowBatch {
  readonly rows: Int32Array;
  count = 0;
  readonly #capacity: number;

  constructor(capacity: number) {
    assert(capacity > ROWS_RESERVED, 'a batch has room for frames');
    this.#capacity = capacity;
    this.rows = new Int32Array(capacity * ROW_INTS);
  }

  /** Whether frames have to wait for the next batch. */
  get isFull(): boolean {
    return this.count >= this.#capacity - ROWS_RESERVED;
  }

  /** @returns index of the row's first integer. */
  add(kind: number, connection: number, offset: number, length: number, number: number, header: number, extra: number): number {
    assert(this.count < this.#capacity, 'rows are reserved for what cannot wait');
    const at = this.count * ROW_INTS;
    this.count += 1;
    const rows = this.rows;
    rows[at + ROW_KIND] = kind;
    rows[at + ROW_CONNECTION] = connection;
    rows[at + ROW_OFFSET] = offset;
    rows[at + ROW_LENGTH] = length;
    rows[at + ROW_COUNT] = 1;
    rows[at + ROW_NUMBER] = number;
    rows[at + ROW_HEADER] = header;
    rows[at + ROW_EXTRA] = extra;
    return at;
  }

  /** One more frame of `length` bytes belongs to the row at `at`. */
  extend(at: number, length: number): void {
    this.rows[at + ROW_LENGTH] += length;
    this.rows[at + ROW_COUNT] += 1;
  }
}
