import { DROP, DROP_REASONS } from './drops.js';
import type { FamilyKind, Labels } from './exposition.js';
import { HISTOGRAM } from './histogram.js';
import { AUTHENTICATION, ENDING, ENDING_REASONS, REFUSAL, REFUSAL_REASONS } from './refusals.js';
import { COUNT, keysOf, QOS_LEVELS } from './slots.js';

/* What the slots mean: the families of `/metrics` that come from the memory of shards. Labels have few values, all of them known here. */

export interface SlotFamily {
  readonly name: string;
  readonly kind: Exclude<FamilyKind, 'histogram'>;
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, slot: number])[];
}

const MQTT: Labels = { protocol: 'mqtt' };

const PACKET_NAMES: readonly (readonly [name: string, type: number])[] = [
  ['connect', 1],
  ['publish', 3],
  ['puback', 4],
  ['pubrec', 5],
  ['pubrel', 6],
  ['pubcomp', 7],
  ['subscribe', 8],
  ['unsubscribe', 10],
  ['pingreq', 12],
  ['disconnect', 14],
  ['auth', 15],
];

export const MESSAGES_SENT = 'robustmq_messages_sent_total';
export const CONNECTIONS = 'robustmq_connections';

export const SLOT_FAMILIES: readonly SlotFamily[] = [
  {
    name: 'robustmq_messages_received_total',
    kind: 'counter',
    help: 'Messages that clients published',
    samples: byQos(COUNT.messagesReceived),
  },
  {
    name: MESSAGES_SENT,
    kind: 'counter',
    help: 'Messages that were sent to clients, without those that are sent again',
    samples: byQos(COUNT.messagesSent),
  },
  {
    name: 'robustmq_messages_dropped_total',
    kind: 'counter',
    help: 'Messages that did not get where somebody wanted them: once for each receiver, or once where no receiver was known',
    samples: keysOf(DROP).map((name) => [{ ...MQTT, reason: DROP_REASONS[name].reason }, DROP[name]] as const),
  },
  {
    name: 'robustmq_packets_received_total',
    kind: 'counter',
    help: 'Control packets from clients',
    samples: PACKET_NAMES.map(([type, number]) => [{ ...MQTT, type }, COUNT.packetsReceived + number] as const),
  },
  single('robustmq_connections_accepted_total', 'counter', 'Connections that were opened', COUNT.connectionsAccepted),
  {
    name: 'robustmq_connections_refused_total',
    kind: 'counter',
    help: 'Connections that were not let in',
    samples: keysOf(REFUSAL).map((name) => [{ ...MQTT, reason: REFUSAL_REASONS[name] }, REFUSAL[name]] as const),
  },
  {
    name: 'robustmq_connections_ended_total',
    kind: 'counter',
    help: 'Connections that the broker ended',
    samples: keysOf(ENDING).map((name) => [{ ...MQTT, reason: ENDING_REASONS[name] }, ENDING[name]] as const),
  },
  {
    name: 'robustmq_authentications_total',
    kind: 'counter',
    help: 'Authentications, by what became of them',
    samples: keysOf(AUTHENTICATION).map((result) => [{ ...MQTT, result }, AUTHENTICATION[result]] as const),
  },
  single('robustmq_sessions_taken_over_total', 'counter', 'Sessions that another connection took over', COUNT.sessionsTakenOver),
  single('robustmq_keep_alive_expired_total', 'counter', 'Connections that were silent for too long', COUNT.keepAliveExpired),
  single('robustmq_protocol_violations_total', 'counter', 'Packets that break the protocol', COUNT.violations),
  single('robustmq_wills_published_total', 'counter', 'Wills that were published', COUNT.willsPublished),
  single('robustmq_publishers_paused_total', 'counter', 'Times that a publisher was not read for a while', COUNT.publishersPaused),
  single('robustmq_subscriptions_denied_total', 'counter', 'Filters that the rules of access refused', COUNT.deniedSubscriptions),
  {
    name: 'robustmq_delayed_messages_total',
    kind: 'counter',
    help: 'Messages to be published later: taken, and published',
    samples: [
      [{ ...MQTT, event: 'taken' }, COUNT.delayedTaken],
      [{ ...MQTT, event: 'published' }, COUNT.delayedPublished],
    ],
  },
  single(
    'robustmq_quota_rows_missing_total',
    'counter',
    'Connections that were not counted in a quota, because there was no room to',
    COUNT.quotaRowsMissing,
  ),
  single('robustmq_sessions', 'gauge', 'Sessions, whether their clients are there or away', COUNT.sessions),
  single('robustmq_subscriptions', 'gauge', 'Subscriptions of sessions', COUNT.subscriptions),
  single('robustmq_retained_messages', 'gauge', 'Retained messages', COUNT.retained),
];

/** Of each shard for itself. */
export const SHARD_FAMILIES: readonly Omit<SlotFamily, 'samples'>[] = [
  { name: 'robustmq_shard_queue_bytes', kind: 'gauge', help: 'Bytes that wait for other shards outside the rings' },
  { name: 'robustmq_shard_journal_pending_bytes', kind: 'gauge', help: 'Bytes that wait for the disk' },
  { name: 'robustmq_shard_journal_full', kind: 'gauge', help: '1 if the disk of the journal is full' },
];
export const SHARD_SLOTS: Readonly<Record<string, number>> = {
  robustmq_shard_queue_bytes: COUNT.linkBytesWaiting,
  robustmq_shard_journal_pending_bytes: COUNT.journalPendingBytes,
  robustmq_shard_journal_full: COUNT.journalFull,
};

export interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  readonly histogram: number;
}

export const HISTOGRAM_FAMILIES: readonly HistogramFamily[] = [
  {
    name: 'robustmq_wal_fsync_seconds',
    help: 'From when a commit of the journal is sent to the disk until it is there',
    labels: {},
    histogram: HISTOGRAM.walFsync,
  },
  {
    name: 'robustmq_message_latency_seconds',
    help: 'From the first message of a commit until all of it is durable, delivered and acknowledged; one observation per commit',
    labels: MQTT,
    histogram: HISTOGRAM.publishLatency,
  },
  {
    name: 'robustmq_authentication_seconds',
    help: 'From CONNECT until it is known whether the client is let in',
    labels: MQTT,
    histogram: HISTOGRAM.authentication,
  },
];

function byQos(first: number): SlotFamily['samples'] {
  return Array.from({ length: QOS_LEVELS }, (_, qos) => [{ ...MQTT, qos: String(qos) }, first + qos] as const);
}

function single(name: string, kind: SlotFamily['kind'], help: string, slot: number): SlotFamily {
  return { name, kind, help, samples: [[MQTT, slot]] };
}
