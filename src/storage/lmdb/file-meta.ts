import { fstatSync, readSync } from 'node:fs';
import { StoreError } from '../ports.js';

/*
  The two meta pages of an LMDB file, read without mapping it. Layout (lmdb-js 3.5.6, data version 2, little endian, not encrypted):

    page 0, page 1   header 24: page number u64 | transaction u64 | pad u16 | flags u16 | lower, upper
                     meta: 24 magic u32 | 28 version u32 | 40 map size u64
                           48 free list: page size u32, flags u16, depth u16, branch, leaf, overflow, entries, root, each u64
                           96 main table: the same
                           144 last page u64 | 152 transaction u64
    page 2 ...       tree and overflow pages

  A commit of transaction t writes meta t & 1, so the two transactions differ by one, and each has the parity of its page.
*/

export const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_FLAG_META = 0x08;
const META_BYTES = 168;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
const TREE_DEPTH_MAX = 32;
const FREE_LIST_AT = 48;
const MAIN_TABLE_AT = 96;
/** Keys of the free list are numbers (MDB_INTEGERKEY); keys of the main table are bytes. */
const FLAG_INTEGER_KEY = 0x08;
const FLAGS_OF_ORDER = 0x7e;

/** Root of a tree, `depth` 0 if it is empty. */
export interface TreeRoot {
  readonly page: number;
  readonly depth: number;
  readonly entries: number;
}

export interface FileMeta {
  readonly pageBytes: number;
  readonly transaction: bigint;
  readonly lastPage: number;
  readonly free: TreeRoot;
  readonly main: TreeRoot;
}

export function corrupt(path: string, what: string): StoreError {
  return new StoreError(
    'corrupt',
    `${what} (${path}). The file is not as it was written: keep it, and run \`robust-ctl journal verify\` while the server is stopped`,
  );
}

/** @returns what is wrong with it, or the meta page. */
function parseMeta(page: Buffer, pageNumber: bigint): FileMeta | string {
  if (page.readBigUInt64LE(0) !== pageNumber || (page.readUInt16LE(18) & PAGE_FLAG_META) === 0) return 'is no meta page';
  if (page.readUInt32LE(24) !== MAGIC) return 'has not the magic number';
  if ((page.readUInt32LE(28) & 0xffff) !== DATA_VERSION) return 'has another data version';
  const pageBytes = page.readUInt32LE(FREE_LIST_AT);
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX || (pageBytes & (pageBytes - 1)) !== 0) return 'has no page size';
  const transaction = page.readBigUInt64LE(152);
  if (transaction !== 0n && (transaction & 1n) !== pageNumber) return 'has a transaction of the other page';
  const lastPage = page.readBigUInt64LE(144);
  if (lastPage > BigInt(Number.MAX_SAFE_INTEGER) / BigInt(pageBytes)) return 'counts more pages than any disk has';
  for (const at of [FREE_LIST_AT, MAIN_TABLE_AT]) {
    const root = page.readBigUInt64LE(at + 40);
    const depth = page.readUInt16LE(at + 6);
    const isEmpty = root === NO_PAGE;
    if (isEmpty ? depth !== 0 : root < 2n || root > lastPage || depth === 0 || depth > TREE_DEPTH_MAX) return 'has a root out of range';
    let pages = 0n;
    for (const field of [8, 16, 24]) pages += page.readBigUInt64LE(at + field);
    if (pages > lastPage) return 'counts more pages than there are';
    if ((page.readUInt16LE(at + 4) & FLAGS_OF_ORDER) !== (at === FREE_LIST_AT ? FLAG_INTEGER_KEY : 0)) return 'has keys in another order';
  }
  return { pageBytes, transaction, lastPage: Number(lastPage), free: rootAt(page, FREE_LIST_AT), main: rootAt(page, MAIN_TABLE_AT) };
}

function rootAt(page: Buffer, at: number): TreeRoot {
  const depth = page.readUInt16LE(at + 6);
  return { page: depth === 0 ? 0 : Number(page.readBigUInt64LE(at + 40)), depth, entries: Number(page.readBigUInt64LE(at + 32)) };
}

function readAt(file: number, at: number, bytes: number): Buffer | null {
  const target = Buffer.alloc(bytes);
  return readSync(file, target, 0, bytes, at) === bytes ? target : null;
}

/**
 * The meta page of the last transaction; null if the file is empty: then it is a new one.
 * @param isGrowing entries are only ever added to it. @throws StoreError corrupt.
 */
export function readMeta(path: string, file: number, isGrowing: boolean): FileMeta | null {
  const { size } = fstatSync(file);
  if (size === 0) return null;
  const first = readAt(file, 0, META_BYTES);
  if (first === null) throw corrupt(path, `${size} bytes are no LMDB file`);
  const zero = parseMeta(first, 0n);
  if (typeof zero === 'string') throw corrupt(path, `page 0 ${zero}`);
  const second = readAt(file, zero.pageBytes, META_BYTES);
  if (second === null) throw corrupt(path, 'ends before its second meta page');
  const one = parseMeta(second, 1n);
  if (typeof one === 'string') throw corrupt(path, `page 1 ${one}`);
  if (one.pageBytes !== zero.pageBytes) throw corrupt(path, 'has two page sizes');
  const distance = one.transaction - zero.transaction;
  const isFresh = distance === 0n && one.transaction === 0n;
  if (!isFresh && distance !== 1n && distance !== -1n) throw corrupt(path, 'has a meta page of another time');
  const [latest, older] = one.transaction > zero.transaction ? [one, zero] : [zero, one];
  // A transaction number that is wrong by two would make the last commit look like the one before it.
  if (older.lastPage > latest.lastPage) throw corrupt(path, 'shrank, which an LMDB file never does');
  if (isGrowing && older.main.entries > latest.main.entries) throw corrupt(path, 'has fewer entries than it had');
  const bytesNeeded = (latest.lastPage + 1) * latest.pageBytes;
  if (size < bytesNeeded) throw corrupt(path, `is cut short: ${size} of ${bytesNeeded} bytes`);
  return latest;
}
