import { z } from 'zod';
import { DONE, type Done, type Page, type PageAsk, pageAsk, pageOf, type Question, tenantAsk } from './question.js';

/* Subscriptions of sessions, also of clients that are away. */

export interface SubscriptionRow {
  readonly clientId: string;
  readonly tenant: string;
  /** `$share/...` included. */
  readonly filter: string;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
  /** 0: none. */
  readonly identifier: number;
  readonly shard: number;
}

const SUBSCRIPTION_ROW: z.ZodType<SubscriptionRow> = z.looseObject({
  clientId: z.string(),
  tenant: z.string(),
  filter: z.string(),
  qos: z.int(),
  noLocal: z.boolean(),
  retainAsPublished: z.boolean(),
  retainHandling: z.int(),
  identifier: z.int(),
  shard: z.int(),
});

/** Empty: anything. */
export interface SubscriptionListAsk extends PageAsk {
  readonly match: string;
  readonly filter: string;
  /** Only filters that match this topic. */
  readonly topic: string;
  readonly tenant: string;
}

const text = z.string().max(65_535).default('');

export const SUBSCRIPTION_LIST: Question<SubscriptionListAsk, Page<SubscriptionRow>> = {
  name: 'mqtt-subscription-list',
  summary: 'Lists subscriptions, by client and filter',
  asks: z.strictObject({
    ...pageAsk,
    match: text.describe('Client identifiers; * and ? stand for any'),
    filter: text.describe('Filters like this; * and ? stand for any'),
    topic: text.describe('Only filters that match this topic'),
    tenant: text.describe('Tenants; * and ? stand for any'),
  }),
  answers: pageOf(SUBSCRIPTION_ROW),
  http: { method: 'GET', path: '/mqtt/subscriptions' },
};

export interface SubscriptionAddAsk {
  readonly clientId: string;
  readonly tenant: string;
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

const clientId = z.string().max(65_535).describe('Client identifier of a session');
const filter = z.string().min(1).max(65_535).describe('Topic filter');

export const SUBSCRIPTION_ADD: Question<SubscriptionAddAsk, Done> = {
  name: 'mqtt-subscription-add',
  summary: 'Subscribes the session of a client, as if it had done so itself',
  asks: z.strictObject({
    clientId,
    tenant: tenantAsk,
    filter,
    qos: z.literal([0, 1, 2]).default(1),
    noLocal: z.boolean().default(false),
    retainAsPublished: z.boolean().default(false),
    retainHandling: z.literal([0, 1, 2]).default(0),
  }),
  answers: DONE,
  http: { method: 'POST', path: '/mqtt/subscriptions' },
};

export interface SubscriptionRemoveAsk {
  readonly clientId: string;
  readonly tenant: string;
  readonly filter: string;
}

export const SUBSCRIPTION_REMOVE: Question<SubscriptionRemoveAsk, Done> = {
  name: 'mqtt-subscription-remove',
  summary: 'Takes a subscription from the session of a client',
  asks: z.strictObject({ clientId, tenant: tenantAsk, filter }),
  answers: DONE,
  http: { method: 'DELETE', path: '/mqtt/subscriptions' },
};
