import type { Logger } from '../../base/logger.js';
import { type ReadableSegment, type SegmentId, type SegmentStore, StoreError, type WritableSegment } from '../../storage/ports.js';
import { WireViolation } from '../../wire/violation.js';
import { checkEntry } from './entry.js';
import type { EntryMemory } from './entry-builder.js';
import type { Tail } from './tail.js';

/** Sealed segments that are open at a time: each has two descriptors and its address space. */
const OPEN_MAX = 24;
/** Entries that readers hold at a time: a visitor of records may look for others. */
const IN_USE_MAX = 4;
/** Of a report: it is about a footer, or the file. */
const NO_ENTRY = 0;

interface CachedEntry {
  readonly segment: SegmentId;
  readonly group: number;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** The segments of a lane for who reads them: entries from the tail, the cache or the store, checked; footers of those that are sealed. */
export class Segments {
  readonly #store: SegmentStore;
  readonly #tail: Tail;
  readonly #memory: EntryMemory;
  readonly #take = (length: number): Uint8Array => this.#memory.take(length);
  readonly #log: Logger;
  readonly #cacheBytesMax: number;
  /** Not sealed. */
  readonly #writable = new Map<SegmentId, WritableSegment>();
  /** Sealed; the one that was used last is the last. */
  readonly #open = new Map<SegmentId, ReadableSegment>();
  readonly #cache = new Map<string, CachedEntry>();
  #cacheBytes = 0;
  /** Entries that could not be read as they were written. */
  corruptEntries = 0;
  readonly #reported = new Set<string>();

  /** @param memory that cached entries are read into, and give back. */
  constructor(store: SegmentStore, tail: Tail, memory: EntryMemory, cacheBytesMax: number, log: Logger) {
    this.#store = store;
    this.#memory = memory;
    this.#tail = tail;
    this.#cacheBytesMax = cacheBytesMax;
    this.#log = log;
  }

  addWritable(segment: WritableSegment): void {
    this.#writable.set(segment.id, segment);
  }

  /** The segment is sealed: from now on it is one of many. */
  seal(id: SegmentId): void {
    const segment = this.#writable.get(id);
    if (segment === undefined) return;
    this.#writable.delete(id);
    this.#keep(id, segment);
  }

  /** @throws StoreError. */
  reader(id: SegmentId): ReadableSegment {
    const writable = this.#writable.get(id);
    if (writable !== undefined) return writable;
    const open = this.#open.get(id);
    if (open !== undefined) {
      this.#open.delete(id);
      this.#open.set(id, open);
      return open;
    }
    const segment = this.#store.open(id);
    this.#keep(id, segment);
    return segment;
  }

  /** The entry, good until the next call; null if it is gone or not as it was written. @throws StoreError busy. */
  entry(id: SegmentId, group: number, index: number): Uint8Array | null {
    const recent = this.#tail.find(group, index);
    if (recent !== null) return recent;
    const key = `${group}.${index}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, cached);
      return cached.bytes;
    }
    const bytes = this.#read(id, group, index);
    if (bytes === null) return null;
    this.#cache.set(key, { segment: id, group, index, bytes });
    this.#cacheBytes += bytes.length;
    this.#shrink();
    return bytes;
  }

  /** The oldest go. The latest ones may be in use by who asked for them, and by who asked within that. */
  #shrink(): void {
    for (const [key, { bytes }] of this.#cache) {
      if (this.#cacheBytes <= this.#cacheBytesMax || this.#cache.size <= IN_USE_MAX) return;
      this.#cache.delete(key);
      this.#cacheBytes -= bytes.length;
      this.#memory.give(new Uint8Array(bytes.buffer));
    }
  }

  isInMemory(group: number, index: number): boolean {
    return this.#tail.find(group, index) !== null || this.#cache.has(`${group}.${index}`);
  }

  /** @throws StoreError. */
  remove(id: SegmentId): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
    for (const [key, { segment, bytes }] of this.#cache) {
      if (segment !== id) continue;
      this.#cache.delete(key);
      this.#cacheBytes -= bytes.length;
    }
    this.#store.remove(id);
  }

  /** What `read` finds in a segment; `otherwise`, and a report, if the store cannot read it or it is not what was written. @throws StoreError busy. */
  guarded<Result>(id: SegmentId, group: number, read: () => Result, otherwise: Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof WireViolation) || isBusy(error)) throw error;
      this.report(id, group, NO_ENTRY, error.message);
      return otherwise;
    }
  }

  /** An entry cannot be read as it was written: said once, and never taken for one that does not exist. */
  report(id: SegmentId, group: number, index: number, why: string): void {
    const key = `${id}.${group}.${index}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.corruptEntries += 1;
    this.#log.error('journal.entry-corrupt', 'an entry of the journal is not what was written: its records cannot be read', {
      code: 'RMQ-1021',
      segment: id,
      group,
      index,
      why,
    });
  }

  #read(id: SegmentId, group: number, index: number): Uint8Array | null {
    try {
      const bytes = this.reader(id).read(group, index, this.#take);
      const why = bytes === null ? 'missing' : checkEntry(bytes, group, index);
      if (why === null) return bytes;
      this.report(id, group, index, why);
    } catch (error) {
      if (!(error instanceof StoreError) || isBusy(error)) throw error;
      this.report(id, group, index, error.message);
    }
    return null;
  }

  #keep(id: SegmentId, segment: ReadableSegment): void {
    this.#open.set(id, segment);
    for (const [oldest, open] of this.#open) {
      if (this.#open.size <= OPEN_MAX) return;
      this.#open.delete(oldest);
      open.close();
    }
  }
}

/** The store cannot open a file now, and later it can. */
export function isBusy(error: unknown): boolean {
  return error instanceof StoreError && error.fault === 'busy';
}
