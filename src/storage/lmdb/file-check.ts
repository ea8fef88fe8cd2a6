import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { StoreError } from '../ports.js';

/*
  Looks at an LMDB file before it is mapped. Reading a page that lies behind the end of a mapped file is SIGBUS, which ends the process,
  so a file that was cut short must be found before. Layout (lmdb-js 3.5.6, data version 2, little endian, not encrypted):

    page 0, page 1   header 24: page number u64 | transaction u64 | pad u16 | flags u16 | lower, upper
                     meta: 24 magic u32 | 28 version u32 | 40 map size u64
                           48 free list: page size u32, flags u16, depth u16, branch, leaf, overflow, entries, root, each u64
                           96 main table: the same
                           144 last page u64 | 152 transaction u64
    page 2 ...       tree and overflow pages

  A commit of transaction t writes meta t & 1, so the two transactions differ by one, and each has the parity of its page.
*/

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_FLAG_BRANCH = 0x01;
const PAGE_FLAG_LEAF = 0x02;
const PAGE_FLAG_META = 0x08;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const META_BYTES = 168;
const HEADER_BYTES = 24;
const PAGE_BYTES_MIN = 512;
const PAGE_BYTES_MAX = 65_536;
const TREE_DEPTH_MAX = 32;
const FREE_LIST_AT = 48;
const MAIN_TABLE_AT = 96;

interface Meta {
  readonly pageBytes: number;
  readonly transaction: bigint;
  readonly lastPage: bigint;
  readonly freeRoot: bigint;
  readonly mainRoot: bigint;
}

function corrupt(path: string, what: string): StoreError {
  return new StoreError('corrupt', `${path}: ${what}`);
}

function readAt(file: number, at: number, bytes: number): Buffer | null {
  const target = Buffer.alloc(bytes);
  return readSync(file, target, 0, bytes, at) === bytes ? target : null;
}

/** @returns what is wrong with it, or the meta page. */
function parseMeta(page: Buffer, pageNumber: bigint): Meta | string {
  if (page.readBigUInt64LE(0) !== pageNumber || (page.readUInt16LE(18) & PAGE_FLAG_META) === 0) return 'is no meta page';
  if (page.readUInt32LE(24) !== MAGIC) return 'has not the magic number';
  if ((page.readUInt32LE(28) & 0xffff) !== DATA_VERSION) return 'has another data version';
  const pageBytes = page.readUInt32LE(FREE_LIST_AT);
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX || (pageBytes & (pageBytes - 1)) !== 0) return 'has no page size';
  const transaction = page.readBigUInt64LE(152);
  if (transaction !== 0n && (transaction & 1n) !== pageNumber) return 'has a transaction of the other page';
  const lastPage = page.readBigUInt64LE(144);
  for (const at of [FREE_LIST_AT, MAIN_TABLE_AT]) {
    const root = page.readBigUInt64LE(at + 40);
    const depth = page.readUInt16LE(at + 6);
    const isEmpty = root === NO_PAGE;
    if (isEmpty ? depth !== 0 : root < 2n || root > lastPage || depth === 0 || depth > TREE_DEPTH_MAX) return 'has a root out of range';
    let pages = 0n;
    for (const field of [8, 16, 24]) pages += page.readBigUInt64LE(at + field);
    if (pages > lastPage) return 'counts more pages than there are';
  }
  const freeRoot = page.readBigUInt64LE(FREE_LIST_AT + 40);
  const mainRoot = page.readBigUInt64LE(MAIN_TABLE_AT + 40);
  return { pageBytes, transaction, lastPage, freeRoot, mainRoot };
}

function checkRoot(path: string, file: number, meta: Meta, root: bigint): void {
  if (root === NO_PAGE) return;
  const header = readAt(file, Number(root) * meta.pageBytes, HEADER_BYTES);
  const isTree = header !== null && (header.readUInt16LE(18) & (PAGE_FLAG_BRANCH | PAGE_FLAG_LEAF)) !== 0;
  if (!isTree || header.readBigUInt64LE(0) !== root) throw corrupt(path, `page ${root} is not the root that the meta page names`);
}

/**
 * Checks that LMDB may map the file. An empty file is a new one. Costs six small reads.
 * @throws StoreError corrupt.
 */
export function checkLmdbFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
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
    const latest = one.transaction > zero.transaction ? one : zero;
    const bytesNeeded = (latest.lastPage + 1n) * BigInt(latest.pageBytes);
    if (BigInt(size) < bytesNeeded) throw corrupt(path, `is cut short: ${size} of ${bytesNeeded} bytes`);
    checkRoot(path, file, latest, latest.freeRoot);
    checkRoot(path, file, latest, latest.mainRoot);
  } finally {
    closeSync(file);
  }
}
