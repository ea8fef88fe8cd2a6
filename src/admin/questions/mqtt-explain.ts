import { z } from 'zod';
import { type Question, tenantAsk } from './question.js';

/* Why a client does or does not get messages of a topic. */

export interface ExplainAsk {
  readonly tenant: string;
  readonly clientId: string;
  readonly topic: string;
}

export interface ExplainAnswer {
  /** `partly`: some of them. `later`: they wait. */
  readonly verdict: 'yes' | 'partly' | 'later' | 'no';
  readonly sentences: readonly string[];
  /** Of the shard that has the session; null: none has. */
  readonly shard: number | null;
  readonly session: Readonly<Record<string, unknown>> | null;
  readonly isRetained: boolean;
  /** What the client did last, the newest last. */
  readonly events: readonly { readonly atMs: number; readonly kind: string; readonly detail: string }[];
  readonly silent: readonly number[];
}

export const EXPLAIN: Question<ExplainAsk, ExplainAnswer> = {
  name: 'mqtt-explain',
  summary: 'Explains why a client does or does not get messages of a topic',
  asks: z.strictObject({
    tenant: tenantAsk,
    clientId: z.string().min(1).max(65_535).describe('Client identifier'),
    topic: z.string().min(1).max(65_535).describe('Topic, without wildcards'),
  }),
  answers: z.looseObject({
    verdict: z.enum(['yes', 'partly', 'later', 'no']),
    sentences: z.array(z.string()),
    shard: z.int().nullable(),
    session: z.record(z.string(), z.unknown()).nullable(),
    isRetained: z.boolean(),
    events: z.array(z.looseObject({ atMs: z.number(), kind: z.string(), detail: z.string() })),
    silent: z.array(z.int()),
  }),
  http: { method: 'GET', path: '/mqtt/explain' },
};
