import { z } from 'zod';
import { PAGE_MAX, type Question } from './question.js';

/* Subscriptions whose clients take long for their messages. */

export interface SlowRow {
  readonly clientId: string;
  readonly tenant: string;
  readonly topic: string;
  readonly longestMs: number;
  readonly lastMs: number;
  readonly lastAtMs: number;
  readonly count: number;
  readonly shard: number;
}

export interface SlowAnswer {
  /** False: mqtt.slow_subscriptions.enabled is not set, and nothing is measured. */
  readonly isMeasured: boolean;
  readonly items: readonly SlowRow[];
  readonly silent: readonly number[];
}

export const SLOW_LIST: Question<{ readonly limit: number }, SlowAnswer> = {
  name: 'mqtt-slow-list',
  summary: 'Lists the slowest pairs of client and topic',
  asks: z.strictObject({ limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(10).describe('At most so many') }),
  answers: z.looseObject({
    isMeasured: z.boolean(),
    items: z.array(
      z.looseObject({
        ...{ clientId: z.string(), tenant: z.string(), topic: z.string(), longestMs: z.number(), lastMs: z.number() },
        ...{ lastAtMs: z.number(), count: z.int(), shard: z.int() },
      }),
    ),
    silent: z.array(z.int()),
  }),
  http: { method: 'GET', path: '/mqtt/slow-subscriptions' },
};
