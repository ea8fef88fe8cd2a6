import type { GroupId } from '../../journal/ports.js';
import type { FrameMemory } from './durable/frame-memory.js';

/** Frames that outlive their turn: one copy, shared by every session that waits for them. */
export interface StoredRun {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly version: 4 | 5;
  readonly receivedAtMs: number;
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresAtMs: number;
  /** Where the 4-byte Message Expiry Interval stands in `bytes`; -1 if there is none. Only a run of one frame has one. */
  readonly expiryOffset: number;
  /** Where `bytes` are, if that is used again when the last message in it is not wanted any more. */
  readonly memory?: FrameMemory;
}

/** Where the messages of a run are in the log: a sequence for each frame, rising. */
export interface LogPlaces {
  /** Of a message that came from a shared subscription's queue a place (shared/places.ts), which says the group too. */
  readonly group: GroupId;
  readonly sequences: Float64Array;
}

/** A run as a class of receivers gets it. Shared by all of them, never changed. */
export interface Delivery {
  readonly run: StoredRun;
  readonly qos: 0 | 1 | 2;
  readonly retain: 0 | 1;
  /** Encoded Subscription Identifier properties, null if none. */
  readonly identifiers: Uint8Array | null;
  /** Null: the log does not have them, or nobody needs to know. */
  readonly log: LogPlaces | null;
}

/** A copy whose expiry interval is what is left of it (MQTT-3.3.2-6). At least a second: it has not expired yet. */
export function agedFrame(run: StoredRun, nowMs: number): Uint8Array {
  const copy = run.bytes.slice();
  const seconds = Math.max(1, Math.ceil((run.expiresAtMs - nowMs) / 1000));
  new DataView(copy.buffer).setUint32(run.expiryOffset, seconds);
  return copy;
}
