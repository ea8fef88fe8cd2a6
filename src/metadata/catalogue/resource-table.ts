import { assert } from '../../base/assert.js';
import { KeyOrder } from './key-order.js';

/** An insert into the order costs about as much as eight keys of sorting all. */
const INSERT_COST = 8;

/**
 * Records of a kind by key. The order of keys is only made when somebody asks for it: to sort a million keys at once takes a third of a second, to
 * put each into its place takes ten times as long, and most tables are never listed while the log is replayed.
 */
export class ResourceTable<T> {
  readonly #records = new Map<string, T>();
  readonly #order = new KeyOrder();
  /** Keys that are not in the order yet. */
  #unordered: string[] = [];

  get size(): number {
    return this.#records.size;
  }

  get(key: string): T | null {
    return this.#records.get(key) ?? null;
  }

  set(key: string, record: T): void {
    const before = this.#records.size;
    this.#records.set(key, record);
    if (this.#records.size > before) this.#unordered.push(key);
  }

  delete(key: string): void {
    this.#settle();
    assert(this.#records.delete(key), 'what is deleted is there');
    this.#order.delete(key);
  }

  /** Calls `visit` in the order of keys, from the first that is not below `from`, until it returns false. */
  scan(from: string, visit: (record: T, key: string) => boolean): void {
    this.#settle();
    this.#order.scan(from, (key) => {
      const record = this.#records.get(key);
      assert(record !== undefined, 'the order has what the table has');
      return visit(record, key);
    });
  }

  /** Records whose keys are from `from` on and before `to`. */
  countBetween(from: string, to: string): number {
    this.#settle();
    return this.#order.countBefore(to) - this.#order.countBefore(from);
  }

  /**
   * References to all of them, in the order in which their keys came. The log says what that is, and a table that is filled from here has the
   * same: so it is the same on every node.
   */
  capture(): T[] {
    return Array.from(this.#records.values());
  }

  #settle(): void {
    const keys = this.#unordered;
    if (keys.length === 0) return;
    this.#unordered = [];
    if (keys.length * INSERT_COST > this.#records.size) this.#order.rebuild(Array.from(this.#records.keys()));
    else for (const key of keys) this.#order.insert(key);
  }
}
