/*
  The storage port: where a lane of the journal keeps its segments. Backends: memory, LMDB; S3 and HDFS for sealed segments later.

  A lane is one writer: all calls come from its shard's thread. Bytes are opaque here; what an entry holds, and its checksum, is the
  journal's affair.

    lane directory
      segment 1   sealed   entries + footers     removed by unlink when everything in it has expired
      segment 2   sealed   entries + footers
      segment 3   active   entries               the only one that is written
      table                small and long-lived  manifest, checkpoints of state
*/

/** Ascending in order of creation, from 1. Not reused. */
export type SegmentId = number;

/** One entry of a group's log. `index` counts from 1 within the group, without gaps. */
export interface SegmentEntry {
  readonly group: number;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/**
 * disk-full: nothing was written, the segment is still usable; reads go on. io-error: what was written is not known; never try again.
 * too-slow: no answer within the deadline, which is treated like io-error. corrupt: the file cannot be read. busy: the process has no descriptor
 * left to open it: try again later. closed: our own doing.
 */
export type StoreFault = 'disk-full' | 'io-error' | 'too-slow' | 'corrupt' | 'busy' | 'closed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly fault: StoreFault;

  constructor(fault: StoreFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.fault = fault;
  }
}

/** Called once. Null: everything is durable. */
export type StoreDone = (error: StoreError | null) => void;

export interface SegmentListing {
  readonly id: SegmentId;
  /** On disk. */
  readonly bytes: number;
  readonly isSealed: boolean;
  /** Set aside because it could not be read. Its bytes are still there, under another name. */
  readonly isQuarantined: boolean;
}

export interface ReadableSegment {
  readonly id: SegmentId;
  /** On disk, as of now. */
  readonly bytes: number;
  /**
   * The entry, in memory that is the caller's; null if there is none.
   * @param take gives memory for so many bytes, or more. @throws StoreError.
   */
  read(group: number, index: number, take?: (length: number) => Uint8Array): Uint8Array | null;
  /** Brings entries into memory in the background, so that `read` does not wait for the disk. Never rejects. */
  prefetch(entries: readonly { readonly group: number; readonly index: number }[]): Promise<void>;
  /** All entries in order of (group, index) from the given one on; `bytes` is valid during the call. Ends when `visit` returns false. */
  scan(visit: (group: number, index: number, bytes: Uint8Array) => boolean, fromGroup?: number, fromIndex?: number): void;
  /** Index of the last entry of a group; 0 if the segment has none of it. */
  lastIndexOf(group: number): number;
  /** The footer with exactly this key; null if there is none. Keys are at most 64 bytes, in byte order. */
  footer(key: Uint8Array): Uint8Array | null;
  /** The footer with the greatest key that is not above `key` and begins with its first `prefixLength` bytes; null if there is none. */
  footerAtOrBefore(key: Uint8Array, prefixLength: number): { readonly key: Uint8Array; readonly value: Uint8Array } | null;
  /** All footers whose keys begin with the prefix, ascending; both arrays are valid during the call. Ends when `visit` returns false. */
  scanFooters(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void;
  close(): void;
}

export interface WritableSegment extends ReadableSegment {
  /**
   * Writes all of the entries or none, and flushes. Several calls may be under way; they become durable in order, and `done` is called in
   * order, never before `append` has returned. `bytes` of the entries must stay unchanged until then.
   */
  append(entries: readonly SegmentEntry[], done: StoreDone): void;
  /** Writes the footers and marks the segment as sealed, in one step. Nothing is appended after it. */
  seal(footers: readonly (readonly [key: Uint8Array, value: Uint8Array])[], done: StoreDone): void;
}

export interface TableChange {
  readonly key: Uint8Array;
  /** Null deletes. */
  readonly value: Uint8Array | null;
}

/** A small ordered table that outlives segments. Keys are at most 512 bytes. */
export interface StateTableStore {
  get(key: Uint8Array): Uint8Array | null;
  /** Ascending; both arrays are valid during the call. Ends when `visit` returns false. */
  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void;
  /** All of it or nothing. Calls may overlap; they are done in order. */
  apply(changes: readonly TableChange[], done: StoreDone): void;
}

export interface SegmentStore {
  readonly kind: 'memory' | 'lmdb';
  readonly table: StateTableStore;
  /** Ascending by id. */
  list(): readonly SegmentListing[];
  create(id: SegmentId): WritableSegment;
  /** The segment that was active when the process ended. @throws StoreError corrupt. */
  reopen(id: SegmentId): WritableSegment;
  /** A sealed segment. @throws StoreError corrupt. */
  open(id: SegmentId): ReadableSegment;
  /** Unlinks a segment that nobody has open. Works on a full disk. */
  remove(id: SegmentId): void;
  /** Sets a segment aside that cannot be trusted: renamed with the reason, never deleted. */
  quarantine(id: SegmentId, why: string): void;
  /** Bytes that can still be written. */
  freeBytes(): number;
  /** Waits for what is under way. Idempotent. */
  close(): Promise<void>;
}
