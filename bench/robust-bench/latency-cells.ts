import { build, type Histogram } from 'hdr-histogram-js';
import { assert } from '../../src/base/assert.js';

/*
  Latencies counted in the cells of an HDR histogram of three significant digits (Gil Tene's layout), microseconds:

    values          0 .. 2047   one cell per microsecond              cells    0 .. 2047
    values       2048 .. 4095   one cell per  2 us                    cells 2048 .. 3071
    values       4096 .. 8191   one cell per  4 us                    cells 3072 .. 4095      ... and so on up to 2^31

  A load thread counts with one shift and one add, in memory that the coordinator reads while the load runs. Percentiles are
  hdr-histogram-js's business: `foldInto` hands it the cells.
*/
const SUB_BUCKETS_HALF = 1024;
const SUB_BUCKETS_HALF_BITS = 10;
const VALUE_BITS = 31;
export const LATENCY_US_MAX: number = 2 ** VALUE_BITS - 1;
export const LATENCY_CELLS: number = (VALUE_BITS - SUB_BUCKETS_HALF_BITS + 1) * SUB_BUCKETS_HALF;
export const LATENCY_BYTES: number = LATENCY_CELLS * 4;

/** The cell of a latency, in microseconds from 0 to LATENCY_US_MAX. */
export function latencyCellOf(us: number): number {
  const shift = 31 - SUB_BUCKETS_HALF_BITS - Math.clz32(us | SUB_BUCKETS_HALF);
  return shift * SUB_BUCKETS_HALF + (us >>> shift);
}

/** The lowest latency that falls into a cell, in microseconds. */
export function latencyOfCell(cell: number): number {
  if (cell < 2 * SUB_BUCKETS_HALF) return cell;
  const shift = (cell >>> SUB_BUCKETS_HALF_BITS) - 1;
  return (cell - shift * SUB_BUCKETS_HALF) * 2 ** shift;
}

/** Counts of one thread. One writer; others may read at any time and see a moment's mixture, which is good enough for a live line. */
export class LatencyCells {
  readonly #cells: Uint32Array;

  constructor(memory: SharedArrayBuffer, byteOffset: number) {
    assert(byteOffset % 4 === 0, 'cells are aligned');
    this.#cells = new Uint32Array(memory, byteOffset, LATENCY_CELLS);
  }

  /** @param us latency, a 32-bit integer; below zero (two threads' clocks differ by less than a microsecond) counts as zero. */
  record(us: number, count: number): void {
    this.#cells[latencyCellOf(Math.max(us, 0))] += count;
  }

  foldInto(histogram: Histogram): void {
    const cells = this.#cells;
    for (let cell = 0; cell < LATENCY_CELLS; cell++) {
      const count = cells[cell];
      if (count > 0) histogram.recordValueWithCount(latencyOfCell(cell), count);
    }
  }
}

export interface LatencySummary {
  readonly count: number;
  /** All in microseconds. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The percentiles of all threads together. */
export function summarizeLatency(threads: readonly LatencyCells[]): LatencySummary {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 64,
  });
  for (const cells of threads) cells.foldInto(histogram);
  const at = (percentile: number): number => (histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile));
  return {
    count: histogram.totalCount,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.totalCount === 0 ? 0 : histogram.maxValue,
  };
}
