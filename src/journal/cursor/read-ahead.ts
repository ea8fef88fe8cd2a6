import type { RecordFacts } from './cursor-options.js';

const ENTRIES_FIRST = 16;
const NONE = -1;
const BYTES_PER_ENTRY = 41;

/*
  Records that were looked at ahead of delivery, because a higher priority may follow, their key was locked or a filter refused them. By level
  of priority, each level a list in the order of the log, entries in columns:

    words       [ 0 .. 0 1 0 0 1 ]              bit p: level p has entries; the highest is found by counting leading zeros
    level 3     811 <-> 815 <-> 820
    level 0     810 <-> 812

    offset f64 | size f64 | key f64 | expires at f64 | level u8 | next i32 | previous i32

  A record may be settled or remembered elsewhere without being taken out: who finds it here asks whether it is still unread.
*/
export class ReadAhead {
  readonly limit: number;
  readonly #levelCount: number;
  offsets: Float64Array = new Float64Array(0);
  sizes: Float64Array = new Float64Array(0);
  keys: Float64Array = new Float64Array(0);
  expiries: Float64Array = new Float64Array(0);
  #levels: Uint8Array = new Uint8Array(0);
  #next: Int32Array = new Int32Array(0);
  #previous: Int32Array = new Int32Array(0);
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  readonly #words: Int32Array;
  #free = NONE;
  #count = 0;

  constructor(levelCount: number, limit: number) {
    this.limit = limit;
    this.#levelCount = levelCount;
    this.#heads = new Int32Array(levelCount).fill(NONE);
    this.#tails = new Int32Array(levelCount).fill(NONE);
    this.#words = new Int32Array(Math.ceil(levelCount / 32));
  }

  get isFull(): boolean {
    return this.#count >= this.limit;
  }

  get bytes(): number {
    return this.offsets.length * BYTES_PER_ENTRY;
  }

  /** An offset above all before. Not when it is full. */
  push(offset: number, facts: RecordFacts): void {
    if (this.#free === NONE) this.#grow();
    const entry = this.#free;
    this.#free = this.#next[entry];
    const level = Math.max(0, Math.min(facts.priority, this.#levelCount - 1));
    this.offsets[entry] = offset;
    this.sizes[entry] = facts.size;
    this.keys[entry] = facts.key;
    this.expiries[entry] = facts.expiresAt;
    this.#levels[entry] = level;
    const last = this.#tails[level];
    this.#previous[entry] = last;
    this.#next[entry] = NONE;
    if (last === NONE) this.#heads[level] = entry;
    else this.#next[last] = entry;
    this.#tails[level] = entry;
    this.#words[level >>> 5] |= 1 << (level & 31);
    this.#count += 1;
  }

  /** The oldest entry of the highest level; -1 if there is none. */
  first(): number {
    return this.#headBelow(this.#levelCount);
  }

  /** The entry that is delivered after this one; -1 if it is the last. */
  after(entry: number): number {
    const next = this.#next[entry];
    return next === NONE ? this.#headBelow(this.#levels[entry]) : next;
  }

  /** The entry with the lowest offset of all; -1 if there is none. */
  oldest(): number {
    let oldest = NONE;
    for (let level = 0; level < this.#levelCount; level += 1) {
      const head = this.#heads[level];
      if (head !== NONE && (oldest === NONE || this.offsets[head] < this.offsets[oldest])) oldest = head;
    }
    return oldest;
  }

  remove(entry: number): void {
    const level = this.#levels[entry];
    const next = this.#next[entry];
    const previous = this.#previous[entry];
    if (previous === NONE) this.#heads[level] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tails[level] = previous;
    else this.#previous[next] = previous;
    if (this.#heads[level] === NONE) this.#words[level >>> 5] &= ~(1 << (level & 31));
    this.#next[entry] = this.#free;
    this.#free = entry;
    this.#count -= 1;
  }

  clear(): void {
    for (let entry = this.first(); entry !== NONE; entry = this.first()) this.remove(entry);
  }

  /** Head of the highest level with entries below `level`. */
  #headBelow(level: number): number {
    let word = (level - 1) >> 5; // -1 for level 0.
    let mask = (level & 31) === 0 ? -1 : (1 << (level & 31)) - 1;
    for (; word >= 0; word -= 1) {
      const bits = this.#words[word] & mask;
      if (bits !== 0) return this.#heads[word * 32 + 31 - Math.clz32(bits)];
      mask = -1;
    }
    return NONE;
  }

  #grow(): void {
    const before = this.offsets.length;
    const entries = Math.max(ENTRIES_FIRST, before * 2);
    this.offsets = grown(this.offsets, new Float64Array(entries));
    this.sizes = grown(this.sizes, new Float64Array(entries));
    this.keys = grown(this.keys, new Float64Array(entries));
    this.expiries = grown(this.expiries, new Float64Array(entries));
    this.#levels = grown(this.#levels, new Uint8Array(entries));
    this.#next = grown(this.#next, new Int32Array(entries));
    this.#previous = grown(this.#previous, new Int32Array(entries));
    for (let entry = entries - 1; entry >= before; entry -= 1) {
      this.#next[entry] = this.#free;
      this.#free = entry;
    }
  }
}

function grown<T extends Float64Array | Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
