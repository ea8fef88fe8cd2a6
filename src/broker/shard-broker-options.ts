import type { Logger } from '../base/logger.js';
import type { GroupLog } from '../journal/ports.js';
import type { GroupPositions } from './durable-filters.js';
import type { LogTarget, PeerLinks, ShardId } from './ports.js';
import type { RetainedLimits } from './retained.js';
import type { RetainedLimitsOf } from './retained-messages.js';
import type { SharedPolicies } from './shared/ports.js';

export interface BrokerLimits {
  /** Per subscriber. */
  readonly subscriptionsMax: number;
  /** Per node. Topics are spread over the shards by hash, and so are the limits. */
  readonly retained: RetainedLimits;
}

export interface ShardBrokerOptions {
  readonly links: PeerLinks;
  readonly clock: { nowMs(): number };
  readonly limits: BrokerLimits;
  readonly log?: Logger;
  /** Random per process: keeps clients from choosing topic levels that collide in the hash tables. */
  readonly hashSeed?: number;
  /** It waits to be told by its peers which sessions they hold before it grants any. */
  readonly awaitsHolds?: boolean;
  /** Where the log of a topic is. Without it nothing is logged. */
  readonly resolveLog?: (topic: string) => LogTarget | null;
  /** The logs of this shard, for durable filters. Without them there are none. */
  readonly durableLogs?: DurableLogs;
  /** The shard that keeps the retained message of a topic; by hash if not given. */
  readonly retainedOwnerOf?: (topic: string) => ShardId;
  /** What single tenants may retain. */
  readonly retainedLimitsOf?: RetainedLimitsOf;
  /** How shared subscriptions choose; by turns if not given. */
  readonly sharedPolicies?: SharedPolicies;
}

/** What durable filters need of the logs of this shard. */
export interface DurableLogs {
  /** Where those of its groups are that may have messages for the filter. */
  positions(filter: string): GroupPositions;
  /** Its indexes end. */
  onUnwanted(filter: string): void;
  readonly logs: readonly GroupLog[];
  /** Those that may have messages for the filter. */
  logsOf(filter: string): readonly GroupLog[];
}
