import { randomFillSync } from 'node:crypto';
import { assert } from './assert.js';

/** Randomness is passed in, so that a failing run can be played again from its seed. */
export interface Random {
  /** 32 random bits, 0 to 2^32 - 1. */
  nextU32(): number;
  /** A whole number from 0 to `limit - 1`, each as likely. `limit` is 1 to 2^32. */
  below(limit: number): number;
  /** A fraction from 0 up to, not including, 1. */
  nextFraction(): number;
}

/** Whole numbers below `limit` without the bias of a bare remainder: values in the incomplete last stretch are drawn again. */
function drawBelow(random: Random, limit: number): number {
  assert(Number.isInteger(limit) && limit > 0 && limit <= 2 ** 32, 'a limit is a whole number from 1 to 2^32');
  const usable = 2 ** 32 - (2 ** 32 % limit);
  let value = random.nextU32();
  while (value >= usable) value = random.nextU32();
  return value % limit;
}

/**
 * xoshiro128** of Blackman and Vigna: 128 bits of state, the same sequence for the same seed on every machine.
 * Fast and good for tests, sampling and jitter; never for secrets.
 */
export class SeededRandom implements Random {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    assert(Number.isInteger(seed), 'a seed is a whole number');
    this.seed = seed >>> 0;
    // splitmix32 spreads one word over the state; xoshiro must not start from all zeros, and four outputs in a row never are.
    let state = this.seed;
    const spread = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      return word ^ (word >>> 15);
    };
    this.#a = spread();
    this.#b = spread();
    this.#c = spread();
    this.#d = spread();
  }

  nextU32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  below(limit: number): number {
    return drawBelow(this, limit);
  }

  nextFraction(): number {
    return this.nextU32() / 2 ** 32;
  }
}

/** The system's randomness, good for identifiers that nobody may guess. Fetched in pages: one call per 1,024 words. */
export class SystemRandom implements Random {
  readonly #page = new Uint32Array(1024);
  #next = 1024;

  nextU32(): number {
    if (this.#next === this.#page.length) {
      randomFillSync(this.#page);
      this.#next = 0;
    }
    const value = this.#page[this.#next];
    this.#page[this.#next] = 0; // A word is given out once; do not keep it in memory.
    this.#next += 1;
    return value;
  }

  below(limit: number): number {
    return drawBelow(this, limit);
  }

  nextFraction(): number {
    return this.nextU32() / 2 ** 32;
  }
}
