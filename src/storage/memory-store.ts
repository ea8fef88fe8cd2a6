import { assert } from '../base/assert.js';
import { GROUP_MAX, INDEX_MAX, lowerIndex, MemoryDisk, MemorySegment } from './memory-disk.js';
import {
  type ReadableSegment,
  type SegmentEntry,
  type SegmentId,
  type SegmentListing,
  type SegmentStore,
  type StateTableStore,
  type StoreDone,
  StoreError,
  type TableChange,
  type WritableSegment,
} from './ports.js';
import { beginsWith, compareBytes, type SortedRows } from './sorted-rows.js';

/*
  Segments in memory, for tests and for `storage = "memory"`: durable as long as its disk object is held.
*/

interface Write {
  /** For the check of the disk's size. */
  readonly bytes: number;
  readonly apply: () => void;
  readonly done: StoreDone;
}

/** Writes under way. They take effect in order, in a later turn of the event loop. */
class WriteLine {
  readonly #disk: MemoryDisk;
  readonly #writes: Write[] = [];
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  isClosed = false;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  push(bytes: number, apply: () => void, done: StoreDone): void {
    this.#writes.push({ bytes, apply, done });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  /** A write that is refused takes its turn, so that `done` stays in order. */
  refuse(error: StoreError, done: StoreDone): void {
    this.push(
      0,
      () => {},
      () => done(error),
    );
  }

  idle(): Promise<void> {
    if (this.#writes.length === 0 && !this.#isScheduled) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #run(): void {
    const writes = this.#writes.splice(0);
    this.#isScheduled = false;
    for (const { bytes, apply, done } of writes) {
      if (this.#disk.bytesUsed + bytes > this.#disk.bytesMax) {
        done(new StoreError('disk-full', 'the memory disk has no room for the write'));
        continue;
      }
      apply();
      done(null);
    }
    if (this.#writes.length > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

class MemoryHandle implements WritableSegment {
  readonly #segment: MemorySegment;
  readonly #line: WriteLine;
  #isClosed = false;
  /** Set when `seal` is called: nothing is appended after it. */
  #isSealing: boolean;

  constructor(segment: MemorySegment, line: WriteLine) {
    this.#segment = segment;
    this.#line = line;
    this.#isSealing = segment.isSealed;
  }

  get id(): SegmentId {
    return this.#segment.id;
  }

  get bytes(): number {
    return this.#segment.bytes;
  }

  append(entries: readonly SegmentEntry[], done: StoreDone): void {
    if (this.#isRefused(done)) return;
    let bytes = 0;
    for (const entry of entries) {
      assert(entry.group >= 0 && entry.group <= GROUP_MAX, 'a group is a u16');
      assert(entry.index >= 1 && entry.index <= INDEX_MAX, 'an index counts from 1 and fits 48 bits');
      bytes += entry.bytes.length;
    }
    const segment = this.#segment;
    this.#line.push(
      bytes,
      () => {
        for (const entry of entries) segment.put(entry);
      },
      done,
    );
  }

  seal(footers: readonly (readonly [key: Uint8Array, value: Uint8Array])[], done: StoreDone): void {
    if (this.#isRefused(done)) return;
    let bytes = 0;
    for (const [key, value] of footers) bytes += key.length + value.length;
    const segment = this.#segment;
    this.#isSealing = true;
    this.#line.push(
      bytes,
      () => {
        for (const [key, value] of footers) segment.footers.set(key.slice(), value.slice());
        segment.isSealed = true;
      },
      (error) => {
        if (error !== null) this.#isSealing = false;
        done(error);
      },
    );
  }

  read(group: number, index: number, take?: (length: number) => Uint8Array): Uint8Array | null {
    this.#mustBeOpen();
    const entries = this.#segment.groups.get(group);
    if (entries === undefined) return null;
    const at = lowerIndex(entries.indexes, index);
    if (entries.indexes[at] !== index) return null;
    const stored = entries.bytes[at];
    if (take === undefined) return stored.slice();
    const entry = take(stored.length).subarray(0, stored.length);
    entry.set(stored);
    return entry;
  }

  prefetch(): Promise<void> {
    return Promise.resolve();
  }

  scan(visit: (group: number, index: number, bytes: Uint8Array) => boolean, fromGroup = 0, fromIndex = 0): void {
    this.#mustBeOpen();
    const groups = [...this.#segment.groups.keys()].filter((group) => group >= fromGroup).sort((left, right) => left - right);
    for (const group of groups) {
      const entries = this.#segment.groups.get(group);
      if (entries === undefined) continue;
      for (let at = group === fromGroup ? lowerIndex(entries.indexes, fromIndex) : 0; at < entries.indexes.length; at += 1) {
        if (!visit(group, entries.indexes[at], entries.bytes[at])) return;
      }
    }
  }

  lastIndexOf(group: number): number {
    this.#mustBeOpen();
    return this.#segment.groups.get(group)?.indexes.at(-1) ?? 0;
  }

  footer(key: Uint8Array): Uint8Array | null {
    this.#mustBeOpen();
    return this.#segment.footers.get(key)?.slice() ?? null;
  }

  footerAtOrBefore(key: Uint8Array, prefixLength: number): { readonly key: Uint8Array; readonly value: Uint8Array } | null {
    this.#mustBeOpen();
    const rows = this.#segment.footers.rows;
    let at = this.#segment.footers.lowerBound(key);
    if (at === rows.length || compareBytes(rows[at].key, key) !== 0) at -= 1;
    if (at < 0 || !beginsWith(rows[at].key, key, prefixLength)) return null;
    return { key: rows[at].key.slice(), value: rows[at].value.slice() };
  }

  scanFooters(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    this.#mustBeOpen();
    this.#segment.footers.scan(prefix, visit);
  }

  close(): void {
    this.#isClosed = true;
  }

  #mustBeOpen(): void {
    if (this.#isClosed || this.#line.isClosed) throw new StoreError('closed', 'the segment is closed');
  }

  #isRefused(done: StoreDone): boolean {
    assert(!this.#isSealing, 'nothing is appended to a sealed segment');
    if (!this.#isClosed && !this.#line.isClosed) return false;
    this.#line.refuse(new StoreError('closed', 'the segment is closed'), done);
    return true;
  }
}

class MemoryTable implements StateTableStore {
  readonly #rows: SortedRows;
  readonly #line: WriteLine;

  constructor(rows: SortedRows, line: WriteLine) {
    this.#rows = rows;
    this.#line = line;
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.#rows.get(key)?.slice() ?? null;
  }

  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    this.#rows.scan(prefix, visit);
  }

  apply(changes: readonly TableChange[], done: StoreDone): void {
    if (this.#line.isClosed) {
      this.#line.refuse(new StoreError('closed', 'the store is closed'), done);
      return;
    }
    const rows = this.#rows;
    let bytes = 0;
    for (const { key, value } of changes) bytes += value === null ? 0 : key.length + value.length;
    this.#line.push(
      bytes,
      () => {
        for (const { key, value } of changes) {
          if (value === null) rows.delete(key);
          else rows.set(key.slice(), value.slice());
        }
      },
      done,
    );
  }
}

class MemoryStore implements SegmentStore {
  readonly kind = 'memory';
  readonly table: StateTableStore;
  readonly #disk: MemoryDisk;
  readonly #line: WriteLine;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
    this.#line = new WriteLine(disk);
    this.table = new MemoryTable(disk.table, this.#line);
  }

  list(): readonly SegmentListing[] {
    return [...this.#disk.segments.values()]
      .map(({ id, bytes, isSealed, quarantined }) => ({ id, bytes, isSealed, isQuarantined: quarantined !== null }))
      .sort((left, right) => left.id - right.id);
  }

  create(id: SegmentId): WritableSegment {
    this.#mustBeOpen();
    assert(Number.isSafeInteger(id) && id >= 1, 'a segment id counts from 1');
    assert(!this.#disk.segments.has(id), 'a segment id is not reused');
    const segment = new MemorySegment(id);
    this.#disk.segments.set(id, segment);
    return new MemoryHandle(segment, this.#line);
  }

  reopen(id: SegmentId): WritableSegment {
    const segment = this.#find(id);
    assert(!segment.isSealed, 'a sealed segment is not written any more');
    return new MemoryHandle(segment, this.#line);
  }

  open(id: SegmentId): ReadableSegment {
    return new MemoryHandle(this.#find(id), this.#line);
  }

  remove(id: SegmentId): void {
    this.#mustBeOpen();
    this.#disk.segments.delete(id);
  }

  quarantine(id: SegmentId, why: string): void {
    this.#mustBeOpen();
    const segment = this.#disk.segments.get(id);
    assert(segment !== undefined, 'there is such a segment');
    segment.quarantined = why;
  }

  freeBytes(): number {
    return Math.max(0, this.#disk.bytesMax - this.#disk.bytesUsed);
  }

  close(): Promise<void> {
    this.#line.isClosed = true;
    return this.#line.idle();
  }

  #mustBeOpen(): void {
    if (this.#line.isClosed) throw new StoreError('closed', 'the store is closed');
  }

  #find(id: SegmentId): MemorySegment {
    this.#mustBeOpen();
    const segment = this.#disk.segments.get(id);
    if (segment === undefined || segment.quarantined !== null || segment.isUnreadable) {
      throw new StoreError('corrupt', 'there is no readable segment with this id');
    }
    return segment;
  }
}

/** Opens a store in memory. With the same disk again it finds what was there, as after a restart. */
export function openMemoryStore(disk: MemoryDisk = new MemoryDisk()): SegmentStore {
  return new MemoryStore(disk);
}
