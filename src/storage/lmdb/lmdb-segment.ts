import type { RootDatabase } from 'lmdb';
import type { ReadableSegment, SegmentEntry, SegmentId, StoreDone, WritableSegment } from '../ports.js';
import { beginsWith } from '../sorted-rows.js';
import { entryKey, footerKey, groupOf, INDEX_MAX, indexOf, isEntryKey, isFooterKey, SEALED_MARK } from './keys.js';
import type { WriteLine } from './write-line.js';

export type Environment = RootDatabase<Buffer, Buffer>;

const EMPTY = Buffer.alloc(0);

/** A segment that is one LMDB environment. */
export class LmdbSegment implements WritableSegment {
  readonly id: SegmentId;
  readonly #environment: Environment;
  readonly #line: WriteLine;
  readonly #sizeOf: () => number;
  readonly #onClosed: () => void;
  #isClosed = false;

  constructor(id: SegmentId, environment: Environment, line: WriteLine, sizeOf: () => number, onClosed: () => void) {
    this.id = id;
    this.#environment = environment;
    this.#line = line;
    this.#sizeOf = sizeOf;
    this.#onClosed = onClosed;
  }

  get bytes(): number {
    return this.#sizeOf();
  }

  get isSealed(): boolean {
    return this.#environment.getBinary(SEALED_MARK) !== undefined;
  }

  append(entries: readonly SegmentEntry[], done: StoreDone): void {
    const environment = this.#environment;
    this.#line.push(
      () =>
        environment.batch(() => {
          for (const { group, index, bytes } of entries)
            environment.put(entryKey(group, index), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
        }),
      done,
    );
  }

  seal(footers: readonly (readonly [key: Uint8Array, value: Uint8Array])[], done: StoreDone): void {
    const environment = this.#environment;
    this.#line.push(
      () =>
        environment.batch(() => {
          for (const [key, value] of footers) environment.put(footerKey(key), Buffer.from(value.buffer, value.byteOffset, value.length));
          environment.put(SEALED_MARK, EMPTY);
        }),
      done,
    );
  }

  read(group: number, index: number): Uint8Array | null {
    return this.#environment.getBinary(entryKey(group, index)) ?? null;
  }

  async prefetch(entries: readonly { readonly group: number; readonly index: number }[]): Promise<void> {
    try {
      await this.#environment.prefetch(entries.map(({ group, index }) => entryKey(group, index)));
    } catch {
      // The read that follows will say what is wrong.
    }
  }

  scan(visit: (group: number, index: number, bytes: Uint8Array) => boolean, fromGroup = 0, fromIndex = 0): void {
    for (const { key, value } of this.#environment.getRange({ start: entryKey(fromGroup, fromIndex) })) {
      if (!isEntryKey(key)) return;
      if (!visit(groupOf(key), indexOf(key), value)) return;
    }
  }

  lastIndexOf(group: number): number {
    for (const key of this.#environment.getKeys({ start: entryKey(group, INDEX_MAX), reverse: true, limit: 1 }))
      if (isEntryKey(key) && groupOf(key) === group) return indexOf(key);
    return 0;
  }

  footer(key: Uint8Array): Uint8Array | null {
    return this.#environment.getBinary(footerKey(key)) ?? null;
  }

  footerAtOrBefore(key: Uint8Array, prefixLength: number): { readonly key: Uint8Array; readonly value: Uint8Array } | null {
    for (const found of this.#environment.getRange({ start: footerKey(key), reverse: true, limit: 1 })) {
      if (!isFooterKey(found.key)) return null;
      const own = found.key.subarray(1);
      return beginsWith(own, key, prefixLength) ? { key: own, value: found.value } : null;
    }
    return null;
  }

  scanFooters(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    for (const { key, value } of this.#environment.getRange({ start: footerKey(prefix) })) {
      const own = key.subarray(1);
      if (!isFooterKey(key) || !beginsWith(own, prefix) || !visit(own, value)) return;
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClosed();
  }
}

/** What others see of a sealed one. */
export type SealedSegment = ReadableSegment;
