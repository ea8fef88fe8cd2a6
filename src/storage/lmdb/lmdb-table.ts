import { assert } from '../../base/assert.js';
import { type StateTableStore, type StoreDone, StoreError, type TableChange } from '../ports.js';
import { beginsWith } from '../sorted-rows.js';
import { contentOf, isWhole, storedValue } from './checked-value.js';
import { type Environment, roomFor, writeBatch } from './environment.js';
import type { GrowingFile } from './growing-file.js';
import { OWN_ROW } from './keys.js';
import type { WriteLine } from './write-line.js';

/** The table of a lane: one environment that lives as long as the lane. */
export class LmdbTable implements StateTableStore {
  readonly #file: GrowingFile;
  readonly #environment: Environment;
  readonly #line: WriteLine;

  constructor(file: GrowingFile, environment: Environment, line: WriteLine) {
    this.#file = file;
    this.#environment = environment;
    this.#line = line;
  }

  get(key: Uint8Array): Uint8Array | null {
    this.#file.mustBeWhole();
    const stored = this.#environment.getBinary(bufferOf(key));
    return stored === undefined ? null : checked(key, stored);
  }

  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    this.#file.mustBeWhole();
    for (const { key, value } of this.#environment.getRange({ start: bufferOf(prefix) }))
      if (key[0] === OWN_ROW || !beginsWith(key, prefix) || !visit(key, checked(key, value))) return;
  }

  /** The store's own rows. */
  ownRows(): (readonly [key: Uint8Array, value: Uint8Array])[] {
    const rows: (readonly [Uint8Array, Uint8Array])[] = [];
    for (const { key, value } of this.#environment.getRange({ start: Buffer.from([OWN_ROW]) })) rows.push([key, checked(key, value)]);
    return rows;
  }

  applyOwn(key: Buffer, value: Uint8Array | null, done: StoreDone): void {
    this.#write([{ key, value }], done);
  }

  apply(changes: readonly TableChange[], done: StoreDone): void {
    for (const { key } of changes) assert(key[0] !== OWN_ROW, 'rows of the store are its own');
    this.#write(changes, done);
  }

  #write(changes: readonly TableChange[], done: StoreDone): void {
    let bytes = 0;
    for (const { key, value } of changes) bytes += key.length + (value?.length ?? 0);
    this.#line.push(
      roomFor(changes.length, bytes),
      () => {
        this.#file.mustBeWhole();
        return writeBatch(this.#environment, (put) => {
          for (const { key, value } of changes) put(bufferOf(key), value === null ? null : storedValue(key, value));
        });
      },
      done,
    );
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function checked(key: Uint8Array, stored: Uint8Array): Uint8Array {
  if (!isWhole(key, stored)) throw new StoreError('corrupt', 'a row of the table is not what was written');
  return contentOf(stored);
}
