import { z } from 'zod';
import type { SharedGroupFacts } from '../../protocols/mqtt/operator/ports.js';
import { type Page, type PageAsk, pageAsk, pageOf, type Question } from './question.js';

/* Shared subscriptions: who is in them, and what waits for them. */

export type SharedGroupRow = Omit<SharedGroupFacts, 'key'>;

const ROW: z.ZodType<SharedGroupRow> = z.looseObject({
  group: z.string(),
  filter: z.string(),
  tenant: z.string(),
  strategy: z.string(),
  isKept: z.boolean(),
  members: z.int(),
  durableMembers: z.int(),
  onlineMembers: z.int(),
  waiting: z.int(),
  inHand: z.int(),
  oldestAtMs: z.number(),
});

/** Empty: anything. */
export interface SharedGroupsAsk extends PageAsk {
  readonly group: string;
  readonly filter: string;
  readonly tenant: string;
}

const text = z.string().max(65_535).default('');

export const SHARED_GROUPS: Question<SharedGroupsAsk, Page<SharedGroupRow>> = {
  name: 'mqtt-shared-list',
  summary: 'Lists shared subscriptions, with their members and what waits for them',
  asks: z.strictObject({
    ...pageAsk,
    group: text.describe('Names of groups; * and ? stand for any'),
    filter: text.describe('Filters like this; * and ? stand for any'),
    tenant: text.describe('Tenants; * and ? stand for any'),
  }),
  answers: pageOf(ROW),
  http: { method: 'GET', path: '/mqtt/shared' },
};
