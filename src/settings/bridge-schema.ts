import { z } from 'zod';
import { count, duration, SECOND } from './forms.js';

/* Bridges to other MQTT brokers: [[mqtt.bridges]], each with its [[mqtt.bridges.topics]]. Durations are milliseconds. */

export interface BridgeTopicSettings {
  readonly direction: 'out' | 'in' | 'both';
  readonly filter: string;
  readonly qos: number;
  readonly local_prefix: string;
  readonly remote_prefix: string;
}

export interface BridgeSettings {
  readonly name: string;
  readonly url: string;
  readonly version: number;
  readonly client_id: string;
  readonly user: string;
  readonly password: string;
  readonly keep_alive: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly verify: boolean;
  readonly tenant: string;
  readonly local_user: string;
  readonly inflight: number;
  readonly reconnect_min: number;
  readonly reconnect_max: number;
  readonly topics: readonly BridgeTopicSettings[];
}

const topic = z.strictObject({
  direction: z.enum(['out', 'in', 'both']).default('out').describe('From here to there, from there to here, or both'),
  filter: z.string().min(1).max(65_535).describe('Topics, without the prefixes'),
  qos: count(1, 0, 1, 'Highest QoS: 2 becomes 1'),
  local_prefix: z
    .string()
    .regex(/^[^+#]*$/, 'must have no wildcard')
    .default('')
    .describe('What stands before the topics here'),
  remote_prefix: z
    .string()
    .regex(/^[^+#]*$/, 'must have no wildcard')
    .default('')
    .describe('What stands before the topics there'),
});

const bridge = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, . _ - (at most 63)')
    .describe('Name of the bridge'),
  url: z
    .string()
    .regex(/^mqtts?:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/, 'must be mqtt://host:port or mqtts://host:port')
    .describe('The other broker'),
  version: z
    .union([z.literal(4), z.literal(5)])
    .default(5)
    .describe('MQTT 3.1.1 (4) or 5'),
  client_id: z.string().max(1024).default('').describe('Client identifier there; empty: robustmq-<node.id>-<name>'),
  user: z.string().default('').describe('User name there'),
  password: z.string().default('').describe('Password there'),
  keep_alive: duration(60 * SECOND, SECOND, 65_535 * SECOND, 'Longest silence'),
  ca: z.string().default('').describe('Authorities that sign for the other broker (PEM file); empty: those of the system'),
  cert: z.string().default('').describe('Certificate to show (PEM file)'),
  key: z.string().default('').describe('Its private key (PEM file)'),
  verify: z.boolean().default(true).describe('Whether the certificate of the other broker is checked'),
  tenant: z.string().default('default').describe('Whose topics it carries'),
  local_user: z.string().default('').describe('User here, whose rights it has; empty: it may everything'),
  inflight: count(100, 1, 65_535, 'QoS 1 messages in flight, either way'),
  reconnect_min: duration(SECOND, 100, 3600 * SECOND, 'First pause before it connects again'),
  reconnect_max: duration(60 * SECOND, 100, 86_400 * SECOND, 'Longest pause before it connects again'),
  topics: z.array(topic).min(1).max(1000).describe('What it carries'),
});

export const BRIDGES_SCHEMA: z.ZodDefault<z.ZodArray<z.ZodType<BridgeSettings, Readonly<Record<string, unknown>>>>> = z
  .array(bridge as z.ZodType<BridgeSettings, Readonly<Record<string, unknown>>>)
  .max(100)
  .default([])
  .describe('Other brokers with which messages are exchanged');

/** What is wrong with them together. */
export function faultsOfBridges(bridges: readonly BridgeSettings[]): readonly (readonly [path: string, what: string])[] {
  const faults: (readonly [string, string])[] = [];
  const names = bridges.map(({ name }) => name);
  if (new Set(names).size < names.length) faults.push(['mqtt.bridges', 'has a name twice']);
  for (const { name, cert, key, password, user, version } of bridges) {
    if ((cert === '') !== (key === '')) faults.push(['mqtt.bridges', `"${name}": cert and key are given together or not at all`]);
    if (version === 4 && password !== '' && user === '')
      faults.push(['mqtt.bridges', `"${name}": MQTT 3.1.1 has no password without a user`]);
  }
  return faults;
}
