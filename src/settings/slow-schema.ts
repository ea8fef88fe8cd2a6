import { z } from 'zod';
import { count, DAY, duration, SECOND } from './forms.js';

/* Settings of the statistics of slow subscriptions. */

export interface SlowSubscriptionSettings {
  readonly enabled: boolean;
  /** Milliseconds. */
  readonly threshold: number;
  readonly span: 'whole' | 'internal' | 'response';
  readonly entries_max: number;
  /** Milliseconds. */
  readonly stays: number;
}

export const SLOW_SCHEMA: z.ZodType<
  SlowSubscriptionSettings,
  Partial<Readonly<Record<keyof SlowSubscriptionSettings, unknown>>>
> = z.strictObject({
  enabled: z.boolean().default(false).describe('Whether it is measured how long deliveries of QoS 1 and 2 take'),
  threshold: duration(500, 1, DAY, 'A delivery that takes so long is slow'),
  span: z
    .enum(['whole', 'internal', 'response'])
    .default('whole')
    .describe('From publish to acknowledgement, from publish to being sent, or from being sent to acknowledgement'),
  entries_max: count(1000, 1, 100_000, 'Pairs of session and topic that are remembered by the node'),
  stays: duration(300 * SECOND, SECOND, 30 * DAY, 'A pair that was not slow again for so long is forgotten'),
});
