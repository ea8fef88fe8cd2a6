import { assert } from '../../base/assert.js';
import { StoreError } from '../../storage/ports.js';
import type { StateTable } from '../ports.js';
import type { StateTables } from '../state/state-tables.js';
import type { IndexParts } from './index-parts.js';

const VALUE_BYTES = 16;
const NEXT_NUMBER = 'next';

/*
  Which indexes there are, in two tables of the same group, so that they ride in the same commits and checkpoints:

    table index          key => number u32 | trimmed u48 | last u48        big-endian
    table index.numbers  'next' => number u32                              a number is never given twice: footers may still have it

  Trims are written when a segment is sealed: what was trimmed since comes back after a crash, and is trimmed again by those who know.
*/
export class Definitions {
  readonly #rows: StateTable;
  readonly #numbers: StateTable;

  constructor(tables: StateTables) {
    this.#rows = tables.table('index');
    this.#numbers = tables.table('index.numbers');
  }

  takeNumber(): number {
    const value = this.#numbers.get(NEXT_NUMBER);
    const number = value === undefined ? 1 : Buffer.from(value).readUInt32BE(0);
    assert(number < 2 ** 32 - 1, 'indexes are numbered in 32 bits');
    const next = Buffer.alloc(4);
    next.writeUInt32BE(number + 1, 0);
    this.#numbers.put(NEXT_NUMBER, next);
    return number;
  }

  write(key: string, parts: IndexParts): void {
    const value = Buffer.alloc(VALUE_BYTES);
    value.writeUInt32BE(parts.number, 0);
    value.writeUIntBE(parts.trimmed, 4, 6);
    value.writeUIntBE(parts.last, 10, 6);
    this.#rows.put(key, value);
  }

  delete(key: string): void {
    this.#rows.delete(key);
  }

  /** @throws StoreError corrupt. */
  *read(): IterableIterator<{ readonly key: string; readonly number: number; readonly trimmed: number; readonly last: number }> {
    for (const [key, bytes] of this.#rows.entries()) {
      if (bytes.length !== VALUE_BYTES) throw new StoreError('corrupt', 'a definition of an index has another length');
      const value = Buffer.from(bytes);
      yield { key, number: value.readUInt32BE(0), trimmed: value.readUIntBE(4, 6), last: value.readUIntBE(10, 6) };
    }
  }
}
