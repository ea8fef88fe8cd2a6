import type { AdminAccess, HealthCheck } from '../../../src/admin/ports.js';
import { ShardMetrics } from '../../../src/telemetry/metrics/shard-metrics.js';

/** A node that answers every question with what it was asked. */
export class StubAccess implements AdminAccess {
  readonly version = '1.2.3';
  isServing = true;
  readonly shards: readonly ShardMetrics[] = [new ShardMetrics(), new ShardMetrics()];
  readonly journal = { name: 'journal', isWell: true, sentence: 'publishes are stored', isNeeded: true };
  readonly metadata = { name: 'metadata', isWell: true, sentence: 'node 1 leads', isNeeded: false };
  drops = 0;
  /** Who asked last. */
  by = '';
  answer: (question: string, ask: unknown) => Promise<object> = (question, ask) => Promise.resolve({ question, ask });

  checks(): readonly HealthCheck[] {
    return [this.journal, this.metadata];
  }

  shardMetrics(): readonly ShardMetrics[] {
    return this.shards;
  }

  transportDrops(): number {
    return this.drops;
  }

  nodeSamples(): [] {
    return [];
  }

  ask(question: string, ask: unknown, by: string): Promise<object> {
    this.by = by;
    return this.answer(question, ask);
  }
}
