import type {
  ReadableSegment,
  SegmentEntry,
  SegmentId,
  SegmentListing,
  SegmentStore,
  StateTableStore,
  StoreDone,
  StoreFault,
  TableChange,
  WritableSegment,
} from '../../src/storage/ports.js';
import { StoreError } from '../../src/storage/ports.js';

type Footers = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

interface Write {
  /** Does it on the store behind. */
  readonly start: (done: StoreDone) => void;
  /** Does the first `count` parts of it. */
  readonly startTorn: (count: number, done: StoreDone) => void;
  readonly done: StoreDone;
}

interface PlannedFault {
  readonly fault: StoreFault;
  /** Parts that reach the disk nevertheless; null: none. */
  readonly torn: number | null;
}

/**
 * A store that fails as it is told: the writes (appends, seals, changes of the table) are counted from 1, and done one after the other.
 *
 *   failWrite(n), tearWrite(n, k)   the n-th fails, all or but for its first k entries; everything after it fails likewise, as on a disk
 *   fillDisk() ... freeDisk()       everything between is refused, and nothing is written
 *   hold() ... release(n)           writes wait: nothing of them is on the disk, nobody is answered
 *   expire()                        what waits is given up: too slow, and so is everything after it
 *   crash(keeps)                    the process ends: nobody is answered any more, and of what waits only that is on the disk which `keeps` says
 */
export class FaultyStore implements SegmentStore {
  readonly table: StateTableStore;
  /** Writes that were begun. */
  writes = 0;
  readonly #inner: SegmentStore;
  readonly #plans = new Map<number, PlannedFault>();
  readonly #waiting: Write[] = [];
  #released = Number.POSITIVE_INFINITY;
  #isBusy = false;
  #isFull = false;
  #isCrashed = false;
  #failure: StoreError | null = null;
  #idle: (() => void)[] = [];

  constructor(inner: SegmentStore) {
    this.#inner = inner;
    const { table } = inner;
    this.table = {
      get: (key) => table.get(key),
      scan: (prefix, visit) => table.scan(prefix, visit),
      apply: (changes: readonly TableChange[], done) =>
        this.#push({
          start: (answer) => table.apply(changes, answer),
          startTorn: (count, answer) => table.apply(changes.slice(0, count), answer),
          done,
        }),
    };
  }

  get kind(): 'memory' | 'lmdb' {
    return this.#inner.kind;
  }

  /** Writes that wait. */
  get held(): number {
    return this.#waiting.length;
  }

  failWrite(number: number, fault: StoreFault = 'io-error'): void {
    this.#plans.set(number, { fault, torn: null });
  }

  tearWrite(number: number, parts: number): void {
    this.#plans.set(number, { fault: 'io-error', torn: parts });
  }

  fillDisk(): void {
    this.#isFull = true;
  }

  freeDisk(): void {
    this.#isFull = false;
  }

  hold(): void {
    this.#released = 0;
  }

  /** Goes on with the first `count` writes that wait; with all and those that follow if no count is given. */
  release(count: number = Number.POSITIVE_INFINITY): void {
    this.#released += count;
    this.#next();
  }

  expire(): void {
    this.#failure ??= new StoreError('too-slow', 'a write was not flushed within its deadline');
    this.release();
  }

  /** @param keeps whether the waiting write with this number, from 0, is on the disk. @returns when the store behind is closed. */
  async crash(keeps: (waiting: number) => boolean = () => false): Promise<void> {
    this.#isCrashed = true;
    const lost = this.#waiting.splice(0);
    await Promise.all(lost.filter((_, i) => keeps(i)).map(({ start }) => new Promise<void>((resolve) => start(() => resolve()))));
    await this.#inner.close();
  }

  list(): readonly SegmentListing[] {
    return this.#inner.list();
  }

  create(id: SegmentId): WritableSegment {
    if (this.#isFull) throw new StoreError('disk-full', 'no room for a segment');
    return this.#wrap(this.#inner.create(id));
  }

  reopen(id: SegmentId): WritableSegment {
    return this.#wrap(this.#inner.reopen(id));
  }

  open(id: SegmentId): ReadableSegment {
    return this.#inner.open(id);
  }

  remove(id: SegmentId): void {
    this.#inner.remove(id);
  }

  quarantine(id: SegmentId, why: string): void {
    this.#inner.quarantine(id, why);
  }

  freeBytes(): number {
    return this.#isFull ? 0 : this.#inner.freeBytes();
  }

  async close(): Promise<void> {
    if (this.#waiting.length > 0 || this.#isBusy) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#inner.close();
  }

  #wrap(inner: WritableSegment): WritableSegment {
    return {
      id: inner.id,
      get bytes() {
        return inner.bytes;
      },
      append: (entries: readonly SegmentEntry[], done) =>
        this.#push({
          start: (answer) => inner.append(entries, answer),
          startTorn: (count, answer) => inner.append(entries.slice(0, count), answer),
          done,
        }),
      seal: (footers: Footers, done) =>
        this.#push({
          start: (answer) => inner.seal(footers, answer),
          startTorn: (_count, answer) => answer(null), // A seal is one mark: it is there or not.
          done,
        }),
      read: (group, index) => inner.read(group, index),
      prefetch: (entries) => inner.prefetch(entries),
      scan: (visit, fromGroup, fromIndex) => inner.scan(visit, fromGroup, fromIndex),
      lastIndexOf: (group) => inner.lastIndexOf(group),
      footer: (key) => inner.footer(key),
      footerAtOrBefore: (key, prefixLength) => inner.footerAtOrBefore(key, prefixLength),
      scanFooters: (prefix, visit) => inner.scanFooters(prefix, visit),
      close: () => inner.close(),
    };
  }

  #push(write: Write): void {
    this.#waiting.push(write);
    queueMicrotask(() => this.#next());
  }

  #next(): void {
    if (this.#isBusy || this.#isCrashed || this.#released === 0) return;
    const write = this.#waiting.shift();
    if (write === undefined) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#released -= 1;
    this.#isBusy = true;
    this.writes += 1;
    const plan = this.#plans.get(this.writes);
    if (this.#failure !== null) this.#answer(write, this.#failure);
    else if (this.#isFull) this.#answer(write, new StoreError('disk-full', 'no room'));
    else if (plan === undefined) write.start((error) => this.#answer(write, error));
    else {
      const error = new StoreError(plan.fault, `write ${this.writes} fails as planned`);
      if (plan.fault !== 'disk-full') this.#failure = error;
      if (plan.torn === null) this.#answer(write, error);
      else write.startTorn(plan.torn, () => this.#answer(write, error));
    }
  }

  #answer({ done }: Write, error: StoreError | null): void {
    this.#isBusy = false;
    if (this.#isCrashed) return;
    done(error);
    queueMicrotask(() => this.#next());
  }
}
