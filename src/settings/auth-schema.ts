import { z } from 'zod';
import { AUTH_SOURCE_SCHEMA, type AuthSourceSettings } from './auth-source-schema.js';
import { count, DAY, duration, SECOND } from './forms.js';

/* Who is let in: which sources are asked in which order, and what a node does with those who fail. Durations are milliseconds. */

/** What a listener does otherwise than the rest. */
export interface AuthListenerSettings {
  /** As in the settings: `mqtt.tls`. */
  readonly name: string;
  /** Empty: auth.chain. */
  readonly chain: readonly string[];
  /** auto: auth.anonymous. */
  readonly anonymous: boolean | 'auto';
}

export interface AuthSettings {
  /** auto: with the profiles local and open. */
  readonly anonymous: boolean | 'auto';
  readonly chain: readonly string[];
  readonly methods: readonly ('SCRAM-SHA-256' | 'SCRAM-SHA-512')[];
  readonly refresh: number;
  readonly requests_max: number;
  readonly hashing_threads: number;
  readonly hashes_waiting_max: number;
  readonly failures_max: number;
  readonly backoff: number;
  readonly backoff_max: number;
  readonly sources: readonly AuthSourceSettings[];
  readonly listeners: readonly AuthListenerSettings[];
}

/** Sources that need no settings. certificate: the name that a listener takes from a verified client certificate. psk: the identity of its key. */
export const BUILT_IN_SOURCES: readonly string[] = ['certificate', 'psk', 'users'];

const SOURCES_MAX = 32;
const LISTENERS_MAX = 64;

const anonymous = z
  .union([z.boolean(), z.enum(['auto', 'true', 'false'])])
  .transform((value) => (typeof value === 'string' && value !== 'auto' ? value === 'true' : value))
  .default('auto');

const chain = z.array(z.string().min(1).max(64)).max(SOURCES_MAX);

const listener: z.ZodType<AuthListenerSettings, Readonly<Record<string, unknown>>> = z.strictObject({
  name: z.string().min(1).max(64).describe('Of the listener: mqtt.tls'),
  chain: chain.default([]).describe('Sources in their order; none: auth.chain'),
  anonymous: anonymous.describe('Whether clients that say nothing of themselves are let in here'),
});

export const AUTH_SCHEMA: z.ZodType<AuthSettings, Partial<Record<keyof AuthSettings, unknown>>> = z.strictObject({
  anonymous: anonymous.describe('Whether clients that say nothing of themselves are let in; auto: unless security.profile = "hardened"'),
  chain: chain.default([...BUILT_IN_SOURCES]).describe('Sources that are asked who a client is, in their order'),
  methods: z
    .array(z.enum(['SCRAM-SHA-256', 'SCRAM-SHA-512']))
    .default(['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    .describe('Enhanced authentication that is offered where users are asked'),
  refresh: duration(4 * SECOND, 0, 3600 * SECOND, 'Sources are asked for rights of connected clients again; 0: never'),
  requests_max: count(10_000, 1, 1_000_000, 'Clients of a shard that wait to be let in'),
  hashing_threads: count(1, 1, 64, 'Threads that verify passwords, at a low priority'),
  hashes_waiting_max: count(256, 1, 100_000, 'Passwords that wait to be verified'),
  failures_max: count(5, 1, 1000, 'Wrong passwords for one account from one address before it has to wait'),
  backoff: duration(SECOND, 0, 3600 * SECOND, 'First such wait; it doubles; 0: there is none'),
  backoff_max: duration(60 * SECOND, 0, DAY, 'Longest such wait'),
  sources: z.array(AUTH_SOURCE_SCHEMA).max(SOURCES_MAX).default([]).describe('Sources beside certificate, psk and users'),
  listeners: z.array(listener).max(LISTENERS_MAX).default([]).describe('Listeners with a chain of their own'),
});

export type SecurityProfile = 'local' | 'hardened' | 'open';

/** Whether clients that say nothing of themselves are let in by a listener. */
export function takesAnonymous(auth: AuthSettings, profile: SecurityProfile, listenerName: string): boolean {
  const own = auth.listeners.find(({ name }) => name === listenerName)?.anonymous ?? 'auto';
  const wanted = own === 'auto' ? auth.anonymous : own;
  return wanted === 'auto' ? profile !== 'hardened' : wanted;
}

export function chainOf(auth: AuthSettings, listenerName: string): readonly string[] {
  const own = auth.listeners.find(({ name }) => name === listenerName)?.chain ?? [];
  return own.length > 0 ? own : auth.chain;
}

/** What is wrong with the parts together. @param listeners that there are. */
export function faultsOfAuth(auth: AuthSettings, listeners: readonly string[]): readonly (readonly [path: string, what: string])[] {
  const faults: (readonly [string, string])[] = [];
  const names = auth.sources.map(({ name }) => name);
  const known = [...BUILT_IN_SOURCES, ...names];
  for (const name of new Set(known.filter((one, at) => known.indexOf(one) !== at)))
    faults.push(['auth.sources', BUILT_IN_SOURCES.includes(name) ? `"${name}" is always there` : `"${name}" is there twice`]);
  const lookAt = (path: string, chainHere: readonly string[]): void => {
    for (const name of chainHere) if (!known.includes(name)) faults.push([path, `there is no source "${name}"`]);
    if (new Set(chainHere).size < chainHere.length) faults.push([path, 'names a source twice']);
  };
  lookAt('auth.chain', auth.chain);
  const own = auth.listeners.map(({ name }) => name);
  for (const { name, chain: chainHere } of auth.listeners) {
    if (!listeners.includes(name)) faults.push(['auth.listeners', `there is no listener "${name}"`]);
    lookAt('auth.listeners', chainHere);
  }
  if (new Set(own).size < own.length) faults.push(['auth.listeners', 'names a listener twice']);
  for (const source of auth.sources)
    for (const name of source.listeners)
      if (!listeners.includes(name)) faults.push(['auth.sources', `"${source.name}": there is no listener "${name}"`]);
  if (auth.backoff > auth.backoff_max) faults.push(['auth.backoff', 'is longer than auth.backoff_max']);
  return faults;
}
