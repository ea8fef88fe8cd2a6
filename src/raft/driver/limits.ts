/** Bounds of one node of Raft. Tests and the simulator make them small, so that they are met. */
export interface DriverLimits {
  /** Entries of one append message. */
  readonly messageBytesMax: number;
  /** Entries that the state machine applies before anything else has its turn. */
  readonly committedBytesMax: number;
  /** Entries that a leader took and that are not committed; above it proposals are refused as busy. */
  readonly uncommittedBytesMax: number;
  readonly inFlightMessagesMax: number;
  readonly inFlightBytesMax: number;
  /** Reads that wait for their round; above it they are refused as busy. */
  readonly readsMax: number;
  /** A snapshot is taken when the entries since the last one have so many bytes, or are so many. */
  readonly snapshotBytes: number;
  readonly snapshotEntries: number;
  /** Entries that stay in the log before a snapshot, so that a member that is a little behind needs no snapshot. */
  readonly trailingEntries: number;
  /** Chunks under way to one peer without an answer, and to the disk. */
  readonly chunksInFlight: number;
}

export const DRIVER_LIMITS: DriverLimits = {
  messageBytesMax: 1024 * 1024,
  committedBytesMax: 4 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  inFlightMessagesMax: 256,
  inFlightBytesMax: 16 * 1024 * 1024,
  readsMax: 100_000,
  snapshotBytes: 64 * 1024 * 1024,
  snapshotEntries: 1_000_000,
  trailingEntries: 10_000,
  chunksInFlight: 8,
};

/** Ticks of 100 ms: a leader is missed after one to two seconds. */
export const ELECTION_TICKS = 10;
export const HEARTBEAT_TICKS = 1;
/** A transfer of a snapshot without an answer for so long has failed; the core tries again. */
export const TRANSFER_TICKS_MAX = 50;
/** A read without an answer for so long is given back: whoever asked may ask again. */
export const READ_TICKS_MAX = 20;
