import type { MqttOffer } from './offer.js';

/** What one shard grants its MQTT clients. Times in milliseconds, sizes in bytes, unless the name says otherwise. */
export interface MqttLimits {
  /** Connections on this shard. */
  readonly connectionsMax: number;
  /** From the accepted connection to a complete CONNECT. */
  readonly connectTimeoutMs: number;
  readonly offer: MqttOffer;
  readonly packetBytesMax: number;
  /** Topic aliases a client may use towards us; we use as many towards it as it allows, up to this number. */
  readonly topicAliasMax: number;
  /** QoS 1 and 2 publishes a client may have unacknowledged (Receive Maximum of the server). */
  readonly receiveMax: number;
  /** 0: the client chooses. */
  readonly keepAliveMaxSeconds: number;
  readonly sessionExpiryMaxSeconds: number;
  readonly clientIdBytesMax: number;
  /** QoS 1 and 2 deliveries in flight per client; the client's Receive Maximum may lower it. */
  readonly inflightMax: number;
  readonly queueMessagesMax: number;
  readonly queueBytesMax: number;
  /** Of more than that the oldest are dropped, else the newest. */
  readonly queueDropsOldest: boolean;
  readonly topicLevelsMax: number;
  readonly outputHighMarkBytes: number;
  readonly outputLowMarkBytes: number;
  readonly outputBytesMax: number;
  /** `$exclusive/...` means something. */
  readonly allowsExclusive: boolean;
  /** Subscriptions of one connection that begin in the past. */
  readonly replaysMax: number;
  /** Longest time that a message may wait to be published. */
  readonly delayedMaxMs: number;
  /** Bytes on their way to the disk from which publishers are not read. */
  readonly journalPendingBytesMax: number;
  /** A test's proof that it can fail: nothing waits for its commit. */
  readonly acknowledgesBeforeFlush: boolean;
}

/**
 * Bytes in flight that a session keeps for a resend. A resend puts all of them into the output at once, and what follows them needs
 * room there too.
 */
export function keptBytesMaxOf(limits: MqttLimits): number {
  return limits.outputBytesMax >>> 1;
}

/** A CONNECT is at most this long: no peer makes us keep more before we know who it is. */
export const CONNECT_BYTES_MAX: number = 60 * 1024;
