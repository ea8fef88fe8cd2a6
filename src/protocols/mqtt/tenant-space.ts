import type { ShardId } from '../../broker/ports.js';
import { NO_ROW, type NodeQuotas, type TenantLimits } from '../../broker/quotas/ports.js';
import { tickOf } from './metering/meter.js';
import type { RewriteRules } from './rewrite/rewrite-rules.js';
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
  /** What becomes of topics that its clients publish to; null: nothing. */
  rewrites: RewriteRules | null;
  /** Null: nothing of the tenant is limited. */
  limits: TenantLimits | null;
  /** By which its connections, sessions and subscriptions are counted; NO_ROW while nothing is limited. */
  quotaRow: number;
  /** What this shard has counted of its storage to the row. */
  storageKiB: number;
  /** It stores as much as it may, or more: see metering/storage.ts. */
  isStorageFull: boolean;
}

/** A tenant as the catalogue has it. */
export interface TenantFacts {
  readonly number: number;
  readonly limits: TenantLimits | null;
}

/** The tenants that there are, and the spaces of those that this shard has met. */
export class TenantSpaces {
  /** Counts what this shard has of a tenant to its row, that is new, or from it, before it is given up. Set once by the engine. */
  recount: (space: TenantSpace, sign: 1 | -1) => void = () => {};
  readonly #quotas: NodeQuotas;
  readonly #makeRoutes: (tenant: string) => RouteCache;
  readonly #nowMs: () => number;
  readonly #spaces: Map<string, TenantSpace> = new Map();
  readonly #byNumber: Map<number, TenantSpace> = new Map();
  #tenants: ReadonlyMap<string, TenantFacts> = new Map();
  #rewrites: ReadonlyMap<string, RewriteRules> = new Map();

  constructor(quotas: NodeQuotas, makeRoutes: (tenant: string) => RouteCache, nowMs: () => number) {
    this.#quotas = quotas;
    this.#makeRoutes = makeRoutes;
    this.#nowMs = nowMs;
  }

  /** By name. */
  get tenants(): ReadonlyMap<string, TenantFacts> {
    return this.#tenants;
  }

  all(): Iterable<TenantSpace> {
    return this.#spaces.values();
  }

  of(tenant: string): TenantSpace {
    const known = this.#spaces.get(tenant);
    if (known !== undefined) return known;
    const space = {
      name: tenant,
      number: NO_NUMBER,
      routes: this.#makeRoutes(tenant),
      peerRoutes: new Map(),
      rewrites: this.#publishRewritesOf(tenant),
      limits: null,
      quotaRow: NO_ROW,
      storageKiB: 0,
      isStorageFull: false,
    };
    this.#spaces.set(tenant, space);
    this.#learn(space);
    return space;
  }

  /** Null: this shard has not heard of the tenant yet, or not any more. */
  ofNumber(number: number): TenantSpace | null {
    const known = this.#byNumber.get(number);
    if (known !== undefined) return known;
    for (const [tenant, facts] of this.#tenants) if (facts.number === number) return this.of(tenant);
    return null;
  }

  update(tenants: ReadonlyMap<string, TenantFacts>): void {
    this.#tenants = tenants;
    this.#byNumber.clear();
    for (const space of this.#spaces.values()) this.#learn(space);
  }

  /** The rules of topic rewrite as they are now. Tenants that have none are not among them. */
  updateRewrites(rewrites: ReadonlyMap<string, RewriteRules>): void {
    this.#rewrites = rewrites;
    for (const space of this.#spaces.values()) space.rewrites = this.#publishRewritesOf(space.name);
  }

  rewritesOf(tenant: string): RewriteRules | null {
    return this.#rewrites.get(tenant) ?? null;
  }

  #publishRewritesOf(tenant: string): RewriteRules | null {
    const rules = this.rewritesOf(tenant);
    return rules?.hasPublish ? rules : null;
  }

  #learn(space: TenantSpace): void {
    const facts = this.#tenants.get(space.name);
    space.number = facts?.number ?? NO_NUMBER;
    space.limits = facts?.limits ?? null;
    if ((space.limits?.storageBytes ?? 0) === 0) space.isStorageFull = false;
    if (space.number !== NO_NUMBER) this.#byNumber.set(space.number, space);
    const { rows } = this.#quotas;
    if (space.limits === null) {
      if (space.quotaRow === NO_ROW) return;
      this.recount(space, -1);
      rows.release(space.quotaRow);
      space.quotaRow = NO_ROW;
    } else if (space.quotaRow === NO_ROW) {
      space.quotaRow = rows.hold(`tenant ${space.name}`, space.limits.rates, tickOf(this.#nowMs()));
      if (space.quotaRow !== NO_ROW) this.recount(space, 1);
    } else rows.setRates(space.quotaRow, space.limits.rates);
  }
}
