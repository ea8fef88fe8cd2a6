import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { build } from 'hdr-histogram-js';
import {
  LATENCY_BYTES,
  LATENCY_CELLS,
  LATENCY_US_MAX,
  LatencyCells,
  latencyCellOf,
  latencyOfCell,
  summarizeLatency,
} from '../../bench/robust-bench/latency-cells.js';

test('latency cells: every cell begins where the one before it ends', () => {
  for (let cell = 0; cell < LATENCY_CELLS; cell++) {
    assert.equal(latencyCellOf(latencyOfCell(cell)), cell);
    if (cell > 0) assert.equal(latencyCellOf(latencyOfCell(cell) - 1), cell - 1);
  }
  assert.equal(latencyCellOf(LATENCY_US_MAX), LATENCY_CELLS - 1);
});

test('latency cells: percentiles of several threads are those of one HDR histogram with all values', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ us: fc.integer({ min: 0, max: 60_000_000 }), count: fc.integer({ min: 1, max: 1000 }) }), {
        minLength: 1,
        maxLength: 50,
      }),
      (values) => {
        const memory = new SharedArrayBuffer(2 * LATENCY_BYTES);
        const threads = [new LatencyCells(memory, 0), new LatencyCells(memory, LATENCY_BYTES)];
        const reference = build({
          lowestDiscernibleValue: 1,
          highestTrackableValue: LATENCY_US_MAX,
          numberOfSignificantValueDigits: 3,
          bitBucketSize: 64,
        });
        values.forEach(({ us, count }, i) => {
          threads[i % 2].record(us, count);
          reference.recordValueWithCount(us, count);
        });
        const summary = summarizeLatency(threads);
        assert.equal(summary.count, reference.totalCount);
        for (const [key, percentile] of [
          ['p50', 50],
          ['p90', 90],
          ['p99', 99],
          ['p999', 99.9],
        ] as const)
          assert.equal(summary[key], reference.getValueAtPercentile(percentile));
      },
    ),
    { numRuns: 30 },
  );
});

test('latency cells: a latency below zero, from clocks a hair apart, counts as zero', () => {
  const cells = new LatencyCells(new SharedArrayBuffer(LATENCY_BYTES), 0);
  cells.record(-1, 5);
  assert.deepEqual(summarizeLatency([cells]), { count: 5, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
});

test('latency cells: nothing counted is a summary of zeros', () => {
  assert.deepEqual(summarizeLatency([]), { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
});
