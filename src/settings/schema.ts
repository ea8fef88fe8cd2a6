import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { LOG_LEVELS, type LogLevel } from '../base/logger.js';
import { AUDIT_SCHEMA, type AuditSettings, FLAPPING_SCHEMA, type FlappingSettings } from './access-schema.js';
import { AUTH_SCHEMA, type AuthSettings } from './auth-schema.js';
import { BRIDGES_SCHEMA, type BridgeSettings } from './bridge-schema.js';
import { count, DAY, duration, MIB, SECOND, size } from './forms.js';
import { HTTP_SCHEMA, type HttpSettings } from './http-schema.js';
import { JOURNAL_SCHEMA, type JournalSettings, STREAMS_SCHEMA, type StreamSettings } from './journal-schema.js';
import { LIMITS_SCHEMA, type LimitSettings, OVERLOAD_SCHEMA, type OverloadSettings } from './limits-schema.js';
import { LISTENER_SCHEMAS, type ListenersSettings } from './listener-schema.js';
import { GRPC_SCHEMA, type GrpcSettings, METADATA_SCHEMA, type MetadataSettings } from './metadata-schema.js';
import { MQTT_KEPT, type MqttKeptSettings } from './mqtt-kept-schema.js';
import { MQTT_OFFER, type MqttOfferSettings } from './mqtt-offer-schema.js';
import { SHARED_GROUPS_SCHEMA, SHARED_STRATEGY_SCHEMA, type SharedGroupSettings, type SharedStrategySetting } from './shared-schema.js';
import { SLOW_SCHEMA, type SlowSubscriptionSettings } from './slow-schema.js';
import { ALARMS_SCHEMA, type AlarmSettings, SYS_SHAPE, type SysSettings } from './watch-schema.js';

/*
  Every setting: its name, form, default and meaning. The names are those of the TOML file, of `--set` and (in capitals, behind
  ROBUST_MQ_SERVER_) of the environment. In this object durations are milliseconds and sizes bytes.
*/

export type Role = 'meta' | 'broker' | 'journal';

export interface MqttSettings extends MqttKeptSettings, MqttOfferSettings, ListenersSettings, SysSettings {
  readonly slow_subscriptions: SlowSubscriptionSettings;
  readonly connections_max: number;
  /** Milliseconds. */
  readonly connect_timeout: number;
  /** Bytes. */
  readonly packet_bytes_max: number;
  readonly topic_alias_max: number;
  readonly receive_max: number;
  /** Milliseconds; 0: the client chooses. */
  readonly keep_alive_max: number;
  /** Milliseconds. */
  readonly session_expiry_max: number;
  /** Bytes. */
  readonly client_id_bytes_max: number;
  readonly inflight_max: number;
  readonly queue_messages_max: number;
  /** Bytes. */
  readonly queue_bytes_max: number;
  readonly queue_overflow: 'drop-oldest' | 'drop-newest';
  readonly subscriptions_max: number;
  readonly shared_subscription_strategy: SharedStrategySetting;
  readonly shared_groups: readonly SharedGroupSettings[];
  readonly topic_levels_max: number;
  readonly retained_messages_max: number;
  /** Bytes. */
  readonly output_high_mark: number;
  /** Bytes. */
  readonly output_low_mark: number;
  /** Bytes. */
  readonly output_bytes_max: number;
  readonly topics_max: number;
  readonly limits: LimitSettings;
  readonly overload: OverloadSettings;
  readonly flapping: FlappingSettings;
  readonly bridges: readonly BridgeSettings[];
}

export interface Settings {
  readonly node: { readonly id: string };
  readonly roles: readonly Role[];
  /** Absolute. */
  readonly data_path: string;
  readonly runtime: { readonly shards: number; readonly transport: 'auto' | 'native' | 'node'; readonly descriptors_reserved: number };
  readonly log: { readonly level: LogLevel; readonly format: 'auto' | 'pretty' | 'json' };
  readonly security: { readonly profile: 'local' | 'hardened' | 'open' };
  readonly journal: JournalSettings;
  /** Streams that are there in any case, and the topics that are bound to them. */
  readonly streams: readonly StreamSettings[];
  readonly metadata: MetadataSettings;
  readonly grpc: GrpcSettings;
  readonly auth: AuthSettings;
  readonly audit: AuditSettings;
  readonly http: HttpSettings;
  readonly mqtt: MqttSettings;
  readonly alarms: AlarmSettings;
}

export const DATA_PATH_DEFAULT = './data';

/** Settings that a running server takes over at `reload`; all others need a restart. */
export const HOT_PATHS: readonly string[] = ['log.level'];

/** Settings that nobody is shown. Parts of tables are in secrets.ts. */
export const SECRET_PATHS: readonly string[] = ['metadata.token', 'http.token'];

const U16_MAX = 65_535;
/** MQTT 5.0 §1.5.5: four bytes of remaining length, and the fixed header before it. */
const MQTT_PACKET_BYTES_MAX = 268_435_455 + 5;

const mqtt = z.strictObject({
  tcp: LISTENER_SCHEMAS.tcp.prefault({}),
  tls: LISTENER_SCHEMAS.tls.prefault({}),
  ws: LISTENER_SCHEMAS.ws.prefault({}),
  wss: LISTENER_SCHEMAS.wss.prefault({}),
  listeners: LISTENER_SCHEMAS.listeners,
  connections_max: count(200_000, 1, 10_000_000, 'Connections of the node'),
  connect_timeout: duration(10 * SECOND, 100, DAY, 'CONNECT must arrive within'),
  packet_bytes_max: size(2_000_000, 128, MQTT_PACKET_BYTES_MAX, 'Longest packet that is accepted'),
  topic_alias_max: count(10, 0, U16_MAX, 'Topic aliases a client may use'),
  receive_max: count(1000, 1, U16_MAX, 'QoS 1 and 2 publishes a client may have unacknowledged'),
  keep_alive_max: duration(0, 0, U16_MAX * SECOND, 'Longest keep-alive; 0: the client chooses'),
  session_expiry_max: duration(7 * DAY, 0, 0xffff_fffe * SECOND, 'Longest life of a session without its client'),
  client_id_bytes_max: count(U16_MAX, 1, U16_MAX, 'Bytes of a client identifier'),
  inflight_max: count(8192, 1, U16_MAX, 'QoS 1 and 2 deliveries in flight per client'),
  queue_messages_max: count(100_000, 0, 2 ** 30, 'Messages that wait for one session'),
  queue_bytes_max: size(64 * MIB, 0, 2 ** 40, 'Bytes that wait for one session'),
  queue_overflow: z
    .enum(['drop-oldest', 'drop-newest'])
    .default('drop-oldest')
    .describe('What a session without its client loses when more waits for it than it may'),
  subscriptions_max: count(10_000, 1, 10_000_000, 'Subscriptions of one session'),
  shared_subscription_strategy: SHARED_STRATEGY_SCHEMA,
  shared_groups: SHARED_GROUPS_SCHEMA,
  topic_levels_max: count(128, 1, U16_MAX, 'Levels of a topic or filter'),
  retained_messages_max: count(1_000_000, 0, 2 ** 30, 'Retained messages of the node'),
  output_high_mark: size(MIB, 4096, 2 ** 30, 'Output waiting for one client from which QoS 0 is dropped'),
  output_low_mark: size(MIB / 4, 1024, 2 ** 30, 'Output waiting for one client at which that ends'),
  output_bytes_max: size(64 * MIB, 4096, 2 ** 31 - 1, 'Output waiting for one client that ends its connection'),
  ...MQTT_KEPT,
  ...MQTT_OFFER,
  ...SYS_SHAPE,
  slow_subscriptions: SLOW_SCHEMA.prefault({}),
  topics_max: count(262_144, 1024, 2 ** 24, 'Topic names remembered per shard'),
  limits: LIMITS_SCHEMA.prefault({}),
  overload: OVERLOAD_SCHEMA.prefault({}),
  flapping: FLAPPING_SCHEMA.prefault({}),
  bridges: BRIDGES_SCHEMA,
});

export const SETTINGS_SCHEMA: z.ZodType<Settings> = z.strictObject({
  node: z
    .strictObject({
      id: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, . _ - (at most 63)')
        .default('node-1')
        .describe('Name of this node, unique in its cluster'),
    })
    .prefault({}),
  roles: z
    .array(z.enum(['meta', 'broker', 'journal']))
    .min(1)
    .default(['meta', 'broker', 'journal'])
    .describe('What this node does'),
  data_path: z.string().min(1).default(DATA_PATH_DEFAULT).describe('Directory of everything that is kept'),
  runtime: z
    .strictObject({
      shards: count(Math.max(1, availableParallelism() - 1), 1, 256, 'Threads that serve connections'),
      transport: z.enum(['auto', 'native', 'node']).default('auto').describe('auto takes the native transport where it was built'),
      descriptors_reserved: count(
        128,
        0,
        1_000_000,
        'Open files of the process that are kept from clients, for everything else that it opens',
      ),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(LOG_LEVELS).default('info').describe('Lowest level that is written'),
      format: z.enum(['auto', 'pretty', 'json']).default('auto').describe('auto is pretty on a terminal, else json'),
    })
    .prefault({}),
  security: z
    .strictObject({
      profile: z
        .enum(['local', 'hardened', 'open'])
        .default('local')
        .describe('local: who says nothing of itself is let in from this machine; open: from anywhere; hardened: not at all'),
    })
    .prefault({}),
  journal: JOURNAL_SCHEMA.prefault({}),
  streams: STREAMS_SCHEMA,
  metadata: METADATA_SCHEMA.prefault({}),
  grpc: GRPC_SCHEMA.prefault({}),
  auth: AUTH_SCHEMA.prefault({}),
  audit: AUDIT_SCHEMA.prefault({}),
  http: HTTP_SCHEMA.prefault({}),
  mqtt: mqtt.prefault({}),
  alarms: ALARMS_SCHEMA,
});
