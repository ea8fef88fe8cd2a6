import type { CommitNumber, GroupId, GroupLog, OpenBatch, RecordBatch } from '../../journal/ports.js';
import type { LogTarget } from '../ports.js';

/* What protocols see of delayed messages. On the shard's thread. */

/** Appends exactly one record: a message that is due at `dueMs`. */
export type DelayedWriter = (batch: OpenBatch, dueMs: number) => void;

/** @param batch positioned at the record; null if it is gone or damaged. @returns false: this one is the last. */
export type DueVisitor = (dueMs: number, batch: RecordBatch | null) => boolean;

/** A message that waits. */
export interface DelayedRow {
  /** Names it for operators, as long as it waits. */
  readonly id: string;
  readonly dueMs: number;
  /** Good during the call; null: its record cannot be read. */
  readonly batch: RecordBatch | null;
}

/** Those of one group of the journal. */
export interface DueMessages {
  readonly id: GroupId;
  /** Something is due, and nothing is under way. */
  hasDue(nowMs: number): boolean;
  /** Messages that were taken and are not settled yet. */
  readonly isUnderWay: boolean;
  /** Takes what is due, in order. @throws StoreError busy: what was visited before is taken. */
  take(nowMs: number, visit: DueVisitor): void;
  /** Those that were taken are published in the open commit: the note that they were rides in it. */
  pass(): void;
  /** That commit is durable. */
  settle(): void;
  /** They could not be published: they are due again. */
  giveBack(): void;
}

export interface Delayed {
  readonly count: number;
  /** No more are taken. */
  readonly isFull: boolean;
  groups(): IterableIterator<DueMessages>;
  /** The group in which messages for a log wait. */
  groupOf(target: LogTarget): GroupId;
  /** Of a log of this shard: the group, to keep what must be durable with the message. */
  logOf(target: LogTarget): GroupLog | undefined;
  /** Keeps a message for a log of this shard. @returns the commit that it is in. */
  append(target: LogTarget, nowMs: number, dueMs: number, write: DelayedWriter): CommitNumber;
  onCommitted(commit: CommitNumber): void;
  /** The records of a commit do not exist. */
  onLost(commit: CommitNumber): void;
  /** Gives back the disk space of what was delivered. */
  trim(): void;
  /** @returns false if it does not wait here, or is being delivered. */
  cancel(id: string): boolean;
  /** Rows behind `after` (an id, or '') in an order that stays, until `visit` returns false. */
  list(after: string, visit: (row: DelayedRow) => boolean): void;
}

/** Between the shard of a client and the one where its message waits. */
export type DelayMessage =
  /** A message of a client of that shard, to be published later: answered by `delayed`. */
  | {
      readonly kind: 'delay';
      readonly ticket: number;
      /** One PUBLISH with the topic that it is published to. */
      readonly frame: Uint8Array;
      readonly version: 4 | 5;
      readonly dueMs: number;
      readonly tenant: string;
      /** Client identifier of who published it. */
      readonly publisher: string;
      /** Of a QoS 2 publish of a durable session: its number. 0 else. */
      readonly session: number;
    }
  /** `refusal`: a reason code of MQTT 5; 0: it is durable. */
  | { readonly kind: 'delayed'; readonly ticket: number; readonly refusal: number };
