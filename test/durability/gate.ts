import { randomInt } from 'node:crypto';
import { SeededRandom } from '../../src/base/random.js';

/** False where the proofs run; else the reason why they do not. */
export const GATE: string | false = process.env.DURABILITY === '1' ? false : 'the journal is being built: set DURABILITY=1';

/** Why a test that mounts file systems cannot run; false if it can. */
export const ROOT_GATE: string | false = GATE !== false ? GATE : process.getuid?.() === 0 ? false : 'needs root: it mounts file systems';

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
