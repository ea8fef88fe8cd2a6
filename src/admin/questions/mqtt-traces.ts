import { z } from 'zod';
import { DONE, type Done, type Page, type PageAsk, pageAsk, pageOf, type Question, tenantAsk } from './question.js';

/* Traces of packets: of one client, topic or address. */

const MINUTE_SECONDS = 60;
const DAY_SECONDS = 86_400;
const MIB = 2 ** 20;

/** It is a file's name too. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be letters, digits, . _ - (at most 64)')
  .describe('Name of the trace');

export interface TraceStartAsk {
  readonly name: string;
  readonly kind: 'client' | 'topic' | 'address';
  readonly value: string;
  readonly tenant: string;
  readonly seconds: number;
  readonly bytesMax: number;
  readonly payloadBytesMax: number;
}

export const TRACE_START: Question<TraceStartAsk, Done> = {
  name: 'mqtt-trace-start',
  summary: 'Starts to write down the packets of a client, a topic or an address',
  asks: z.strictObject({
    name,
    kind: z.enum(['client', 'topic', 'address']),
    value: z.string().min(1).max(65_535).describe('Client identifier or address, with * and ?, or a topic filter'),
    tenant: tenantAsk,
    seconds: z
      .int()
      .min(1)
      .max(DAY_SECONDS)
      .default(10 * MINUTE_SECONDS)
      .describe('It ends by itself after so long'),
    bytesMax: z
      .int()
      .min(1024)
      .max(1024 * MIB)
      .default(10 * MIB)
      .describe('It ends by itself when it is so long'),
    payloadBytesMax: z.int().min(0).max(4096).default(0).describe('So many bytes of each payload are shown, in hexadecimal'),
  }),
  answers: DONE,
  http: { method: 'POST', path: '/mqtt/traces' },
};

export interface TraceListRow {
  readonly name: string;
  readonly isRunning: boolean;
  /** `client sensor-*`; empty: it ended. */
  readonly of: string;
  readonly bytes: number;
  readonly changedAtMs: number;
  /** Null: it ended. */
  readonly endsAtMs: number | null;
  /** Packets that found no room. */
  readonly lost: number;
}

export const TRACE_LIST: Question<PageAsk, Page<TraceListRow>> = {
  name: 'mqtt-trace-list',
  summary: 'Lists traces, those that run and those that ended, by name',
  asks: z.strictObject(pageAsk),
  answers: pageOf(
    z.looseObject({
      ...{ name: z.string(), isRunning: z.boolean(), of: z.string(), bytes: z.number(), changedAtMs: z.number() },
      ...{ endsAtMs: z.number().nullable(), lost: z.int() },
    }),
  ),
  http: { method: 'GET', path: '/mqtt/traces' },
};

export interface TraceAsk {
  readonly name: string;
}

export const TRACE_STOP: Question<TraceAsk, Done> = {
  name: 'mqtt-trace-stop',
  summary: 'Ends a trace; what it has stays',
  asks: z.strictObject({ name }),
  answers: DONE,
  http: { method: 'POST', path: '/mqtt/traces/{name}/stop' },
};

export const TRACE_DELETE: Question<TraceAsk, Done> = {
  name: 'mqtt-trace-delete',
  summary: 'Deletes a trace that ended',
  asks: z.strictObject({ name }),
  answers: DONE,
  http: { method: 'DELETE', path: '/mqtt/traces/{name}' },
};

export interface TracePage {
  readonly base64: string;
  /** Where to go on; null: that was all there is. */
  readonly next: number | null;
}

export const TRACE_READ: Question<TraceAsk & { readonly offset: number }, TracePage> = {
  name: 'mqtt-trace-read',
  summary: 'Reads a trace, in pages of bytes',
  asks: z.strictObject({ name, offset: z.coerce.number().int().min(0).default(0).describe('`next` of the page before') }),
  answers: z.looseObject({ base64: z.string(), next: z.int().nullable() }),
  http: { method: 'GET', path: '/mqtt/traces/{name}' },
};
