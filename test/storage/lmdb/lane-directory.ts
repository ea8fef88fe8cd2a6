import { closeSync, copyFileSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { contentOf } from '../../../src/storage/lmdb/checked-value.js';
import { LmdbFile } from '../../../src/storage/lmdb/file-check.js';
import { decodeSums, type FileSums } from '../../../src/storage/lmdb/file-sums.js';
import { segmentOfSums } from '../../../src/storage/lmdb/keys.js';
import { segmentName, TABLE_FILE } from '../../../src/storage/lmdb/names.js';
import { eventually } from '../../resilience/deadline.js';

export function newDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-lane-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The lane's files, without those of locks, in a directory of their own. */
export function copyLane(context: TestContext, from: string): string {
  const to = newDirectory(context);
  for (const name of readdirSync(from)) if (name.endsWith('.mdb')) copyFileSync(join(from, name), join(to, name));
  return to;
}

export function segmentPath(directory: string, id: number): string {
  return join(directory, segmentName(id));
}

export function flipBit(path: string, bit: number): void {
  const file = openSync(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const at = Math.floor(bit / 8);
    if (readSync(file, byte, 0, 1, at) !== 1) throw new Error(`${path} has no bit ${bit}`);
    byte[0] ^= 1 << (bit % 8);
    writeSync(file, byte, 0, 1, at);
  } finally {
    closeSync(file);
  }
}

export function storedSums(directory: string): Map<number, FileSums> {
  const sums = new Map<number, FileSums>();
  const file = new LmdbFile(join(directory, TABLE_FILE), 'table');
  try {
    file.walk((node) => {
      const id = segmentOfSums(node.key);
      const decoded = id === 0 ? null : decodeSums(contentOf(node.value()));
      if (decoded !== null) sums.set(id, decoded);
      return true;
    });
  } finally {
    file.close();
  }
  return sums;
}

/** The store has summed these segments in the background. */
export async function summed(directory: string, ids: readonly number[]): Promise<void> {
  const isSummed = (): boolean => {
    const sums = storedSums(directory);
    return ids.every((id) => sums.has(id));
  };
  await eventually(`segments ${ids.join(', ')} have sums`, isSummed, 10_000);
}
