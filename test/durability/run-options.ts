import { randomInt } from 'node:crypto';
import { SeededRandom } from '../../src/base/random.js';

/** Randomness of one run. `DURABILITY_SEED` plays a run again; the caller prints `seed`. */
export function seededRandom(): SeededRandom {
  const given = process.env.DURABILITY_SEED;
  return new SeededRandom(given === undefined ? randomInt(2 ** 31) : Number(given));
}

/** A count from the environment. */
export function countOf(variable: string, defaultCount: number): number {
  const text = process.env[variable];
  if (text === undefined) return defaultCount;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`${variable}=${text} is not a count`);
  return Number(text);
}
