import { z } from 'zod';
import { count } from './forms.js';

/* Settings of the HTTP port, by which monitoring and operators' programs reach the node. */

export interface HttpSettings {
  readonly enabled: boolean;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Of whoever may use the API; empty: one is made at the first start, in data_path/secrets/http-token. */
  readonly token: string;
  /** Who may read `/metrics` without the token. */
  readonly metrics: 'loopback' | 'anybody' | 'nobody';
}

export const HTTP_SCHEMA: z.ZodType<HttpSettings, Partial<Record<keyof HttpSettings, unknown>>> = z.strictObject({
  enabled: z.boolean().default(true).describe('Metrics, health and the API over HTTP'),
  host: z.string().min(1).max(255).default('127.0.0.1').describe('Address to listen on'),
  port: count(58_080, 0, 65_535, 'Port; 0 picks a free one'),
  token: z
    .string()
    .regex(/^$|^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 printable characters without blanks')
    .default('')
    .describe('Secret of whoever may use the API; empty: one is made at the first start, in data_path/secrets/http-token'),
  metrics: z
    .enum(['loopback', 'anybody', 'nobody'])
    .default('loopback')
    .describe('Who may read /metrics without the token: programs of this machine, anybody, nobody'),
});
