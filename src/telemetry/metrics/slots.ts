/*
  The counters of a shard: one Float64 each in memory that main sees too and that outlives the shard. Only the shard writes them, with plain
  increments; main reads them when somebody asks. The list is closed: a counter is a line here, and in `families.ts` its meaning.

    counts:   counters, each a slot or a row of slots: `counts[COUNT.messagesReceived + qos] += 1`
    gauges:   how things are now; main sets them to 0 when the shard is gone
    buckets:  histograms (histogram.ts)

  Slots may be renumbered: they live as long as the process.
*/

/** Control packets by their type, 0 to 15. */
export const PACKET_TYPES = 16;
/** By QoS. */
export const QOS_LEVELS = 3;
export const REFUSALS_MAX = 16;
export const AUTHENTICATION_RESULTS_MAX = 8;
export const DROPS_MAX = 32;
export const ENDINGS_MAX = 16;
/** Listeners of a node that are told apart; the last stands for all others. */
export const LISTENERS_MAX = 64;

export const COUNT = {
  /** Row, by QoS. */
  messagesReceived: 0,
  /** Row, by QoS: handed to the transport, whatever became of it there. */
  messagesSent: 3,
  /** Row, by packet type. */
  packetsReceived: 8,
  /** Row, by drops.ts. */
  dropped: 24,
  /** Row, by refusals.ts. */
  connectionsRefused: 56,
  /** Row, by refusals.ts. */
  authentications: 72,
  connectionsAccepted: 80,
  sessionsTakenOver: 81,
  keepAliveExpired: 82,
  violations: 83,
  willsPublished: 84,
  publishersPaused: 85,
  deniedSubscriptions: 86,
  /** Messages that were taken to be published later, and those that were published. */
  delayedTaken: 87,
  delayedPublished: 88,
  /** Connections that were not counted in a quota, because there was no room to. */
  quotaRowsMissing: 89,
  /** Row, by refusals.ts: connections that we ended. */
  connectionsEnded: 96,

  /** Gauges from here on. */
  sessions: 112,
  subscriptions: 113,
  retained: 114,
  linkBytesWaiting: 115,
  journalPendingBytes: 116,
  /** 1: its disk is full. */
  journalFull: 117,
  /** Row, by the listener's tag. */
  connections: 120,
} as const;

export const GAUGES_FIRST: number = COUNT.sessions;
export const COUNTS_COUNT: number = COUNT.connections + LISTENERS_MAX;

/** Of a closed list. */
export function keysOf<K extends string>(list: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(list) as K[]; // A list has no others.
}
