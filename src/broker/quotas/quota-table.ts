import { assert } from '../../base/assert.js';
import { GAUGE, type Gauge, METERS_COUNT, type Meter, NO_ROW, type QuotaRows, type Rates } from './ports.js';

/*
  What may be used only so much, counted over all shards of the node in shared memory. A row is one tenant, user, address or the node:

    0 state | 1 key low | 2 key high | 3 tick of the last refill | 4.. tokens of each meter | .. their rates per second | then per shard the gauges

  state    free -> writing -> used -> retiring -> free. A row that nobody uses is retired by main, and free when nobody took it up again meanwhile.
  meters   token buckets: a second's worth fits. Whoever takes from one first adds what has come since the last refill.
  gauges   how many there are now; each shard has columns of its own, so that main can forget those of a shard that died. `holds` are those who
           have the row in hand.

  Rows are found by a 64-bit hash in a window of a few, so a full window means that the newcomer is not limited: counted, and said in the log.
*/

const GAUGES_COUNT = 5;

const STATE = 0;
const KEY_LOW = 1;
const KEY_HIGH = 2;
const REFILLED = 3;
const TOKENS = 4;
const RATES: number = TOKENS + METERS_COUNT;
const COLUMNS: number = RATES + METERS_COUNT;

const FREE = 0;
const WRITING = 1;
const USED = 2;
const RETIRING = 3;

const WINDOW = 16;
/** Another thread writes ten words meanwhile. */
const WRITING_LOOKS_MAX = 10_000;
const TICKS_PER_SECOND = 10;
/** The largest number that a token counter has to hold: a second's worth, and as much owed. */
const RATE_MAX: number = 2 ** 30;

/** Makes a second hash of the first. */
const SECOND_SEED = 0x9e3779b9 | 0;
const FNV_PRIME = 0x01000193;

export class QuotaTable implements QuotaRows {
  readonly #cells: Int32Array;
  readonly #rows: number;
  readonly #shards: number;
  readonly #self: number;
  readonly #stride: number;
  readonly #seed: number;

  static memoryFor(rows: number, shards: number): SharedArrayBuffer {
    return new SharedArrayBuffer(rows * (COLUMNS + shards * GAUGES_COUNT) * 4);
  }

  /**
   * @param self the shard; -1 for main, which only retires.
   * @param seed random per process: nobody can choose names that share a window.
   */
  constructor(memory: SharedArrayBuffer, shards: number, self: number, seed: number) {
    this.#cells = new Int32Array(memory);
    this.#shards = shards;
    this.#self = self;
    this.#seed = seed;
    this.#stride = COLUMNS + shards * GAUGES_COUNT;
    this.#rows = Math.floor(this.#cells.length / this.#stride);
    assert(this.#rows >= WINDOW, 'a window fits');
  }

  /**
   * The row of a name, to be given back by `release`.
   * @param nowTick of 100 ms each, by the clock of all threads.
   */
  hold(name: string, rates: Rates, nowTick: number): number {
    assert(this.#self >= 0, 'main holds nothing');
    const low = hashOf(name, this.#seed);
    const high = hashOf(name, low ^ SECOND_SEED);
    for (let attempt = 0; attempt < WINDOW; attempt += 1) {
      const row = this.#find(low, high);
      if (row !== NO_ROW) {
        if (this.#takeUp(row, low, high)) {
          this.setRates(row, rates);
          return row;
        }
        continue;
      }
      const made = this.#make(low, high, rates, nowTick);
      if (made !== NO_ROW) return made;
      if (!this.#hasFree(low)) return NO_ROW;
    }
    return NO_ROW;
  }

  release(row: number): void {
    this.add(row, GAUGE.holds, -1);
  }

  add(row: number, gauge: Gauge, amount: number): void {
    Atomics.add(this.#cells, this.#gaugeAt(row, gauge, this.#self), amount);
  }

  /** Over all shards. */
  sum(row: number, gauge: Gauge): number {
    let sum = 0;
    for (let shard = 0; shard < this.#shards; shard += 1) sum += Atomics.load(this.#cells, this.#gaugeAt(row, gauge, shard));
    return sum;
  }

  /**
   * Takes from a bucket, also what is not in it: then it owes, and whoever took waits.
   * @returns milliseconds until it owes nothing; 0 if it does not now.
   */
  take(row: number, meter: Meter, amount: number, nowTick: number): number {
    const cells = this.#cells;
    const base = row * this.#stride;
    const rate = cells[base + RATES + meter];
    if (rate === 0) return 0;
    this.#refill(base, nowTick);
    const left = Atomics.sub(cells, base + TOKENS + meter, Math.min(amount, RATE_MAX)) - amount;
    return left >= 0 ? 0 : Math.ceil((-left * 1000) / rate);
  }

  /** Other limits from now on. */
  setRates(row: number, rates: Rates): void {
    const at = row * this.#stride + RATES;
    for (let meter = 0; meter < METERS_COUNT; meter += 1)
      if (this.#cells[at + meter] !== rates[meter]) Atomics.store(this.#cells, at + meter, rates[meter]);
  }

  /** On main: a shard died, and what it counted with it. */
  forgetShard(shard: number): void {
    for (let row = 0; row < this.#rows; row += 1)
      for (let gauge = 0; gauge < GAUGES_COUNT; gauge += 1) Atomics.store(this.#cells, this.#gaugeAt(row, gauge as Gauge, shard), 0);
  }

  /** On main, every few seconds: rows that nobody used between two calls are free again. @returns how many rows are in use. */
  retire(): number {
    const cells = this.#cells;
    let used = 0;
    for (let row = 0; row < this.#rows; row += 1) {
      const at = row * this.#stride;
      const state = Atomics.load(cells, at);
      if (state === FREE) continue;
      used += 1;
      if (this.#isNeeded(row)) continue;
      if (state === USED) Atomics.compareExchange(cells, at, USED, RETIRING);
      // Whoever took it up since counts already, or sees that it is gone.
      else if (state === RETIRING) Atomics.compareExchange(cells, at, RETIRING, FREE);
    }
    return used;
  }

  #isNeeded(row: number): boolean {
    return this.sum(row, GAUGE.holds) > 0;
  }

  #find(low: number, high: number): number {
    const cells = this.#cells;
    for (let i = 0; i < WINDOW; i += 1) {
      const row = this.#rowOf(low, i);
      const at = row * this.#stride;
      let state = Atomics.load(cells, at + STATE);
      for (let looks = 0; state === WRITING && looks < WRITING_LOOKS_MAX; looks += 1) state = Atomics.load(cells, at + STATE);
      if (state !== USED && state !== RETIRING) continue;
      if (Atomics.load(cells, at + KEY_LOW) === low && Atomics.load(cells, at + KEY_HIGH) === high) return row;
    }
    return NO_ROW;
  }

  /** Counts first and looks then: main counts before it frees. */
  #takeUp(row: number, low: number, high: number): boolean {
    const cells = this.#cells;
    const at = row * this.#stride;
    this.add(row, GAUGE.holds, 1);
    const state = Atomics.compareExchange(cells, at + STATE, RETIRING, USED);
    const isThere = state === USED || state === RETIRING;
    if (isThere && Atomics.load(cells, at + KEY_LOW) === low && Atomics.load(cells, at + KEY_HIGH) === high) return true;
    this.add(row, GAUGE.holds, -1);
    return false;
  }

  #make(low: number, high: number, rates: Rates, nowTick: number): number {
    const cells = this.#cells;
    for (let i = 0; i < WINDOW; i += 1) {
      const row = this.#rowOf(low, i);
      const at = row * this.#stride;
      if (Atomics.compareExchange(cells, at + STATE, FREE, WRITING) !== FREE) continue;
      Atomics.store(cells, at + KEY_LOW, low);
      Atomics.store(cells, at + KEY_HIGH, high);
      Atomics.store(cells, at + REFILLED, nowTick);
      for (let meter = 0; meter < METERS_COUNT; meter += 1) {
        Atomics.store(cells, at + RATES + meter, rates[meter]);
        Atomics.store(cells, at + TOKENS + meter, rates[meter]);
      }
      this.add(row, GAUGE.holds, 1);
      Atomics.store(cells, at + STATE, USED);
      return row;
    }
    return NO_ROW;
  }

  #hasFree(low: number): boolean {
    for (let i = 0; i < WINDOW; i += 1) if (Atomics.load(this.#cells, this.#rowOf(low, i) * this.#stride) === FREE) return true;
    return false;
  }

  /** Whoever moves the tick on adds what has come meanwhile. */
  #refill(base: number, nowTick: number): void {
    const cells = this.#cells;
    const last = Atomics.load(cells, base + REFILLED);
    const ticks = nowTick - last;
    if (ticks <= 0 || Atomics.compareExchange(cells, base + REFILLED, last, nowTick) !== last) return;
    for (let meter = 0; meter < METERS_COUNT; meter += 1) {
      const rate = cells[base + RATES + meter];
      if (rate === 0) continue;
      const at = base + TOKENS + meter;
      const gained = Math.floor((Math.min(ticks, TICKS_PER_SECOND * 60) * rate) / TICKS_PER_SECOND);
      const before = Atomics.load(cells, at);
      Atomics.add(cells, at, Math.min(gained, Math.max(0, rate - before)));
    }
  }

  #rowOf(low: number, i: number): number {
    return ((low >>> 0) + i) % this.#rows;
  }

  #gaugeAt(row: number, gauge: Gauge, shard: number): number {
    return row * this.#stride + COLUMNS + shard * GAUGES_COUNT + gauge;
  }
}

/** FNV-1a over UTF-16 units, mixed at the end. */
function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), FNV_PRIME);
    hash = Math.imul(hash ^ (unit >> 8), FNV_PRIME);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) | 0;
}
