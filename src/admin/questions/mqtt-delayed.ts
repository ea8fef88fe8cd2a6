import { z } from 'zod';
import type { DelayedFacts } from '../../protocols/mqtt/operator/ports.js';
import { DONE, type Done, type Page, type PageAsk, pageAsk, pageOf, type Question, tenantAsk } from './question.js';

/* Messages that wait to be published. */

export type DelayedRow = DelayedFacts;

const delayedRow = {
  id: z.string(),
  tenant: z.string(),
  topic: z.string(),
  publisher: z.string(),
  qos: z.int(),
  isRetained: z.boolean(),
  bytes: z.int(),
  receivedAtMs: z.number(),
  dueAtMs: z.number(),
};

export interface DelayedListAsk extends PageAsk {
  readonly tenant: string;
  readonly filter: string;
}

export const DELAYED_LIST: Question<DelayedListAsk, Page<DelayedRow>> = {
  name: 'mqtt-delayed-list',
  summary: 'Lists messages that wait to be published',
  asks: z.strictObject({
    ...pageAsk,
    tenant: tenantAsk,
    filter: z.string().min(1).max(65_535).default('#').describe('Topic filter'),
  }),
  answers: pageOf(z.looseObject(delayedRow)),
  http: { method: 'GET', path: '/mqtt/delayed' },
};

export interface DelayedCancelAsk {
  readonly id: string;
}

export const DELAYED_CANCEL: Question<DelayedCancelAsk, Done> = {
  name: 'mqtt-delayed-cancel',
  summary: 'Cancels a message that waits to be published',
  asks: z.strictObject({ id: z.string().min(1).max(64).describe('As `mqtt delayed list` shows it') }),
  answers: DONE,
  http: { method: 'DELETE', path: '/mqtt/delayed/{id}' },
};

export interface DelayedClearAsk {
  readonly tenant: string;
  readonly filter: string;
}

export const DELAYED_CLEAR: Question<DelayedClearAsk, { readonly cancelled: number; readonly silent: readonly number[] }> = {
  name: 'mqtt-delayed-clear',
  summary: 'Cancels all messages that wait to be published to topics that match a filter',
  asks: z.strictObject({ tenant: tenantAsk, filter: z.string().min(1).max(65_535).describe('Topic filter') }),
  answers: z.looseObject({ cancelled: z.int(), silent: z.array(z.int()) }),
  http: { method: 'DELETE', path: '/mqtt/delayed' },
};
