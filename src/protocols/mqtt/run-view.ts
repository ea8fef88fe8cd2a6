import { assert } from '../../base/assert.js';
import { NO_PUBLISHER, NOT_LOGGED, type ShardId } from '../../broker/ports.js';
import type { ConnectionId, SpaceId } from '../../transport/ports.js';
import { decodePublishProperties, PublishView } from './decode-publish.js';
import { OWN_SHARD } from './pending-runs.js';
import type { MqttSession } from './session.js';
import type { LogPlaces, StoredRun } from './stored-run.js';

/** The bytes are in no space the transport knows: they are copied when a block is built of them. */
export const NO_SPACE = -1;
export const NO_CONNECTION = -1;

/** The run that is being delivered. One per shard, filled anew for each: no allocation per publish. */
export class RunView {
  space: SpaceId = NO_SPACE;
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;
  count = 0;
  version: 4 | 5 = 4;
  qos: 0 | 1 | 2 = 0;
  retain: 0 | 1 = 0;
  /** Who published, for No Local; NO_CONNECTION and null if nobody of this shard. */
  connection: ConnectionId = NO_CONNECTION;
  session: MqttSession | null = null;
  /** The shard of the publisher and its connection there, where that is another one. */
  publisherShard: ShardId = OWN_SHARD;
  publisher: number = NO_PUBLISHER;
  /** Of the publisher's client identifier, where `session` does not say; 0: nobody asked for it. */
  publisherHash = 0;
  /** As the plan has it, while slow subscriptions are looked for; null: nobody said it. */
  topicName: string | null = null;
  /** Where its records are: the group, and the sequence of the first. NOT_LOGGED and 0 if nowhere. */
  logGroup: number = NOT_LOGGED;
  sequence = 0;
  #stored: StoredRun | null = null;
  #places: LogPlaces | null = null;

  set(space: SpaceId, bytes: Uint8Array, offset: number, length: number, count: number, version: 4 | 5): void {
    assert(count > 0 && length > 0, 'a run has a frame');
    this.space = space;
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.count = count;
    this.version = version;
    const first = bytes[offset];
    this.qos = ((first >> 1) & 3) as 0 | 1 | 2;
    this.retain = (first & 1) as 0 | 1;
    this.connection = NO_CONNECTION;
    this.session = null;
    this.publisherShard = OWN_SHARD;
    this.publisher = NO_PUBLISHER;
    this.publisherHash = 0;
    this.topicName = null;
    this.logGroup = NOT_LOGGED;
    this.sequence = 0;
    this.#stored = null;
    this.#places = null;
  }

  /** A copy that lives on, made once for all who ask. */
  stored(nowMs: number): StoredRun {
    this.#stored ??= storeRun(this.bytes, this.offset, this.length, this.count, this.version, nowMs);
    return this.#stored;
  }

  /** Where its records are, made once; null if nowhere. */
  get places(): LogPlaces | null {
    if (this.logGroup < 0) return null;
    this.#places ??= { group: this.logGroup, sequences: Float64Array.from({ length: this.count }, (_, i) => this.sequence + i) };
    return this.#places;
  }
}

const view = new PublishView();

/** Copies a run. Frames with properties come alone, so a run of several has no expiry. */
export function storeRun(bytes: Uint8Array, offset: number, length: number, count: number, version: 4 | 5, nowMs: number): StoredRun {
  return describeRun(bytes.slice(offset, offset + length), count, version, nowMs);
}

/** A run in memory that stays as it is. */
export function describeRun(bytes: Uint8Array, count: number, version: 4 | 5, nowMs: number): StoredRun {
  if (version === 4 || count > 1) return { bytes, count, version, receivedAtMs: nowMs, expiresAtMs: 0, expiryOffset: -1 };
  decodePublishProperties(bytes, 0, bytes.length, version, view);
  const expiresAtMs = view.expirySeconds < 0 ? 0 : nowMs + view.expirySeconds * 1000;
  return { bytes, count, version, receivedAtMs: nowMs, expiresAtMs, expiryOffset: view.expiryOffset };
}
