/*
  Why a message did not get where somebody wanted it. Every place that drops one counts it here, once for each receiver that does not get it, or
  once where it was dropped before anybody knew the receivers.
*/

/** Slots of the counters: the row COUNT.dropped. */
export const DROP = {
  queueFull: 24,
  congested: 25,
  expired: 26,
  tooLarge: 27,
  receiverDenied: 28,
  publisherDenied: 29,
  reservedTopic: 30,
  notStored: 31,
  linkFull: 32,
  sessionEnded: 33,
  retainedFull: 34,
  groupEmpty: 35,
  noSubscriber: 36,
  rateLimited: 37,
  deliveryRateLimited: 38,
  overloaded: 39,
  rewriteRefused: 40,
  storageFull: 41,
} as const;

export type DropName = keyof typeof DROP;

export interface DropReason {
  /** As a label of `robustmq_messages_dropped_total`. */
  readonly reason: string;
  /** Whose message: `publish`: nobody got it. `delivery`: one receiver did not. */
  readonly of: 'publish' | 'delivery';
  /** What happened. */
  readonly sentence: string;
  /** Settings that change it; empty: none does. */
  readonly settings: readonly string[];
}

export const DROP_REASONS: Readonly<Record<DropName, DropReason>> = {
  queueFull: {
    reason: 'queue-full',
    of: 'delivery',
    sentence: 'as many messages waited for the session as it may have, while its client was away or slower than they came',
    settings: ['mqtt.queue_messages_max', 'mqtt.queue_bytes_max', 'mqtt.queue_overflow'],
  },
  congested: {
    reason: 'congested',
    of: 'delivery',
    sentence: 'it was QoS 0, and more output waited for the client than it may have before QoS 0 is passed over',
    settings: ['mqtt.output_high_mark'],
  },
  expired: {
    reason: 'expired',
    of: 'delivery',
    sentence: 'its publisher gave it a Message Expiry Interval, which passed before the client could take it',
    settings: [],
  },
  tooLarge: {
    reason: 'too-large',
    of: 'delivery',
    sentence: 'it was larger than the Maximum Packet Size that the client gave in its CONNECT',
    settings: [],
  },
  receiverDenied: {
    reason: 'receiver-denied',
    of: 'delivery',
    sentence: 'the rules of access do not let the client have messages of this topic; `robust-ctl mqtt acl list` shows them',
    settings: [],
  },
  publisherDenied: {
    reason: 'publisher-denied',
    of: 'publish',
    sentence: 'the rules of access do not let its publisher publish to this topic; `robust-ctl mqtt acl list` shows them',
    settings: [],
  },
  reservedTopic: {
    reason: 'reserved-topic',
    of: 'publish',
    sentence: 'only the broker itself publishes to topics like this, which begin with $',
    settings: [],
  },
  notStored: {
    reason: 'not-stored',
    of: 'publish',
    sentence:
      'the journal could not take it, because its disk is full or failed, or the shard that has its log was gone; its publisher heard so',
    settings: ['journal.free_space_min'],
  },
  linkFull: {
    reason: 'link-full',
    of: 'publish',
    sentence: 'the shard that has the receivers did not keep up, and as much waited for it as may',
    settings: ['runtime.shards'],
  },
  sessionEnded: {
    reason: 'session-ended',
    of: 'delivery',
    sentence: 'it waited for a session, or a shared subscription, that ended before a client came for it',
    settings: ['mqtt.session_expiry_max'],
  },
  retainedFull: {
    reason: 'retained-full',
    of: 'publish',
    sentence: 'it was delivered, but not kept as retained message: there are as many as may be, or the disk is full',
    settings: ['mqtt.retained_messages_max'],
  },
  groupEmpty: {
    reason: 'group-empty',
    of: 'delivery',
    sentence: 'it was for a shared subscription whose last member there left while it was under way',
    settings: [],
  },
  noSubscriber: {
    reason: 'no-subscriber',
    of: 'publish',
    sentence: 'nobody was subscribed to its topic, and no stream keeps it',
    settings: [],
  },
  rateLimited: {
    reason: 'rate-limited',
    of: 'publish',
    sentence: 'its publisher, or whoever shares a limit with it, sent more than it may in this time',
    settings: ['mqtt.limits.on_excess'],
  },
  deliveryRateLimited: {
    reason: 'delivery-rate-limited',
    of: 'delivery',
    sentence: 'it was QoS 0, and the client, or whoever shares a limit with it, is sent as much as it may be in this time',
    settings: ['mqtt.limits.client.messages_out_per_second', 'mqtt.limits.client.bytes_out_per_second'],
  },
  overloaded: {
    reason: 'overloaded',
    of: 'publish',
    sentence: 'it was QoS 0, and the shard had more to do than it could, or the process too little memory',
    settings: ['mqtt.overload.enabled', 'mqtt.overload.lag_max', 'mqtt.overload.memory_max'],
  },
  rewriteRefused: {
    reason: 'rewrite-refused',
    of: 'publish',
    sentence: 'a rule of topic rewrite is about its topic, and made no proper topic of it; `robust-ctl mqtt rewrite list` shows them',
    settings: [],
  },
  storageFull: {
    reason: 'storage-full',
    of: 'publish',
    sentence: 'its tenant stores as much on this node as its quota allows; `robust-ctl mqtt tenant set <name> --storage` changes it',
    settings: [],
  },
};
