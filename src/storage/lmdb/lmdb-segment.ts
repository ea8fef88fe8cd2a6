import { assert } from '../../base/assert.js';
import { type SegmentEntry, type SegmentId, type StoreDone, StoreError, type WritableSegment } from '../ports.js';
import { beginsWith } from '../sorted-rows.js';
import { contentOf, isWhole, storedValue } from './checked-value.js';
import { type Environment, roomFor, writeBatch } from './environment.js';
import { corrupt } from './file-meta.js';
import type { GrowingFile } from './growing-file.js';
import { entryKey, footerKey, groupOf, INDEX_MAX, indexOf, isEntryKey, isFooterKey, SEALED_MARK } from './keys.js';
import type { WriteLine } from './write-line.js';

const EMPTY = Buffer.alloc(0);
const ownMemory = (length: number): Uint8Array => new Uint8Array(length);

export interface LmdbSegmentOptions {
  readonly id: SegmentId;
  readonly file: GrowingFile;
  readonly environment: Environment;
  readonly line: WriteLine;
  readonly onSealed: () => void;
  readonly onClosed: () => void;
}

/** A segment that is one LMDB environment. */
export class LmdbSegment implements WritableSegment {
  readonly id: SegmentId;
  readonly #options: LmdbSegmentOptions;
  readonly #environment: Environment;
  isSealed: boolean;
  #isClosed = false;
  /** From the call of `seal` on. */
  #isSealing: boolean;

  constructor(options: LmdbSegmentOptions) {
    this.id = options.id;
    this.#options = options;
    this.#environment = options.environment;
    this.isSealed = this.#environment.getBinary(SEALED_MARK) !== undefined;
    this.#isSealing = this.isSealed;
  }

  get bytes(): number {
    return this.#options.file.bytes;
  }

  append(entries: readonly SegmentEntry[], done: StoreDone): void {
    assert(!this.#isSealing, 'nothing is appended to a sealed segment');
    let sum = 0;
    for (const { bytes } of entries) sum += bytes.length;
    this.#write(
      roomFor(entries.length, sum),
      (put) => {
        for (const { group, index, bytes } of entries)
          put(entryKey(group, index), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      },
      done,
    );
  }

  seal(footers: readonly (readonly [key: Uint8Array, value: Uint8Array])[], done: StoreDone): void {
    assert(!this.#isSealing, 'a segment is sealed once');
    this.#isSealing = true;
    let sum = 0;
    for (const [key, value] of footers) sum += key.length + value.length;
    this.#write(
      roomFor(footers.length + 1, sum),
      (put) => {
        for (const [own, value] of footers) {
          const key = footerKey(own);
          put(key, storedValue(key, value));
        }
        put(SEALED_MARK, EMPTY);
      },
      (error) => {
        if (error !== null) this.#isSealing = false;
        else {
          this.isSealed = true;
          this.#options.onSealed();
        }
        done(error);
      },
    );
  }

  read(group: number, index: number, take: (length: number) => Uint8Array = ownMemory): Uint8Array | null {
    return this.#reading((environment) => {
      const shared = environment.getBinaryFast(entryKey(group, index)); // Good until the next one is read.
      if (shared === undefined) return null;
      const { length } = shared; // Of the entry: the memory is longer.
      const entry = take(length).subarray(0, length);
      entry.set(shared.subarray(0, length));
      return entry;
    });
  }

  async prefetch(entries: readonly { readonly group: number; readonly index: number }[]): Promise<void> {
    try {
      this.#mustBeReadable();
      await this.#environment.prefetch(entries.map(({ group, index }) => entryKey(group, index)));
    } catch {
      // The read that follows will say what is wrong.
    }
  }

  scan(visit: (group: number, index: number, bytes: Uint8Array) => boolean, fromGroup = 0, fromIndex = 0): void {
    this.#reading((environment) => {
      for (const { key, value } of environment.getRange({ start: entryKey(fromGroup, fromIndex) }))
        if (!isEntryKey(key) || !visit(groupOf(key), indexOf(key), value)) return;
    });
  }

  lastIndexOf(group: number): number {
    return this.#reading((environment) => {
      for (const key of environment.getKeys({ start: entryKey(group, INDEX_MAX), reverse: true, limit: 1 }))
        if (isEntryKey(key) && groupOf(key) === group) return indexOf(key);
      return 0;
    });
  }

  footer(own: Uint8Array): Uint8Array | null {
    const key = footerKey(own);
    const stored = this.#reading((environment) => environment.getBinary(key));
    return stored === undefined ? null : this.#whole(key, stored);
  }

  footerAtOrBefore(key: Uint8Array, prefixLength: number): { readonly key: Uint8Array; readonly value: Uint8Array } | null {
    return this.#reading((environment) => {
      for (const found of environment.getRange({ start: footerKey(key), reverse: true, limit: 1 })) {
        const own = found.key.subarray(1);
        if (!isFooterKey(found.key) || !beginsWith(own, key, prefixLength)) return null;
        return { key: own, value: this.#whole(found.key, found.value) };
      }
      return null;
    });
  }

  scanFooters(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    this.#reading((environment) => {
      for (const { key, value } of environment.getRange({ start: footerKey(prefix) })) {
        const own = key.subarray(1);
        if (!isFooterKey(key) || !beginsWith(own, prefix) || !visit(own, this.#whole(key, value))) return;
      }
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClosed();
  }

  /** The store closes it: for whoever still has it, it is closed too. */
  markClosed(): void {
    this.#isClosed = true;
  }

  #write(bytes: number, write: (put: (key: Buffer, value: Buffer) => void) => void, done: StoreDone): void {
    this.#options.line.push(
      bytes,
      () => {
        this.#mustBeReadable();
        return writeBatch(this.#environment, write);
      },
      done,
    );
  }

  /** @throws StoreError if LMDB cannot read it; what a visitor throws passes through. */
  #reading<Result>(read: (environment: Environment) => Result): Result {
    this.#mustBeReadable();
    try {
      return read(this.#environment);
    } catch (error) {
      if (!(error instanceof Error) || typeof (error as { code?: unknown }).code !== 'number') throw error;
      throw new StoreError('corrupt', `LMDB cannot read ${this.#options.file.path}: ${error.message}`, { cause: error });
    }
  }

  #mustBeReadable(): void {
    if (this.#isClosed) throw new StoreError('closed', 'the segment is closed');
    this.#options.file.mustBeWhole();
  }

  #whole(key: Uint8Array, stored: Uint8Array): Uint8Array {
    if (!isWhole(key, stored)) throw corrupt(this.#options.file.path, 'a footer is not what was written');
    return contentOf(stored);
  }
}
