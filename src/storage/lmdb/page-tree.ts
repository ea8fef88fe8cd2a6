import { readSync } from 'node:fs';
import { corrupt, type FileMeta, type TreeRoot } from './file-meta.js';

/*
  A B-tree of an LMDB file, read page by page with read(2) and checked before it is believed: no page number leads out of the file, no node out
  of its page, no key out of its order. What LMDB itself would do with such a page is read somewhere else, and end the process.

    page   0 number u64 | 8 transaction u64 | 16 pad u16 | 18 flags u16 | 20 lower u16 | 22 upper u16 | 24 place of each node u16* | nodes
           places, lower and upper count from byte 24
    node   0 low u16 | 2 high u16 | 4 flags u16 | 6 key length u16 | 8 key | value
           branch: low, high and flags are the number of the child. Leaf: low and high are the length of the value
           leaf with flag 1: instead of the value  first page u64 | transaction u64 | pages u64;  the value begins 24 bytes into the first
*/

const HEADER_BYTES = 24;
const NODE_BYTES = 8;
const OVERFLOW_BYTES = 24;
const PAGE_FLAG_BRANCH = 0x01;
const PAGE_FLAG_LEAF = 0x02;
const PAGE_FLAG_OVERFLOW = 0x04;
const NODE_FLAG_OVERFLOW = 0x01;

/** Whether `left` comes before `right`. */
type KeyOrder = (left: Uint8Array, right: Uint8Array) => boolean;

export const BYTE_ORDER: KeyOrder = (left, right) => Buffer.compare(left, right) < 0;
export const NUMBER_ORDER: KeyOrder = (left, right) => numberOf(left) < numberOf(right);

function numberOf(key: Uint8Array): bigint {
  let value = 0n;
  for (let at = key.length - 1; at >= 0; at -= 1) value = value * 256n + BigInt(key[at]);
  return value;
}

/** What `visit` sees of a node; valid during the call. */
export interface LeafNode {
  readonly key: Uint8Array;
  readonly valueLength: number;
  /** A copy. @throws StoreError corrupt. */
  value(): Uint8Array;
}

/** Walks over trees of one file, and knows afterwards which pages they have. */
export class PageTrees {
  readonly #path: string;
  readonly #file: number;
  readonly #meta: FileMeta;
  /** A byte for each page: 1 if a tree has it. */
  readonly #used: Uint8Array;
  readonly #levels: Buffer[] = [];
  readonly #overflowHead = Buffer.alloc(HEADER_BYTES);

  constructor(path: string, file: number, meta: FileMeta) {
    this.#path = path;
    this.#file = file;
    this.#meta = meta;
    this.#used = new Uint8Array(meta.lastPage + 1);
  }

  /** All nodes in order of their keys, until `visit` returns false. @throws StoreError corrupt. */
  walk(root: TreeRoot, order: KeyOrder, visit: (node: LeafNode) => boolean): void {
    if (root.depth === 0) return;
    const walk = new Walk(this, order, visit);
    if (this.#descend(root.page, root.depth, walk) && walk.entries !== root.entries)
      throw corrupt(this.#path, `has ${walk.entries} entries of ${root.entries}`);
  }

  /** Null if the tree is empty. @throws StoreError corrupt. */
  lastKey(root: TreeRoot): Uint8Array | null {
    let number = root.page;
    for (let depth = root.depth; depth > 0; depth -= 1) {
      const page = this.#read(number, depth);
      const count = this.#checkHead(page, number, depth === 1 ? PAGE_FLAG_LEAF : PAGE_FLAG_BRANCH);
      const at = this.#nodeAt(page, number, count - 1);
      const keyEnd = at + NODE_BYTES + page.readUInt16LE(at + 6);
      if (keyEnd > page.length) throw this.#bad(number, 'a key leads out of it');
      if (depth === 1) return new Uint8Array(page.subarray(at + NODE_BYTES, keyEnd));
      number = childOf(page, at);
    }
    return null;
  }

  isUsed(page: number): boolean {
    return this.#used[page] === 1;
  }

  isInside(page: number): boolean {
    return page >= 2 && page <= this.#meta.lastPage;
  }

  /** A value that has pages of its own. @throws StoreError corrupt. */
  readOverflow(page: number, length: number): Uint8Array {
    const bytes = Buffer.alloc(length);
    const at = page * this.#meta.pageBytes + HEADER_BYTES;
    if (readSync(this.#file, bytes, 0, length, at) !== length) throw corrupt(this.#path, `ends within page ${page}`);
    return bytes;
  }

  /** @returns false if the visitor ended it. */
  #descend(number: number, depth: number, walk: Walk): boolean {
    const page = this.#read(number, depth);
    const count = this.#checkHead(page, number, depth === 1 ? PAGE_FLAG_LEAF : PAGE_FLAG_BRANCH);
    for (let i = 0; i < count; i += 1) {
      const at = this.#nodeAt(page, number, i);
      if (depth === 1) {
        if (!this.#leafNode(page, number, at, walk)) return false;
        continue;
      }
      const keyLength = page.readUInt16LE(at + 6);
      if (at + NODE_BYTES + keyLength > page.length) throw this.#bad(number, 'a key leads out of it');
      if (i > 0 && !walk.enter(page.subarray(at + NODE_BYTES, at + NODE_BYTES + keyLength)))
        throw this.#bad(number, 'keys are out of order');
      if (!this.#descend(childOf(page, at), depth - 1, walk)) return false;
    }
    if (depth === 1) walk.leave();
    return true;
  }

  #leafNode(page: Buffer, number: number, at: number, walk: Walk): boolean {
    const flags = page.readUInt16LE(at + 4);
    const length = page.readUInt32LE(at);
    const keyEnd = at + NODE_BYTES + page.readUInt16LE(at + 6);
    if (flags !== 0 && flags !== NODE_FLAG_OVERFLOW) throw this.#bad(number, 'a node is of an unknown kind');
    if (keyEnd + (flags === 0 ? length : OVERFLOW_BYTES) > page.length) throw this.#bad(number, 'a node leads out of it');
    let overflow = 0;
    if (flags !== 0) {
      overflow = this.#pageNumber(page, keyEnd);
      const pages = this.#pageNumber(page, keyEnd + 16);
      if (pages < Math.floor((HEADER_BYTES - 1 + length) / page.length) + 1) throw this.#bad(number, 'a value has too few pages');
      if (!this.isInside(overflow) || pages > this.#meta.lastPage + 1 - overflow) throw this.#bad(number, 'a value leads out of the file');
      this.#checkOverflow(page, keyEnd, overflow);
      for (let i = 0; i < pages; i += 1) this.#use(overflow + i);
    }
    if (!walk.take(page.subarray(at + NODE_BYTES, keyEnd))) throw this.#bad(number, 'keys are out of order');
    return walk.visit(page, keyEnd, length, overflow);
  }

  #read(number: number, depth: number): Buffer {
    if (!this.isInside(number)) throw this.#bad(number, 'it is not in the file');
    this.#use(number);
    let page = this.#levels[depth];
    if (page === undefined) {
      page = Buffer.alloc(this.#meta.pageBytes);
      this.#levels[depth] = page;
    }
    if (readSync(this.#file, page, 0, page.length, number * page.length) !== page.length) throw this.#bad(number, 'it is cut short');
    return page;
  }

  /** @returns how many nodes it has. */
  #checkHead(page: Buffer, number: number, kind: number): number {
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    this.#checkIdentity(page, number, kind);
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper + HEADER_BYTES > page.length)
      throw this.#bad(number, 'its bounds are wrong');
    return lower / 2;
  }

  /** A page that seems to be of a later transaction would be written in place, where the map is read-only. */
  #checkIdentity(head: Buffer, number: number, kind: number): void {
    if (this.#pageNumber(head, 0) !== number || head.readUInt16LE(18) !== kind)
      throw this.#bad(number, 'it is not the page that was meant');
    if (head.readBigUInt64LE(8) > this.#meta.transaction) throw this.#bad(number, 'it is of a transaction that has not been');
  }

  #checkOverflow(page: Buffer, at: number, number: number): void {
    const head = this.#overflowHead;
    if (readSync(this.#file, head, 0, HEADER_BYTES, number * page.length) !== HEADER_BYTES) throw this.#bad(number, 'it is cut short');
    this.#checkIdentity(head, number, PAGE_FLAG_OVERFLOW);
    // The node repeats number, transaction and length of what it points to.
    if (head.compare(page, at, at + 16, 0, 16) !== 0 || head.readUInt32LE(20) !== page.readUInt32LE(at + 16))
      throw this.#bad(number, 'it is not the value that was meant');
  }

  #nodeAt(page: Buffer, number: number, i: number): number {
    const at = page.readUInt16LE(HEADER_BYTES + i * 2) + HEADER_BYTES;
    if (at < page.readUInt16LE(22) + HEADER_BYTES || at + NODE_BYTES > page.length) throw this.#bad(number, 'a node is out of place');
    return at;
  }

  #use(number: number): void {
    if (this.#used[number] === 1) throw this.#bad(number, 'it is used twice');
    this.#used[number] = 1;
  }

  /** Beyond 2^48 it is no page of ours, whatever the rest says. */
  #pageNumber(page: Buffer, at: number): number {
    return page.readUInt16LE(at + 6) === 0 ? page.readUIntLE(at, 6) : Number.MAX_SAFE_INTEGER;
  }

  #bad(number: number, what: string): Error {
    return corrupt(this.#path, `page ${number}: ${what}`);
  }
}

function childOf(page: Buffer, at: number): number {
  return page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 2 ** 32;
}

/** Where a walk is: the key before, the bounds of the branches above. */
class Walk implements LeafNode {
  entries = 0;
  valueLength = 0;
  readonly #trees: PageTrees;
  readonly #order: KeyOrder;
  readonly #visit: (node: LeafNode) => boolean;
  #key: Uint8Array | null = null;
  #from: Uint8Array | null = null;
  #page: Buffer = Buffer.alloc(0);
  #valueAt = 0;
  #overflow = 0;

  constructor(trees: PageTrees, order: KeyOrder, visit: (node: LeafNode) => boolean) {
    this.#trees = trees;
    this.#order = order;
    this.#visit = visit;
  }

  get key(): Uint8Array {
    return this.#key ?? this.#page.subarray(0, 0);
  }

  value(): Uint8Array {
    if (this.#overflow !== 0) return this.#trees.readOverflow(this.#overflow, this.valueLength);
    return new Uint8Array(this.#page.subarray(this.#valueAt, this.#valueAt + this.valueLength));
  }

  /** The next keys are `from` or behind it. */
  enter(from: Uint8Array): boolean {
    if (this.#key !== null && !this.#order(this.#key, from)) return false;
    this.#from = new Uint8Array(from);
    return true;
  }

  take(key: Uint8Array): boolean {
    if (this.#key !== null && !this.#order(this.#key, key)) return false;
    if (this.#from !== null && this.#order(key, this.#from)) return false;
    this.#from = null;
    this.#key = key;
    this.entries += 1;
    return true;
  }

  /** The page is read over: the last key is copied. */
  leave(): void {
    if (this.#key !== null) this.#key = new Uint8Array(this.#key);
  }

  visit(page: Buffer, valueAt: number, length: number, overflow: number): boolean {
    this.#page = page;
    this.#valueAt = valueAt;
    this.valueLength = length;
    this.#overflow = overflow;
    return this.#visit(this);
  }
}
