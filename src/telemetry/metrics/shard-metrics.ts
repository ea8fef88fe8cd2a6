import { assert } from '../../base/assert.js';
import { DROP } from './drops.js';
import { HISTOGRAMS_CELLS, observe } from './histogram.js';
import { COUNT, COUNTS_COUNT, GAUGES_FIRST, keysOf, QOS_LEVELS } from './slots.js';

/** The counters and histograms of one shard, in memory that main has too. It outlives the shard. */
export class ShardMetrics {
  readonly memory: SharedArrayBuffer;
  /** By COUNT, DROP and the others: `counts[DROP.expired] += 1`. */
  readonly counts: Float64Array;
  readonly histograms: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer((COUNTS_COUNT + HISTOGRAMS_CELLS) * 8)) {
    assert(memory.byteLength === (COUNTS_COUNT + HISTOGRAMS_CELLS) * 8, 'both threads run the same build');
    this.memory = memory;
    this.counts = new Float64Array(memory, 0, COUNTS_COUNT);
    this.histograms = new Float64Array(memory, COUNTS_COUNT * 8, HISTOGRAMS_CELLS);
  }

  observe(histogram: number, milliseconds: number): void {
    observe(this.histograms, histogram, milliseconds);
  }

  /** The shard is gone, and with it what the gauges told of. */
  clearGauges(): void {
    this.counts.fill(0, GAUGES_FIRST);
  }
}

/** For status pages: counters that stand alone, and drops. */
export function namedCounts({ counts }: ShardMetrics): Readonly<Record<string, number>> {
  const [qos0, qos1, qos2] = counts.subarray(COUNT.messagesReceived, COUNT.messagesReceived + QOS_LEVELS);
  const drops = keysOf(DROP).map((name) => [`dropped${name[0].toUpperCase()}${name.slice(1)}`, counts[DROP[name]]] as const);
  return {
    connectionsAccepted: counts[COUNT.connectionsAccepted],
    publishesIn: qos0 + qos1 + qos2,
    sessionsTakenOver: counts[COUNT.sessionsTakenOver],
    keepAliveExpired: counts[COUNT.keepAliveExpired],
    violations: counts[COUNT.violations],
    willsPublished: counts[COUNT.willsPublished],
    publishersPaused: counts[COUNT.publishersPaused],
    ...Object.fromEntries(drops),
  };
}
