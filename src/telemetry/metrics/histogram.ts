/*
  Histograms in the memory of a shard, for times from 64 us to 2 minutes: each bucket is twice as wide as the one before it.

    bucket 0: up to 64 us | 1: up to 128 us | ... | BUCKETS - 1: up to 134 s | over | sum of seconds
*/

const FIRST_MICROSECONDS = 64;
export const BUCKETS = 22;
const OVER = 22;
const SUM = 23;
/** Cells of one histogram. */
export const HISTOGRAM_CELLS = 24;

/** Where each begins, in cells. */
export const HISTOGRAM = {
  walFsync: 0,
  publishLatency: 24,
  authentication: 48,
} as const;
export const HISTOGRAMS_CELLS = 72;

/** Allocates nothing. */
export function observe(cells: Float64Array, histogram: number, milliseconds: number): void {
  const microseconds = milliseconds * 1000;
  // Bits above the first bound say how often it must be doubled.
  const bucket = microseconds <= FIRST_MICROSECONDS ? 0 : 32 - Math.clz32((Math.min(microseconds, 2 ** 31) - 1) / FIRST_MICROSECONDS);
  cells[histogram + (bucket < BUCKETS ? bucket : OVER)] += 1;
  cells[histogram + SUM] += milliseconds / 1000;
}

export interface HistogramSum {
  /** Not above each bound, in seconds, ascending; then all. */
  readonly buckets: readonly (readonly [boundSeconds: number, count: number])[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** Of all shards together. */
export function foldHistogram(shards: readonly Float64Array[], histogram: number): HistogramSum {
  const cell = (at: number): number => shards.reduce((sum, cells) => sum + cells[histogram + at], 0);
  const buckets: (readonly [number, number])[] = [];
  let count = 0;
  for (let at = 0; at < BUCKETS; at += 1) {
    count += cell(at);
    buckets.push([(FIRST_MICROSECONDS * 2 ** at) / 1_000_000, count]);
  }
  return { buckets, count: count + cell(OVER), sumSeconds: cell(SUM) };
}
