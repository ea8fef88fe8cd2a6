/** Runs of a random test: CURSOR_RUNS says how many, TEST_SEED replays the seed that a failure printed. */
export function randomRuns(usual: number): { numRuns: number; seed?: number } {
  const numRuns = Number(process.env.CURSOR_RUNS ?? usual);
  const seed = process.env.TEST_SEED;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
