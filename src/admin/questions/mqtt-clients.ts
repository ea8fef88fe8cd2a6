import { z } from 'zod';
import type { ClientFacts } from '../../protocols/mqtt/operator/ports.js';
import { DONE, type Done, type Page, type PageAsk, pageAsk, pageOf, type Question, tenantAsk } from './question.js';

/* Clients that are connected over MQTT. */

export interface ClientRow extends Omit<ClientFacts, 'key'> {
  readonly shard: number;
}

export const CLIENT_ROW: z.ZodType<ClientRow> = z.looseObject({
  clientId: z.string(),
  tenant: z.string(),
  user: z.string(),
  address: z.string(),
  port: z.int(),
  listener: z.string(),
  version: z.int(),
  connectedAtMs: z.number(),
  keepAliveSeconds: z.number(),
  expirySeconds: z.number().nullable(),
  subscriptions: z.int(),
  queued: z.int(),
  inFlight: z.int(),
  outputBytes: z.number(),
  isCongested: z.boolean(),
  shard: z.int(),
});

/** What a client must be like to be listed. Empty: anything. */
export interface ClientListAsk extends PageAsk {
  readonly match: string;
  readonly user: string;
  readonly address: string;
  readonly tenant: string;
  readonly listener: string;
}

const pattern = (what: string): z.ZodType<string> => z.string().max(65_535).default('').describe(`${what}; * and ? stand for any`);

export const CLIENT_LIST: Question<ClientListAsk, Page<ClientRow>> = {
  name: 'mqtt-client-list',
  summary: 'Lists clients that are connected, by tenant and client identifier',
  asks: z.strictObject({
    ...pageAsk,
    match: pattern('Client identifiers'),
    user: pattern('Users'),
    address: pattern('Addresses'),
    tenant: pattern('Tenants'),
    listener: pattern('Listeners'),
  }),
  answers: pageOf(CLIENT_ROW),
  http: { method: 'GET', path: '/mqtt/clients' },
};

export interface ClientAsk {
  readonly clientId: string;
  readonly tenant: string;
}

const clientAsk: z.ZodType<ClientAsk> = z.strictObject({ clientId: z.string().max(65_535), tenant: tenantAsk });

export const CLIENT_SHOW: Question<ClientAsk, { readonly client: ClientRow }> = {
  name: 'mqtt-client-show',
  summary: 'Shows a client that is connected',
  asks: clientAsk,
  answers: z.looseObject({ client: CLIENT_ROW }),
  http: { method: 'GET', path: '/mqtt/clients/{clientId}' },
};

export const CLIENT_DISCONNECT: Question<ClientAsk, Done> = {
  name: 'mqtt-client-disconnect',
  summary: 'Ends the connection of a client; its session stays as long as it may',
  asks: clientAsk,
  answers: DONE,
  http: { method: 'DELETE', path: '/mqtt/clients/{clientId}' },
};
