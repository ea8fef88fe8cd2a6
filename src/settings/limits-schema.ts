import { z } from 'zod';
import { count, duration, SECOND, size } from './forms.js';

/*
  What clients may use: [mqtt.limits]. Rates are per second and let a second's worth through at once; 0 is no limit. What is counted for an address,
  a user or the node is counted over all shards. Tenants have quotas in the catalogue.
*/

export interface RateSettings {
  readonly messages_per_second: number;
  readonly bytes_per_second: number;
  /** To clients. */
  readonly messages_out_per_second: number;
  readonly bytes_out_per_second: number;
}

export interface SharedLimitSettings extends RateSettings {
  readonly connections: number;
  readonly connections_per_second: number;
}

export interface LimitSettings {
  /** What becomes of a publish beyond a rate. */
  readonly on_excess: 'pause' | 'reject' | 'disconnect';
  readonly client: RateSettings;
  readonly address: SharedLimitSettings;
  readonly user: SharedLimitSettings;
  readonly node: SharedLimitSettings;
}

/** When a shard has more to do than it can, and what of it it leaves undone. */
export interface OverloadSettings {
  readonly enabled: boolean;
  /** How late a tick may come, in milliseconds. */
  readonly lag_max: number;
  /** Bytes of memory of the process; 0: nine tenths of what there is. */
  readonly memory_max: number;
}

const RATE_MAX = 2 ** 30;
const COUNT_MAX = 10_000_000;

function rates(whose: string) {
  return {
    messages_per_second: count(0, 0, RATE_MAX, `Publishes from ${whose} per second; 0: no limit`),
    bytes_per_second: size(0, 0, RATE_MAX, `Bytes of publishes from ${whose} per second; 0: no limit`),
    messages_out_per_second: count(0, 0, RATE_MAX, `Messages to ${whose} per second; 0: no limit`),
    bytes_out_per_second: size(0, 0, RATE_MAX, `Bytes of messages to ${whose} per second; 0: no limit`),
  };
}

function sharedLimits(whose: string) {
  return z
    .strictObject({
      connections: count(0, 0, COUNT_MAX, `Connections of ${whose}; 0: no limit`),
      connections_per_second: count(0, 0, RATE_MAX, `Connections of ${whose} per second; 0: no limit`),
      ...rates(whose),
    })
    .prefault({});
}

export const LIMITS_SCHEMA: z.ZodType<LimitSettings, Partial<Record<keyof LimitSettings, unknown>>> = z.strictObject({
  on_excess: z
    .enum(['pause', 'reject', 'disconnect'])
    .default('pause')
    .describe('Publishes beyond a rate: pause reads no more until they are due, reject refuses them, disconnect ends the connection'),
  client: z.strictObject(rates('a client')).prefault({}),
  address: sharedLimits('an address'),
  user: sharedLimits('a user'),
  node: sharedLimits('the node'),
});

export const OVERLOAD_SCHEMA: z.ZodType<OverloadSettings, Partial<Record<keyof OverloadSettings, unknown>>> = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether work is shed when there is more than can be done'),
  lag_max: duration(2 * SECOND, 100, 60 * SECOND, 'Lateness of a shard from which on it sheds'),
  memory_max: size(0, 0, 2 ** 50, `Memory of the process from which on shards shed; 0: nine tenths of the machine`),
});
