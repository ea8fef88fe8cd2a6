import { z } from 'zod';
import { type Question, tenantAsk } from './question.js';

/* What the rules of access come to: whether somebody may do something, and which rule decides. */

export interface AccessTestAsk {
  readonly tenant: string;
  /** Empty: nobody in particular, and so are clientId and address. */
  readonly user: string;
  readonly clientId: string;
  readonly address: string;
  readonly action: 'publish' | 'subscribe';
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

export interface AccessTestAnswer {
  /** `partly`, of a filter: it may be subscribed to, and messages of some of its topics are kept back. */
  readonly verdict: 'allow' | 'deny' | 'partly';
  /** Names of those that decide, in their order. Empty: no rule is about it. */
  readonly rules: readonly string[];
  readonly sentence: string;
  /** What the topic becomes by topic rewrite; rules are asked about this. Empty: rewrite refuses it. */
  readonly topic: string;
  /** It is about a client that is connected, as it came in; else about what was asked. */
  readonly isOfSession: boolean;
}

const who = z.string().max(65_535).default('');

export const ACCESS_TEST: Question<AccessTestAsk, AccessTestAnswer> = {
  name: 'mqtt-acl-test',
  summary: 'Says whether somebody may publish or subscribe to something, and which rule decides',
  asks: z.strictObject({
    tenant: tenantAsk,
    user: who.describe('User; empty: none'),
    clientId: who.describe('Client identifier; alone, and of a client that is connected: what that client is and came with counts'),
    address: who.describe('Address of the client'),
    action: z.enum(['publish', 'subscribe']),
    topic: z.string().min(1).max(65_535).describe('Topic, or topic filter of a subscription'),
    qos: z.literal([0, 1, 2]).default(0),
    retain: z.stringbool().or(z.boolean()).default(false).describe('Of a publish: with the retain flag'),
  }),
  answers: z.looseObject({
    verdict: z.enum(['allow', 'deny', 'partly']),
    rules: z.array(z.string()),
    sentence: z.string(),
    topic: z.string(),
    isOfSession: z.boolean(),
  }),
  http: { method: 'GET', path: '/mqtt/acl-test' },
};
