import { z } from 'zod';
import { DONE, type Done, type Page, type PageAsk, pageAsk, pageOf, type Question, tenantAsk } from './question.js';

/* Retained messages. */

/** Text where the bytes are UTF-8. */
export type Payload = string | { readonly base64: string };

export const PAYLOAD: z.ZodType<Payload> = z.union([z.string(), z.strictObject({ base64: z.base64() })]);

export interface RetainedRow {
  readonly tenant: string;
  readonly topic: string;
  readonly qos: number;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** Null: never. */
  readonly expiresAtMs: number | null;
}

const retainedRow = {
  tenant: z.string(),
  topic: z.string(),
  qos: z.int(),
  bytes: z.int(),
  receivedAtMs: z.number(),
  expiresAtMs: z.number().nullable(),
};

export interface RetainedListAsk extends PageAsk {
  readonly tenant: string;
  readonly filter: string;
}

export const RETAINED_LIST: Question<RetainedListAsk, Page<RetainedRow>> = {
  name: 'mqtt-retained-list',
  summary: 'Lists retained messages, by topic',
  asks: z.strictObject({
    ...pageAsk,
    tenant: tenantAsk,
    filter: z.string().min(1).max(65_535).default('#').describe('Topic filter'),
  }),
  answers: pageOf(z.looseObject(retainedRow)),
  http: { method: 'GET', path: '/mqtt/retained' },
};

export interface RetainedAsk {
  readonly tenant: string;
  readonly topic: string;
}

const retainedAsk: z.ZodType<RetainedAsk> = z.strictObject({ tenant: tenantAsk, topic: z.string().min(1).max(65_535).describe('Topic') });

export interface RetainedMessage extends RetainedRow {
  readonly payload: Payload;
}

export const RETAINED_SHOW: Question<RetainedAsk, { readonly message: RetainedMessage }> = {
  name: 'mqtt-retained-show',
  summary: 'Shows the retained message of a topic',
  asks: retainedAsk,
  answers: z.looseObject({ message: z.looseObject({ ...retainedRow, payload: PAYLOAD }) }),
  http: { method: 'GET', path: '/mqtt/retained/{topic}' },
};

export const RETAINED_DELETE: Question<RetainedAsk, Done> = {
  name: 'mqtt-retained-delete',
  summary: 'Deletes the retained message of a topic',
  asks: retainedAsk,
  answers: DONE,
  http: { method: 'DELETE', path: '/mqtt/retained/{topic}' },
};

export interface RetainedClearAsk {
  readonly tenant: string;
  readonly filter: string;
}

export const RETAINED_CLEAR: Question<RetainedClearAsk, { readonly deleted: number; readonly silent: readonly number[] }> = {
  name: 'mqtt-retained-clear',
  summary: 'Deletes all retained messages whose topics match a filter',
  asks: z.strictObject({ tenant: tenantAsk, filter: z.string().min(1).max(65_535).describe('Topic filter') }),
  answers: z.looseObject({ deleted: z.int(), silent: z.array(z.int()) }),
  http: { method: 'DELETE', path: '/mqtt/retained' },
};
