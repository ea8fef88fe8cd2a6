import { assert } from '../../base/assert.js';
import type { SegmentId } from '../../storage/ports.js';
import type { FooterRow } from '../keeper.js';
import type { GroupId, Sequence } from '../ports.js';
import { findRow, footerRows, type OpenFooters, type SealedRow } from './footer-rows.js';
import { Locators } from './locators.js';
import type { RowCache } from './row-cache.js';
import { RunPages, readRuns } from './run-pages.js';

/** Where the rows of sealed segments come from. */
export interface SealedRows {
  readonly group: GroupId;
  readonly open: OpenFooters;
  readonly cache: RowCache;
}

/*
  The committed sequences of one index, rising:

    sealed segments (a locator each, rows in the footers) | segments not sealed yet (pages in memory)
*/
export class IndexParts {
  readonly number: number;
  /** Nobody wants what is below. */
  trimmed: Sequence = 0;
  last: Sequence = 0;
  readonly #sealed: SealedRows;
  readonly #locators = new Locators();
  readonly #unsealed: RunPages[] = [];

  constructor(number: number, sealed: SealedRows) {
    this.number = number;
    this.#sealed = sealed;
  }

  /** The first sequence that is wanted and was not trimmed; infinite if there is none. A sealed segment counts from its first or from `trimmed`. */
  get firstWanted(): Sequence {
    if (this.#locators.length > 0) return Math.max(this.trimmed, this.#locators.firstAt(0));
    for (const { pages } of this.#unsealed) if (pages.length > 0) return Math.max(this.trimmed, pages[0].first);
    return Number.POSITIVE_INFINITY;
  }

  /** Exact but for the one sealed segment that `trimmed` falls into: there, as if its sequences lay evenly. */
  get count(): number {
    return this.countFrom(this.trimmed);
  }

  countFrom(from: Sequence): number {
    const start = Math.max(from, this.trimmed);
    const locators = this.#locators;
    let sum = 0;
    for (let place = 0; place < locators.length; place += 1) {
      const first = locators.firstAt(place);
      const last = locators.lastAt(place);
      if (last < start) continue;
      const share = first >= start ? 1 : (last - start + 1) / (last - first + 1);
      sum += Math.ceil(locators.countAt(place) * share);
    }
    for (const pages of this.#unsealed) sum += pages.countFrom(start);
    return sum;
  }

  append(segment: SegmentId, first: Sequence, count: number): void {
    assert(first > this.last, 'sequences of an index rise');
    this.last = first + count - 1;
    if (this.last < this.trimmed) return;
    const unsealed = this.#unsealed;
    let pages = unsealed.length === 0 ? undefined : unsealed[unsealed.length - 1];
    if (pages === undefined || pages.segment !== segment) {
      pages = new RunPages(segment);
      unsealed.push(pages);
    }
    pages.append(first, count);
  }

  read(from: Sequence, into: Float64Array): number {
    const start = Math.max(from, this.trimmed);
    const locators = this.#locators;
    const unsealed = this.#unsealed;
    let next = 0;
    for (let place = locators.placeOf(start); place < locators.length && next < into.length; place += 1)
      next = this.#readSealed(locators.segmentAt(place), Math.max(start, locators.firstAt(place)), into, next);
    for (let i = 0; i < unsealed.length && next < into.length; i += 1) next = unsealed[i].read(start, into, next);
    return next;
  }

  trim(below: Sequence): void {
    if (below <= this.trimmed) return;
    this.trimmed = below;
    this.#locators.trim(below);
    for (const pages of this.#unsealed) pages.trim(below);
  }

  footersOf(segment: SegmentId, rows: FooterRow[]): void {
    for (const { segment: of, pages } of this.#unsealed) if (of === segment) footerRows(this.#sealed.group, this.number, pages, rows);
  }

  /** The rows that `footersOf` gave are durable: a locator is enough. */
  seal(segment: SegmentId): void {
    const place = this.#unsealed.findIndex((pages) => pages.segment === segment);
    if (place < 0) return;
    const [{ pages }] = this.#unsealed.splice(place, 1);
    if (pages.length === 0) return;
    let count = 0;
    for (const page of pages) count += page.count;
    this.#locators.insert(segment, pages[0].first, pages[pages.length - 1].last, count);
  }

  /** At the start: what a sealed segment has. */
  restore(segment: SegmentId, first: Sequence, last: Sequence, count: number): void {
    this.last = Math.max(this.last, last);
    this.#locators.insert(segment, first, last, count);
  }

  remove(segment: SegmentId): void {
    this.#locators.remove(segment);
    const place = this.#unsealed.findIndex((pages) => pages.segment === segment);
    if (place >= 0) this.#unsealed.splice(place, 1);
  }

  renumber(segment: SegmentId, fresh: SegmentId): void {
    this.#locators.renumber(segment, fresh);
  }

  #readSealed(segment: SegmentId, from: Sequence, into: Float64Array, at: number): number {
    let next = at;
    let wanted = from;
    while (next < into.length) {
      const row = this.#rowAt(segment, wanted);
      if (row === null) return next;
      next = readRuns(row.bytes, row.runsAt, row.bytes.length, row.first, from, into, next);
      if (row.next === Number.POSITIVE_INFINITY) return next;
      wanted = row.next;
    }
    return next;
  }

  #rowAt(segment: SegmentId, sequence: Sequence): SealedRow | null {
    const { group, open, cache } = this.#sealed;
    const cached = cache.find(segment, this.number, sequence);
    if (cached !== null) return cached;
    const row = findRow(open(segment), segment, group, this.number, sequence);
    if (row !== null) cache.keep(row);
    return row;
  }
}
