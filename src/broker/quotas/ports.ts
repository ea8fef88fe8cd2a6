/* What protocols see of limits that are counted over all shards (quota-table.ts). */

export const METER = { connects: 0, messagesIn: 1, bytesIn: 2, messagesOut: 3, bytesOut: 4 } as const;
export type Meter = (typeof METER)[keyof typeof METER];
export const METERS_COUNT = 5;

/** `storage` is in KiB. */
export const GAUGE = { holds: 0, connections: 1, sessions: 2, subscriptions: 3, storage: 4 } as const;
export type Gauge = (typeof GAUGE)[keyof typeof GAUGE];

/** Per second, by METER; 0: no limit. */
export type Rates = readonly number[];

/** No row: too many names share a place, and this one is not limited. */
export const NO_ROW = -1;

export interface QuotaRows {
  /** The row of a name, to be given back by `release`; or NO_ROW. Ticks are of 100 ms, by the clock of all threads. */
  hold(name: string, rates: Rates, nowTick: number): number;
  release(row: number): void;
  setRates(row: number, rates: Rates): void;
  add(row: number, gauge: Gauge, amount: number): void;
  /** Over all shards. */
  sum(row: number, gauge: Gauge): number;
  /**
   * Takes from a bucket, also what is not in it: then it owes, and whoever took waits. A negative amount gives back.
   * @returns milliseconds until it owes nothing; 0 if it does not now.
   */
  take(row: number, meter: Meter, amount: number, nowTick: number): number;
}

/** Limits of one thing that is counted over all shards. 0: no limit. */
export interface SharedLimits {
  readonly connections: number;
  readonly rates: Rates;
}

/** Of a tenant, as in the catalogue. 0: no limit. */
export interface TenantLimits extends SharedLimits {
  readonly sessions: number;
  readonly subscriptions: number;
  /** On this node. */
  readonly storageBytes: number;
}

export interface NodeQuotas {
  readonly rows: QuotaRows;
  readonly onExcess: 'pause' | 'reject' | 'disconnect';
  /** Of one connection, by METER. */
  readonly client: Rates;
  /** Null: nothing of it is limited. */
  readonly address: SharedLimits | null;
  readonly user: SharedLimits | null;
  readonly node: SharedLimits | null;
}
