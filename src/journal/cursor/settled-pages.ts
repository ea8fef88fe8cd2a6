import { assert } from '../../base/assert.js';
import { PageRuns } from './page-runs.js';

export const PAGE_OFFSETS = 4096;
const PAGE_WORDS = PAGE_OFFSETS / 32;
const SPARE_PAGES_MAX = 8;
/** 512 of bits; the array, its memory and its place in the map take the rest. */
const PAGE_BYTES = 768;
const RUN_BYTES = 16;

/** One bit an offset; set: settled. Bits below the floor mean nothing. */
interface Page {
  readonly bits: Uint32Array;
  count: number; // Bits set.
}

/** Pages with holes, and runs [start, end) of pages without, two numbers each. */
export interface PagePlan {
  readonly pages: Float64Array;
  readonly runs: readonly number[];
}

/*
  Which offsets are settled. Everything below the floor is; beyond it, pages of 4,096 offsets have a bit for each.

    0 ........ floor ....[page 7: bits]....[pages 8 to 90: a run]....[page 91: bits]....
    settled    not settled                 settled throughout

  A page without settled offsets does not exist, a page without unsettled ones is part of a run: so memory goes with the holes beyond the
  floor, not with the distance between them. Invariant: the floor itself is never settled; floor + beyond = all settled offsets.
*/
export class SettledPages {
  #floor = 0;
  #beyond = 0;
  readonly #pages = new Map<number, Page>();
  readonly #runs = new PageRuns();
  readonly #spare: Page[] = [];

  /** The first offset that is not settled. */
  get floor(): number {
    return this.#floor;
  }

  /** Settled offsets above the floor. */
  get beyond(): number {
    return this.#beyond;
  }

  get bytes(): number {
    return (this.#pages.size + this.#spare.length) * PAGE_BYTES + this.#runs.count * RUN_BYTES;
  }

  isSettled(offset: number): boolean {
    if (offset < this.#floor) return true;
    if (this.#beyond === 0) return false;
    const index = Math.floor(offset / PAGE_OFFSETS);
    const page = this.#pages.get(index);
    if (page === undefined) return this.#runs.endOf(index) >= 0;
    const bit = offset - index * PAGE_OFFSETS;
    return (page.bits[bit >>> 5] & (1 << (bit & 31))) !== 0;
  }

  /** @returns false if it was settled already. */
  settle(offset: number): boolean {
    if (offset <= this.#floor) {
      if (offset < this.#floor) return false;
      this.#floor += 1;
      if (this.#pages.size > 0 || this.#runs.count > 0) this.#passSettled();
      return true;
    }
    const index = Math.floor(offset / PAGE_OFFSETS);
    const bit = offset - index * PAGE_OFFSETS;
    const page = this.#openPage(index);
    if (page === undefined) return false;
    const mask = 1 << (bit & 31);
    if ((page.bits[bit >>> 5] & mask) !== 0) return false;
    page.bits[bit >>> 5] |= mask;
    page.count += 1;
    this.#beyond += 1;
    if (page.count === PAGE_OFFSETS) this.#becomeRun(index, page);
    return true;
  }

  /** Settles [from, to). @returns how many were not settled before. */
  settleRange(from: number, to: number): number {
    const start = Math.max(from, this.#floor);
    if (to <= start) return 0;
    const before = this.#floor + this.#beyond;
    if (start === this.#floor) this.#raiseFloor(to);
    else this.#markRange(start, to);
    return this.#floor + this.#beyond - before;
  }

  /** The first offset that is not settled, from this one on. */
  nextUnsettled(offset: number): number {
    let at = Math.max(offset, this.#floor);
    while (this.#beyond > 0) {
      const index = Math.floor(at / PAGE_OFFSETS);
      const runEnd = this.#runs.endOf(index);
      if (runEnd >= 0) {
        at = runEnd * PAGE_OFFSETS;
        continue;
      }
      const page = this.#pages.get(index);
      if (page === undefined) return at;
      const bit = firstZero(page.bits, at - index * PAGE_OFFSETS);
      at = index * PAGE_OFFSETS + bit;
      if (bit < PAGE_OFFSETS) return at;
    }
    return at;
  }

  /** What is beyond the floor, by page, ascending: as much as a snapshot needs to visit one page after the other while they change. */
  plan(): PagePlan {
    const runs: number[] = [];
    for (let run = 0; run < this.#runs.count; run += 1) runs.push(this.#runs.startAt(run), this.#runs.endAt(run));
    return { pages: Float64Array.from(this.#pages.keys()).sort(), runs };
  }

  /** Settled offsets of a page at and above the floor, as ranges [from, to), ascending. */
  forEachRange(index: number, visit: (from: number, to: number) => void): void {
    const base = index * PAGE_OFFSETS;
    if (base + PAGE_OFFSETS <= this.#floor) return;
    const page = this.#pages.get(index);
    if (page === undefined) {
      if (this.#runs.endOf(index) >= 0) visit(base, base + PAGE_OFFSETS);
      return;
    }
    let from = firstOne(page.bits, Math.max(0, this.#floor - base));
    while (from < PAGE_OFFSETS) {
      const to = firstZero(page.bits, from);
      visit(base + from, base + to);
      from = firstOne(page.bits, to);
    }
  }

  /** All below `floor` is settled, nothing else. */
  reset(floor: number): void {
    this.#pages.clear();
    this.#runs.clear();
    this.#floor = floor;
    this.#beyond = 0;
  }

  /** The floor moves over what is settled behind it. */
  #passSettled(): void {
    for (;;) {
      const index = Math.floor(this.#floor / PAGE_OFFSETS);
      const base = index * PAGE_OFFSETS;
      if (this.#floor === base) this.#dropPage(index - 1);
      const runEnd = this.#runs.endOf(index);
      if (runEnd >= 0) {
        this.#beyond -= runEnd * PAGE_OFFSETS - this.#floor;
        this.#floor = runEnd * PAGE_OFFSETS;
        this.#runs.dropBelow(runEnd);
        continue;
      }
      const page = this.#pages.get(index);
      if (page === undefined) break;
      const bit = firstZero(page.bits, this.#floor - base);
      this.#beyond -= base + bit - this.#floor;
      this.#floor = base + bit;
      if (bit < PAGE_OFFSETS) break;
    }
    assert(this.#beyond >= 0, 'no more is passed than was settled');
  }

  /** As `settleRange` from the floor on: what lies between is forgotten, not marked. */
  #raiseFloor(to: number): void {
    const from = this.#floor;
    const first = Math.floor(from / PAGE_OFFSETS);
    const last = Math.floor(to / PAGE_OFFSETS);
    for (const index of this.#pageIndexes(first, last + 1)) {
      const base = index * PAGE_OFFSETS;
      const bits = this.#pages.get(index)?.bits;
      if (bits !== undefined) this.#beyond -= onesBetween(bits, Math.max(0, from - base), Math.min(PAGE_OFFSETS, to - base));
      if (index < last) this.#dropPage(index);
    }
    this.#beyond -= this.#runs.dropBelow(last) * PAGE_OFFSETS;
    this.#floor = to;
    if (this.#runs.endOf(last) >= 0) this.#beyond -= to - last * PAGE_OFFSETS; // The run's part below the new floor; the rest is passed next.
    this.#passSettled();
  }

  #markRange(from: number, to: number): void {
    const firstWhole = Math.ceil(from / PAGE_OFFSETS);
    const lastWhole = Math.floor(to / PAGE_OFFSETS);
    if (firstWhole > lastWhole) {
      this.#markBits(lastWhole, from - lastWhole * PAGE_OFFSETS, to - lastWhole * PAGE_OFFSETS);
      return;
    }
    const head = firstWhole * PAGE_OFFSETS;
    if (from < head) this.#markBits(firstWhole - 1, from - (head - PAGE_OFFSETS), PAGE_OFFSETS);
    if (firstWhole < lastWhole) {
      for (const index of this.#pageIndexes(firstWhole, lastWhole)) this.#beyond -= this.#dropPage(index);
      this.#beyond += this.#runs.add(firstWhole, lastWhole) * PAGE_OFFSETS;
    }
    const tail = lastWhole * PAGE_OFFSETS;
    if (tail < to) this.#markBits(lastWhole, 0, to - tail);
  }

  /** Sets bits [from, to) of a page above the floor. */
  #markBits(index: number, from: number, to: number): void {
    const page = this.#openPage(index);
    if (page === undefined) return;
    const fresh = to - from - onesBetween(page.bits, from, to);
    for (let word = from >>> 5; word <= (to - 1) >>> 5; word += 1) page.bits[word] |= maskOf(word, from, to);
    page.count += fresh;
    this.#beyond += fresh;
    if (page.count === PAGE_OFFSETS) this.#becomeRun(index, page);
  }

  /** Indexes of existing pages in [first, end). Looks at the pages or at the numbers, whichever are fewer. */
  #pageIndexes(first: number, end: number): number[] {
    const found: number[] = [];
    if (end - first < this.#pages.size) {
      for (let index = first; index < end; index += 1) if (this.#pages.has(index)) found.push(index);
    } else {
      for (const index of this.#pages.keys()) if (index >= first && index < end) found.push(index);
    }
    return found;
  }

  /** The page, new if need be; undefined if it is settled throughout. */
  #openPage(index: number): Page | undefined {
    const page = this.#pages.get(index);
    if (page !== undefined) return page;
    if (this.#runs.endOf(index) >= 0) return undefined;
    const opened = this.#spare.pop() ?? { bits: new Uint32Array(PAGE_WORDS), count: 0 };
    this.#pages.set(index, opened);
    return opened;
  }

  #becomeRun(index: number, page: Page): void {
    assert(page.count === PAGE_OFFSETS, 'only a full page becomes a run');
    this.#dropPage(index);
    this.#runs.add(index, index + 1);
  }

  /** @returns the bits it had set. */
  #dropPage(index: number): number {
    const page = this.#pages.get(index);
    if (page === undefined) return 0;
    const count = page.count;
    this.#pages.delete(index);
    if (this.#spare.length < SPARE_PAGES_MAX) {
      page.bits.fill(0);
      page.count = 0;
      this.#spare.push(page);
    }
    return count;
  }
}

/** The bits of this word that are in [from, to) of the page. */
function maskOf(word: number, from: number, to: number): number {
  const low = Math.max(0, from - word * 32);
  const high = Math.min(32, to - word * 32);
  if (high <= low) return 0;
  return (high === 32 ? -1 : (1 << high) - 1) & (low === 0 ? -1 : ~((1 << low) - 1));
}

function onesBetween(bits: Uint32Array, from: number, to: number): number {
  let ones = 0;
  for (let word = from >>> 5; word * 32 < to; word += 1) ones += onesOf(bits[word] & maskOf(word, from, to));
  return ones;
}

function onesOf(word: number): number {
  let ones = word - ((word >>> 1) & 0x5555_5555);
  ones = (ones & 0x3333_3333) + ((ones >>> 2) & 0x3333_3333);
  return Math.imul((ones + (ones >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** The first bit that is 0, from this one on; PAGE_OFFSETS if there is none. */
function firstZero(bits: Uint32Array, from: number): number {
  return firstSet(bits, from, -1);
}

/** The first bit that is 1, from this one on; PAGE_OFFSETS if there is none. */
function firstOne(bits: Uint32Array, from: number): number {
  return firstSet(bits, from, 0);
}

/** The first bit set when each word is turned over by `flip`. */
function firstSet(bits: Uint32Array, from: number, flip: number): number {
  for (let word = from >>> 5; word < PAGE_WORDS; word += 1) {
    const found = (bits[word] ^ flip) & maskOf(word, from, PAGE_OFFSETS);
    if (found !== 0) return word * 32 + 31 - Math.clz32(found & -found);
  }
  return PAGE_OFFSETS;
}
