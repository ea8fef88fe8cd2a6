import { assert } from '../../base/assert.js';

/** Keys of a block before it is cut in two. Inserting moves half as many on average; a million keys make some ten thousand blocks. */
const BLOCK_KEYS_MAX = 128;

/**
 * Keys in their order, by UTF-16 units:
 *
 *   blocks   [ a c f ] [ g h ] [ k m q z ]      none is empty
 *   firsts     a         g       k              their first keys again: the search needs no look into other blocks
 */
export class KeyOrder {
  #blocks: string[][] = [];
  #firsts: string[] = [];

  /** Begins again. Faster than as many inserts, if there are many. @param keys in any order, each once. Sorted in place. */
  rebuild(keys: string[]): void {
    keys.sort();
    const blocks: string[][] = [];
    for (let at = 0; at < keys.length; at += BLOCK_KEYS_MAX) blocks.push(keys.slice(at, at + BLOCK_KEYS_MAX));
    this.#blocks = blocks;
    this.#firsts = blocks.map(([first]) => first);
  }

  insert(key: string): void {
    if (this.#blocks.length === 0) {
      this.#putBlock(0, [key]);
      return;
    }
    const number = this.#blockOf(key);
    const block = this.#blocks[number];
    const at = lowerBound(block, key);
    block.splice(at, 0, key);
    if (at === 0) this.#firsts[number] = key;
    if (block.length > BLOCK_KEYS_MAX) this.#putBlock(number + 1, block.splice(block.length >>> 1));
  }

  delete(key: string): void {
    const number = this.#blockOf(key);
    const block = this.#blocks[number];
    const at = lowerBound(block, key);
    assert(block[at] === key, 'a key that goes is in the order');
    block.splice(at, 1);
    if (block.length > 0) {
      this.#firsts[number] = block[0];
      return;
    }
    this.#blocks.splice(number, 1);
    this.#firsts.splice(number, 1);
  }

  /** Calls `visit` for each key from the first that is not below `from`, until it returns false. */
  scan(from: string, visit: (key: string) => boolean): void {
    const blocks = this.#blocks;
    if (blocks.length === 0) return;
    let number = this.#blockOf(from);
    for (let at = lowerBound(blocks[number], from); number < blocks.length; number += 1, at = 0) {
      const block = blocks[number];
      for (; at < block.length; at += 1) if (!visit(block[at])) return;
    }
  }

  /** Keys below `key`. */
  countBefore(key: string): number {
    const blocks = this.#blocks;
    if (blocks.length === 0) return 0;
    const last = this.#blockOf(key);
    let count = lowerBound(blocks[last], key);
    for (let number = 0; number < last; number += 1) count += blocks[number].length;
    return count;
  }

  #putBlock(number: number, block: string[]): void {
    this.#blocks.splice(number, 0, block);
    this.#firsts.splice(number, 0, block[0]);
  }

  /** The last block that does not begin above `key`; 0 if all do, or there is none. */
  #blockOf(key: string): number {
    const firsts = this.#firsts;
    let low = 0;
    let high = firsts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (firsts[middle] <= key) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Place of the first key that is not below `key`. */
function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (block[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
