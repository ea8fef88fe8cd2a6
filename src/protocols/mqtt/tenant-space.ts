import type { ShardId } from '../../broker/ports.js';
import type { RouteCache } from './route-cache.js';

/** The number of a tenant that has no log yet: nothing of it crosses to another shard. */
export const NO_NUMBER = 0;

/*
  What one tenant's topics go by on this shard. The transport numbers topics by their bytes, whoever says them; the routes by those numbers are
  kept for each tenant apart, so that a publish finds its route without looking at names.
*/
export interface TenantSpace {
  readonly name: string;
  /** By which shards name it to each other: the number of its catch-all stream, the same everywhere and never used again. */
  number: number;
  /** By the topic numbers of this shard's transport. */
  readonly routes: RouteCache;
  /** By those of other shards. */
  readonly peerRoutes: Map<ShardId, RouteCache>;
}
