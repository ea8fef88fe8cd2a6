import { closeSync, openSync } from 'node:fs';
import { isWhole } from './checked-value.js';
import { corrupt, type FileMeta, readMeta } from './file-meta.js';
import { isEntryKey, isFooterKey, SEALED_MARK } from './keys.js';
import { BYTE_ORDER, type LeafNode, NUMBER_ORDER, PageTrees } from './page-tree.js';

/*
  Looks at an LMDB file before it is mapped. LMDB believes what it finds on a page: one wrong bit in it, or a file that was cut short, and it
  reads behind the end of the map, which ends the process. So every page of both trees is read and checked first, and the checksums of footers
  and rows. Not read are values that have pages of their own: entries have a checksum. It costs a few microseconds a page.
*/

export type FileRole = 'segment' | 'table';

/** An LMDB file, opened for reading and never mapped. */
export class LmdbFile {
  readonly path: string;
  readonly role: FileRole;
  /** Null: it is empty, and new. */
  readonly meta: FileMeta | null;
  readonly #file: number;

  /** @throws StoreError corrupt. */
  constructor(path: string, role: FileRole) {
    this.path = path;
    this.role = role;
    this.#file = openSync(path, 'r');
    try {
      this.meta = readMeta(path, this.#file, role === 'segment');
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** What is in it, in order, checked; until `visit` returns false. @throws StoreError corrupt. */
  walk(visit: (node: LeafNode) => boolean): void {
    if (this.meta !== null) this.#walkMain(new PageTrees(this.path, this.#file, this.meta), this.meta, visit);
  }

  /** Both trees, and that no page which is in use is in the free list: the next commit would write over it. @throws StoreError corrupt. */
  check(): void {
    const { meta } = this;
    if (meta === null) return;
    const trees = new PageTrees(this.path, this.#file, meta);
    this.#walkMain(trees, meta, () => true);
    const free: Uint8Array[] = [];
    trees.walk(meta.free, NUMBER_ORDER, (node) => {
      free.push(node.value());
      return true;
    });
    const isFree = new Uint8Array(meta.lastPage + 1);
    for (const list of free) this.#checkFree(trees, list, isFree);
  }

  /** Whether it was sealed: the mark is the last key. @throws StoreError corrupt. */
  isSealed(): boolean {
    if (this.meta === null) return false;
    const last = new PageTrees(this.path, this.#file, this.meta).lastKey(this.meta.main);
    return last !== null && Buffer.compare(last, SEALED_MARK) === 0;
  }

  close(): void {
    closeSync(this.#file);
  }

  #walkMain(trees: PageTrees, meta: FileMeta, visit: (node: LeafNode) => boolean): void {
    trees.walk(meta.main, BYTE_ORDER, (node) => {
      this.#checkRow(node);
      return visit(node);
    });
  }

  #checkRow(node: LeafNode): void {
    const { key } = node;
    if (this.role === 'segment') {
      if (isEntryKey(key) || Buffer.compare(key, SEALED_MARK) === 0) return;
      if (!isFooterKey(key)) throw corrupt(this.path, 'has a key of an unknown kind');
    }
    if (!isWhole(key, node.value())) throw corrupt(this.path, `a ${this.role === 'segment' ? 'footer' : 'row'} is not what was written`);
  }

  /** A list: count u64, then page numbers, each u64. 0 is an unused place; a negative one says how many pages the next one begins. */
  #checkFree(trees: PageTrees, list: Uint8Array, isFree: Uint8Array): void {
    const numbers = Buffer.from(list.buffer, list.byteOffset, list.length);
    if (numbers.length < 8 || numbers.length % 8 !== 0) throw corrupt(this.path, 'has a free list of an odd length');
    const count = Number(numbers.readBigInt64LE(0));
    if (count < 0 || count > numbers.length / 8 - 1) throw corrupt(this.path, 'has a free list that is longer than its place');
    let run = 1;
    for (let i = 1; i <= count; i += 1) {
      const number = Number(numbers.readBigInt64LE(i * 8));
      if (number === 0) continue;
      if (number < 0) {
        run = -number;
        continue;
      }
      if (!trees.isInside(number) || !trees.isInside(number + run - 1)) throw corrupt(this.path, 'has a free page that it does not have');
      for (let page = number; page < number + run; page += 1) {
        if (trees.isUsed(page) || isFree[page] === 1) throw corrupt(this.path, `has page ${page} in its free list and in use`);
        isFree[page] = 1;
      }
      run = 1;
    }
  }
}

/** Checks that LMDB may map the file. @throws StoreError corrupt. */
export function checkLmdbFile(path: string, role: FileRole): void {
  const file = new LmdbFile(path, role);
  try {
    file.check();
  } finally {
    file.close();
  }
}

/** Costs a few small reads. @throws StoreError corrupt. */
export function isSealedFile(path: string): boolean {
  const file = new LmdbFile(path, 'segment');
  try {
    return file.isSealed();
  } finally {
    file.close();
  }
}
