import { assert } from '../../base/assert.js';
import type { SegmentId } from '../../storage/ports.js';
import type { Sequence } from '../ports.js';
import { RUN_BYTES_MAX, RunReader, writeRun } from './run-codec.js';

const PAGE_BYTES_FIRST = 16;
/** With the head of a footer row, what one overflow page of LMDB holds (4,096 - 16 bytes). */
export const PAGE_BYTES_MAX = 4056;

const READER = new RunReader(); // Never held across a call.

/** A piece of an index that can be read by itself: its first gap counts from `first`. */
export class RunPage {
  readonly first: Sequence;
  last: Sequence;
  count: number;
  bytes: Uint8Array = new Uint8Array(PAGE_BYTES_FIRST);
  length = 0;
  /** Where the last run begins in `bytes`, and its first sequence and gap: it is written anew when it grows. */
  #tailAt = 0;
  #tailFirst: Sequence;
  #tailGap = 0;

  constructor(first: Sequence, count: number) {
    this.first = first;
    this.last = first + count - 1;
    this.count = count;
    this.#tailFirst = first;
    this.length = writeRun(this.bytes, 0, 0, count);
  }

  /** @returns false if the page is full. */
  append(first: Sequence, count: number): boolean {
    assert(first > this.last, 'sequences of an index rise');
    if (this.length + RUN_BYTES_MAX > this.bytes.length && !this.#grow()) return false;
    if (first === this.last + 1) {
      this.length = writeRun(this.bytes, this.#tailAt, this.#tailGap, first + count - this.#tailFirst);
    } else {
      this.#tailAt = this.length;
      this.#tailFirst = first;
      this.#tailGap = first - this.last - 1;
      this.length = writeRun(this.bytes, this.length, this.#tailGap, count);
    }
    this.last = first + count - 1;
    this.count += count;
    return true;
  }

  #grow(): boolean {
    if (this.bytes.length === PAGE_BYTES_MAX) return false;
    const grown = new Uint8Array(Math.min(PAGE_BYTES_MAX, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    return true;
  }
}

/** Copies sequences >= `from` of encoded runs to `into` from `at` on. @returns where the next one goes. */
export function readRuns(
  bytes: Uint8Array,
  start: number,
  end: number,
  first: Sequence,
  from: Sequence,
  into: Float64Array,
  at: number,
): number {
  const reader = READER;
  const limit = into.length;
  let next = at;
  reader.reset(bytes, start, end, first - 1);
  while (next < limit && reader.next()) {
    const after = reader.first + reader.count;
    for (let sequence = Math.max(reader.first, from); sequence < after && next < limit; sequence += 1) {
      into[next] = sequence;
      next += 1;
    }
  }
  return next;
}

/** How many sequences of encoded runs are below `below`. */
function countRunsBelow(page: RunPage, below: Sequence): number {
  const reader = READER;
  let sum = 0;
  reader.reset(page.bytes, 0, page.length, page.first - 1);
  while (reader.next() && reader.first < below) sum += Math.min(reader.count, below - reader.first);
  return sum;
}

/** What an index has of a segment that is not sealed yet. */
export class RunPages {
  readonly segment: SegmentId;
  readonly pages: RunPage[] = [];

  constructor(segment: SegmentId) {
    this.segment = segment;
  }

  get isEmpty(): boolean {
    return this.pages.length === 0;
  }

  append(first: Sequence, count: number): void {
    const { pages } = this;
    if (pages.length > 0 && pages[pages.length - 1].append(first, count)) return;
    pages.push(new RunPage(first, count));
  }

  read(from: Sequence, into: Float64Array, at: number): number {
    const { pages } = this;
    let next = at;
    for (let i = this.#pageOf(from); i < pages.length && next < into.length; i += 1) {
      const { bytes, length, first } = pages[i];
      next = readRuns(bytes, 0, length, first, from, into, next);
    }
    return next;
  }

  countFrom(from: Sequence): number {
    let sum = 0;
    for (let i = this.#pageOf(from); i < this.pages.length; i += 1) {
      const page = this.pages[i];
      sum += page.first >= from ? page.count : page.count - countRunsBelow(page, from);
    }
    return sum;
  }

  trim(below: Sequence): void {
    const dropped = this.#pageOf(below);
    if (dropped > 0) this.pages.splice(0, dropped);
  }

  /** The first page that ends at `from` or later. */
  #pageOf(from: Sequence): number {
    const { pages } = this;
    let low = 0;
    let high = pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pages[middle].last < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
