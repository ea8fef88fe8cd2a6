import { open, type RootDatabase } from 'lmdb';
import { StoreError } from '../ports.js';

/** EMFILE, ENFILE. */
const NO_DESCRIPTORS = /too many open files/i;

export type Environment = RootDatabase<Buffer, Buffer>;

/** The file was checked, or is new. @throws StoreError corrupt. */
export function openEnvironment(path: string, mapSize: number): Environment {
  try {
    return open<Buffer, Buffer>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      compression: false,
      cache: false,
      mapSize,
      overlappingSync: false,
      // With it lmdb opens a batch of its own around ours, and nobody can catch the promise of that one when the commit fails.
      eventTurnBatching: false,
      maxDbs: 1,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError(NO_DESCRIPTORS.test(why) ? 'busy' : 'corrupt', `LMDB cannot open ${path}: ${why}`, { cause });
  }
}

/** What a row takes on the disk beside its bytes, at most: the end of its last page, and new copies of the pages that lead to it. */
const ROW_SPARE_BYTES = 2 ** 14;
const TRANSACTION_SPARE_BYTES = 2 ** 16;

/** How much room `rows` rows of `bytes` in all need on the disk, at most. */
export function roomFor(rows: number, bytes: number): number {
  return TRANSACTION_SPARE_BYTES + rows * ROW_SPARE_BYTES + bytes;
}

/** All of what `write` puts in one transaction, or nothing. */
export function writeBatch(environment: Environment, write: (put: (key: Buffer, value: Buffer | null) => void) => void): Promise<boolean> {
  let last: Promise<boolean> | null = null;
  return environment.batch(() =>
    write((key, value) => {
      const promise = value === null ? environment.remove(key) : environment.put(key, value);
      // Writes share a promise that is rejected if the commit fails. The batch says so too: nobody waits for this one.
      if (promise !== last) promise.catch(() => {});
      last = promise;
    }),
  );
}
