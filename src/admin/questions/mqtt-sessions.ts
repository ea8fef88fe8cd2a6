import { z } from 'zod';
import { type Page, type PageAsk, pageAsk, pageOf, type Question, tenantAsk } from './question.js';

/* Sessions of MQTT clients, whether the client is there or away. */

export interface SessionRow {
  /** Where a list goes on. */
  readonly key: string;
  readonly clientId: string;
  readonly tenant: string;
  readonly shard: number;
  readonly state: string;
  readonly sinceMs: number | null;
  readonly expirySeconds: number | null;
  readonly endsAtMs: number | null;
  readonly version: number;
  readonly isDurable: boolean;
  readonly subscriptions: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly waitsMore: boolean;
}

const sessionRow = {
  key: z.string(),
  clientId: z.string(),
  tenant: z.string(),
  shard: z.int(),
  state: z.string(),
  sinceMs: z.number().nullable(),
  expirySeconds: z.number().nullable(),
  endsAtMs: z.number().nullable(),
  version: z.int(),
  isDurable: z.boolean(),
  subscriptions: z.int(),
  inFlight: z.int(),
  waiting: z.int(),
  waitsMore: z.boolean(),
};

export interface SessionPage extends SessionRow {
  readonly queuedBytes: number;
  readonly filters: readonly { readonly filter: string; readonly options: { readonly qos: number } }[];
  readonly cursors: readonly {
    readonly group: number;
    readonly owner: number;
    readonly floor: number;
    readonly next: number;
    readonly taken: number;
    readonly isLive: boolean;
  }[];
  readonly will: {
    readonly topic: string;
    readonly qos: number;
    readonly retain: boolean;
    readonly delaySeconds: number;
    readonly bytes: number;
  } | null;
  readonly counters: Readonly<Record<string, number>>;
}

const silent = z.array(z.int());

/** Of what was asked of all shards: numbers of those that did not answer. */
export interface Answer {
  readonly silent: readonly number[];
}

export interface SessionList extends Answer {
  readonly sessions: readonly SessionRow[];
  readonly total: number;
}

export const SESSION_LIST: z.ZodType<SessionList> = z.looseObject({ sessions: z.array(z.looseObject(sessionRow)), total: z.int(), silent });

export const SESSION_PAGE: z.ZodType<Answer & { readonly session: SessionPage }> = z.looseObject({
  session: z.looseObject({
    ...sessionRow,
    queuedBytes: z.number(),
    filters: z.array(z.looseObject({ filter: z.string(), options: z.looseObject({ qos: z.int() }) })),
    cursors: z.array(
      z.looseObject({ group: z.int(), owner: z.int(), floor: z.number(), next: z.number(), taken: z.int(), isLive: z.boolean() }),
    ),
    will: z.looseObject({ topic: z.string(), qos: z.int(), retain: z.boolean(), delaySeconds: z.number(), bytes: z.number() }).nullable(),
    counters: z.record(z.string(), z.number()),
  }),
  silent,
});

export const SESSION_END: z.ZodType<{ readonly clientId: string }> = z.looseObject({ clientId: z.string() });

export interface SessionsAsk extends PageAsk {
  readonly match: string;
}

/** One session. */
export interface SessionAsk {
  readonly clientId: string;
  readonly tenant: string;
}

const sessionAsk: z.ZodType<SessionAsk> = z.strictObject({
  clientId: z.string().max(65_535).describe('Client identifier'),
  tenant: tenantAsk,
});

export const SESSIONS: Question<SessionsAsk, Page<SessionRow>> = {
  name: 'mqtt-session-list',
  summary: 'Lists sessions, by tenant and client identifier',
  asks: z.strictObject({
    ...pageAsk,
    match: z.string().max(65_535).default('').describe('Client identifiers; * and ? stand for any'),
  }),
  answers: pageOf(z.looseObject(sessionRow)),
  http: { method: 'GET', path: '/mqtt/sessions' },
};

export const SESSION_SHOW: Question<SessionAsk, Answer & { readonly session: SessionPage }> = {
  name: 'mqtt-session-show',
  summary: 'Shows all of one session',
  asks: sessionAsk,
  answers: SESSION_PAGE,
  http: { method: 'GET', path: '/mqtt/sessions/{clientId}' },
};

export const SESSION_DELETE: Question<SessionAsk, { readonly clientId: string }> = {
  name: 'mqtt-session-delete',
  summary: 'Ends a session and its connection; what waits for it is lost',
  asks: sessionAsk,
  answers: SESSION_END,
  http: { method: 'DELETE', path: '/mqtt/sessions/{clientId}' },
};
