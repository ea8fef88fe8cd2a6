import type { ShardId } from '../broker/ports.js';
import { namedCounts, ShardMetrics } from '../telemetry/metrics/shard-metrics.js';
import { COUNTER, COUNTERS_COUNT } from '../transport/ports.js';

/** What the shards count, in memory that main has too. It stays when a shard is replaced, so that counters go on. */
export class ShardCounters {
  readonly metrics: readonly ShardMetrics[];
  readonly #memory: readonly SharedArrayBuffer[];
  /** Of the transports, by COUNTER. */
  readonly transports: readonly Float64Array[];

  constructor(shardCount: number) {
    this.#memory = Array.from({ length: shardCount }, () => new SharedArrayBuffer(COUNTERS_COUNT * 8));
    this.transports = this.#memory.map((memory) => new Float64Array(memory));
    this.metrics = Array.from({ length: shardCount }, () => new ShardMetrics());
  }

  /** Over all shards. */
  get acceptErrors(): number {
    return this.transports.reduce((sum, counters) => sum + counters[COUNTER.acceptErrors], 0);
  }

  /** For a shard that starts. */
  handOver(shard: ShardId): { readonly counters: SharedArrayBuffer; readonly metrics: SharedArrayBuffer } {
    return { counters: this.#memory[shard], metrics: this.metrics[shard].memory };
  }

  /** What told of its present is over. */
  onShardDown(shard: ShardId): void {
    this.transports[shard][COUNTER.outputBytes] = 0; // A gauge, unlike the others.
    this.metrics[shard].clearGauges();
  }

  /** Plain data for status pages. */
  statusOf(shard: ShardId): object {
    const transport = Object.fromEntries(Object.entries(COUNTER).map(([name, index]) => [name, this.transports[shard][index]]));
    return { mqtt: namedCounts(this.metrics[shard]), transport };
  }
}
