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
}

/** A run as a class of receivers gets it. Shared by all of them, never changed. */
export interface Delivery {
  readonly run: StoredRun;
  readonly qos: 0 | 1 | 2;
  readonly retain: 0 | 1;
  /** Encoded Subscription Identifier properties, null if none. */
  readonly identifiers: Uint8Array | null;
}
