import type { ConfigurationState, Entry, HardState, LogIndex, NodeId, Snapshot, Term } from './messages.js';

/**
 * What the core reads of the durable log, at once and without waiting. It shows what is durable and nothing else: an entry appears when
 * `storage-append-response` is stepped, not before.
 */
export interface LogReader {
  /** Its commit is at least the index of the newest snapshot. */
  readonly hardState: HardState;
  /** After the last entry that was applied when the node stopped is not known; so: of the snapshot. */
  readonly configuration: ConfigurationState;
  /** First entry that is not compacted; `lastIndex + 1` if there is none. */
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Of an entry, or of the one before the first; null if it is compacted or not yet there. */
  termAt(index: LogIndex): Term | null;
  /** Entries of `[from, to)`, as many as fit in `bytesMax` and at least one; null if `from` is compacted. */
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | null;
  /** The newest; null while there is none to be had. Asked again later. */
  snapshot(): Snapshot | null;
}

/** For what an operator may want to see; nothing depends on it. */
export interface RaftLog {
  info(sentence: string, fields: Readonly<Record<string, number | string | boolean>>): void;
  warn(sentence: string, fields: Readonly<Record<string, number | string | boolean>>): void;
}

export interface RaftOptions {
  readonly id: NodeId;
  readonly log: LogReader;
  /** A follower that hears nothing for so many ticks, up to twice as many by lot, starts an election. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly hasPreVote: boolean;
  /** A leader that does not hear of a majority for an election timeout steps down; without it reads and pre-votes are weaker. */
  readonly hasCheckQuorum: boolean;
  /** Answers to work of storage and state machine come as messages: `responses` of `Ready.storageAppend` and `Ready.storageApply`; there is no `advance`. */
  readonly hasAsyncStorage: boolean;
  /** quorum: a read asks a majority that the leader is still one. lease: it trusts clocks. */
  readonly readMode: 'quorum' | 'lease';
  /** A leader that is no voter any more steps down when that is committed. */
  readonly stepsDownOnRemoval: boolean;
  /** Entries of one append message, in bytes. */
  readonly messageBytesMax: number;
  /** Entries of one `Ready.committedEntries`, in bytes. */
  readonly committedBytesMax: number;
  /** Entries of a leader that are not committed, in bytes: above it proposals are refused. */
  readonly uncommittedBytesMax: number;
  /** Append messages to one follower that are not answered, and their bytes. */
  readonly inFlightMessagesMax: number;
  readonly inFlightBytesMax: number;
  /** Entries up to it are in the state machine at the start. */
  readonly appliedIndex: LogIndex;
  /** Until this entry is in the log again the node neither votes nor campaigns: what it acknowledged once was damaged on its disk. 0: nothing was. */
  readonly votesFrom: LogIndex;
  /**
   * strict, if absent: a change of configuration enters the log only if it can be made, and after an entry of the leader's term is committed. lax: as
   * etcd's checks. none: no check at all. The last two are for scripts.
   */
  readonly changeRule?: 'strict' | 'lax' | 'none';
  /** A number from 0 to `limit - 1`. */
  readonly drawBelow: (limit: number) => number;
  readonly report: RaftLog;
}
