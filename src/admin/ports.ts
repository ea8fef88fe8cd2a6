import type { Labels } from '../telemetry/metrics/exposition.js';
import type { ShardMetrics } from '../telemetry/metrics/shard-metrics.js';

/* What the HTTP admin needs of the node. `runtime/admin-access.ts` is it. */

/** One of the things that `/health` looks at. */
export interface HealthCheck {
  /** `/health/checks/<name>` */
  readonly name: string;
  readonly isWell: boolean;
  /** One sentence, for those who may know more. */
  readonly sentence: string;
  /** Whether a load balancer must know: then the node is not ready without it. */
  readonly isNeeded: boolean;
}

/** A sample that does not come from the memory of shards. */
export interface NodeSample {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, value: number])[];
}

export interface AdminAccess {
  readonly version: string;
  /** The node serves; false again as soon as it is told to stop. */
  readonly isServing: boolean;
  checks(): readonly HealthCheck[];
  shardMetrics(): readonly ShardMetrics[];
  /** QoS 0 that transports passed over, of all shards: messages that were counted as sent before. */
  transportDrops(): number;
  nodeSamples(): readonly NodeSample[];
  /** One of admin/questions. Plain data. @param by who asks, for the audit log: `http 10.0.0.7`. @throws BrokerError. */
  ask(question: string, ask: unknown, by: string): Promise<object>;
}
