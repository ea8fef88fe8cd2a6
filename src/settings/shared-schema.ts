import { z } from 'zod';
import { count, DAY, duration, size } from './forms.js';

/* Settings of shared subscriptions: `$share/<group>/<filter>`. */

export const SHARED_STRATEGIES = ['round-robin', 'sticky', 'random', 'hash-client', 'hash-topic', 'least-inflight'] as const;
export type SharedStrategySetting = (typeof SHARED_STRATEGIES)[number];

export interface SharedGroupSettings {
  readonly group: string;
  readonly filter: string;
  readonly strategy: SharedStrategySetting | 'default';
  readonly durable: boolean;
  /** Milliseconds. */
  readonly keep: number;
  /** 0: as of sessions. */
  readonly queue_messages_max: number;
  /** Bytes; 0: as of sessions. */
  readonly queue_bytes_max: number;
}

export const SHARED_STRATEGY_SCHEMA: z.ZodDefault<z.ZodEnum<{ [S in SharedStrategySetting]: S }>> = z
  .enum(SHARED_STRATEGIES)
  .default('round-robin')
  .describe('Who of a shared subscription gets the next message');

const sharedGroup = z.strictObject({
  group: z
    .string()
    .regex(/^[^/+#\p{Cc}]{1,1024}$/u, 'must be the name between $share/ and the next slash')
    .describe('Name of the group; $queue for $queue/...'),
  filter: z.string().max(65_535).default('').describe('Only the subscription to this filter; empty: all of the group'),
  strategy: z
    .enum([...SHARED_STRATEGIES, 'default'])
    .default('default')
    .describe('Who gets the next message; default: as mqtt.shared_subscription_strategy says'),
  durable: z.boolean().default(false).describe('Messages are kept also if no member has a session that outlives its connection'),
  keep: duration(DAY, 0, 36_500 * DAY, 'A durable group without any member is kept so long'),
  queue_messages_max: count(0, 0, 2 ** 30, 'Messages that wait, per shard; 0: as mqtt.queue_messages_max'),
  queue_bytes_max: size(0, 0, 2 ** 40, 'Bytes that wait, per shard; 0: as mqtt.queue_bytes_max'),
});

export const SHARED_GROUPS_SCHEMA: z.ZodDefault<z.ZodArray<z.ZodType<SharedGroupSettings, Readonly<Record<string, unknown>>>>> = z
  .array(sharedGroup as z.ZodType<SharedGroupSettings, Readonly<Record<string, unknown>>>)
  .max(10_000)
  .default([])
  .describe('Shared subscriptions that differ; the first that fits counts');
