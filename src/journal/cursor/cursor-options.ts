import { assert } from '../../base/assert.js';

/*
  Words of the cursor, and how a record goes from one to the other:

                     take                      settle
    unread ------------------------> held ---------------> settled
       |                             |  ^
       | too long, expired           |  | take
       v           reject, limit     v  |  release, deadline
    rejected <---------------------  waiting: `again`, or `delayed` until its time
       |  nextRejected
       v            settleRejected
    burying ------------------------------------------------> settled

    unread     never delivered: costs nothing
    held       delivered to a consumer, under a token, until it settles, releases or rejects it or its deadline passes
    rejected   not to be delivered again, but not settled before its dead letter is safe
    settled    done with for good, never delivered again: one bit, or less
    ready      unread or `again`: what a consumer can be given now
*/

/** Offsets are below 2^52: the upper half of the whole numbers is for places behind all of them. */
export const OFFSET_MAX: number = 2 ** 52 - 1;
/** No deadline, no delay, no expiry. */
export const NEVER = 0;
/** Wherever a token is asked for: whoever holds it, if anybody. For the broker's own use; no token that was handed out is 0. */
export const ANY_TOKEN = 0;
/** A record that has no ordering key. */
export const NO_KEY = 0;

/**
 * What became of a verb. `done` alone changed anything.
 * unknown: no message has this offset. settled: it is settled already. stale: it is not held under this token (any more).
 * full: there is no room to remember it. invalid: a number that is no time, or no offset at all.
 */
export type CursorOutcome = 'done' | 'unknown' | 'settled' | 'stale' | 'full' | 'invalid';

/**
 * empty: nothing is ready for this waiter. full: too many are held, or too many records are remembered. later: the record that is next is
 * not in memory. more: enough was looked at in one call, ask again. spent: the waiter has no credit.
 */
export type TakeStatus = 'taken' | 'empty' | 'full' | 'later' | 'more' | 'spent';

/** Why a record is rejected: by its consumer, delivered too often, too old, too many. */
export type RejectReason = 'rejected' | 'limit' | 'expired' | 'length';
/** Their numbers in the journal: the index. */
export const REJECT_REASONS: readonly RejectReason[] = ['rejected', 'limit', 'expired', 'length'];

/** What is to be known of a record before it is delivered. The cursor's, filled by `RecordReader.look`; it comes as all zeros. */
export interface RecordFacts {
  /** Bytes, for the credit of waiters. */
  size: number;
  /** 0 and more, higher first. Matters where the cursor has priorities. */
  priority: number;
  /** Ordering key or a hash of it, a whole number from 1 on; NO_KEY if it has none. Matters where the cursor has locks. */
  key: number;
  /** When it is too old to be delivered; NEVER if that does not happen. */
  expiresAt: number;
}

/** The log as the cursor sees it. */
export interface RecordReader {
  /**
   * ok: `facts` are filled. skip: not for this cursor (filtered out, gone from the log), to be settled in passing. later: not in memory.
   * Called before each delivery of a record, may be called more often.
   */
  look(offset: number, facts: RecordFacts): 'ok' | 'skip' | 'later';
}

export interface CursorOptions {
  /** In which order released records come back: by their place in the log, or as they were released. Before everything else in any case. */
  readonly redelivery: 'offset' | 'release';
  /** A record whose deliveries failed so often is rejected instead of delivered again. 0: no limit. */
  readonly deliveriesMax: number;
  /** Records held at a time. */
  readonly heldMax: number;
  /** Records held, waiting and rejected together: about 64 bytes each. Nothing new is delivered beyond. */
  readonly recordsMax: number;
  /** Levels of priority, 1 to 256; a higher priority counts as the highest level. 1: the order of the log. */
  readonly priorities: number;
  /** True: records of one ordering key are in the hands of one consumer at a time, in their order. `redelivery` is by offset then. */
  readonly hasLocks: boolean;
  /** How far is looked ahead, in records, for a higher priority, a free key or one that a waiter's filter accepts; about 40 bytes each. */
  readonly scanAhead: number;
  /** Records that are ready, at most. 0: no limit. */
  readonly lengthMax: number;
  /** What gives way at `lengthMax`: the oldest ready record (`dropExcess`), or the new one (`admits`). */
  readonly overflow: 'drop-head' | 'reject-publish';
  /** Rejected records are kept until `settleRejected`; without, they are settled at once. */
  readonly keepsRejected: boolean;
  /** False for what need not outlive the process: no journal is written. */
  readonly isJournaled: boolean;
  /** A snapshot is begun after so many deltas at the latest. */
  readonly deltasMax: number;
  /** About the size of a row of a snapshot. */
  readonly chunkBytes: number;
  /**
   * Tokens count up from here. A token of an earlier life must not fit a later one: where tokens outlive the process (RocketMQ's handles), give
   * the start time in milliseconds * 1024.
   */
  readonly tokenFirst: number;
}

export const CURSOR_DEFAULTS: CursorOptions = {
  redelivery: 'offset',
  deliveriesMax: 0,
  heldMax: 2 ** 20,
  recordsMax: 2 ** 20,
  priorities: 1,
  hasLocks: false,
  scanAhead: 4096,
  lengthMax: 0,
  overflow: 'drop-head',
  keepsRejected: false,
  isJournaled: true,
  deltasMax: 1024,
  chunkBytes: 16 * 1024,
  tokenFirst: 1,
};

/** @returns the defaults with what is given in their place. They come from our own code: a wrong one is a bug. */
export function completeOptions(given: Partial<CursorOptions>): CursorOptions {
  const options = { ...CURSOR_DEFAULTS, ...given };
  assert(options.heldMax >= 1 && options.recordsMax >= 1 && options.recordsMax <= 2 ** 26, 'a cursor can hold a record');
  assert(options.deliveriesMax >= 0 && options.lengthMax >= 0, 'limits are not negative');
  assert(options.scanAhead >= 1 && options.scanAhead <= 2 ** 20, 'it looks ahead a record at least');
  assert(options.deltasMax >= 1 && options.chunkBytes >= 1, 'a journal has deltas and chunks');
  assert(Number.isInteger(options.priorities) && options.priorities >= 1 && options.priorities <= 256, 'there are 1 to 256 priorities');
  assert(Number.isSafeInteger(options.tokenFirst) && options.tokenFirst > ANY_TOKEN, 'no token is 0');
  return options;
}

/** A delivery; the caller's, filled by `take`, so that none is made for each message. */
export interface Taken {
  offset: number;
  /** Settle, release, extend and reject ask for it. ANY_TOKEN if it was settled at once. */
  token: number;
  /** Which delivery of this record it is, from 1, as far as deliveries counted. */
  count: number;
  /** It was delivered before, or may have been before a crash. */
  isRedelivered: boolean;
}

export function newTaken(): Taken {
  return { offset: 0, token: ANY_TOKEN, count: 0, isRedelivered: false };
}

/** How a record goes back. Adapters keep a few of these as constants. */
export interface Release {
  /** Not to be seen for so long; 0: ready at once. */
  readonly delayMs: number;
  /** Whether this delivery counts as failed. */
  readonly counts: boolean;
  /** Where it comes back among those that wait: where the cursor's `redelivery` says, before all or after all of them. Not with locks. */
  readonly position: 'order' | 'front' | 'back';
}

export const RELEASE: Release = { delayMs: 0, counts: false, position: 'order' };
export const RELEASE_COUNTED: Release = { delayMs: 0, counts: true, position: 'order' };

/** A rejected record; the caller's, filled by `nextRejected`. */
export interface Rejected {
  offset: number;
  /** Failed deliveries. */
  count: number;
  reason: RejectReason;
}

export function newRejected(): Rejected {
  return { offset: 0, count: 0, reason: 'rejected' };
}

export interface CursorStats {
  /** All below is settled. */
  readonly floor: number;
  readonly tail: number;
  /** Unread and waiting without a delay. */
  readonly ready: number;
  /** Delivered and neither settled nor released. */
  readonly unacked: number;
  readonly delayed: number;
  readonly rejected: number;
  /** Settled although nobody accepted them: skipped, gone, or rejected without dead letters. Since the cursor was made. */
  readonly dropped: number;
  /** Estimate of the memory that it takes beyond a few hundred bytes. */
  readonly bytes: number;
}

/** An offset as a peer may have made it up. */
export function isOffset(offset: number): boolean {
  return Number.isSafeInteger(offset) && offset >= 0 && offset <= OFFSET_MAX;
}

/** A moment or a length in milliseconds as a peer may have made it up. */
export function isTime(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
