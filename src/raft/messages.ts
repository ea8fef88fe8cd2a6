/*
  The words of the protocol, as in Ongaro's thesis and etcd/raft. All of them are data that nobody changes once they are made.
*/

/** A member, for all time: a number is never given to another machine, nor to the same one with an empty disk. Whole, from 1. */
export type NodeId = number;
/** Nobody: no leader, no vote. */
export const NO_NODE: NodeId = 0;
/** Grows by one with each election that somebody starts. */
export type Term = number;
/** Place in the log; the first entry has 1. */
export type LogIndex = number;

export type EntryType = 'normal' | 'configuration';

export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  /** What the state machine makes of it; empty for the entry with which a leader begins its term. */
  readonly data: Uint8Array;
}

/** What a node must not forget: durable before any message that stands on it. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: LogIndex;
}

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: NO_NODE, commit: 0 };

/** Who is a member, in increasing order. While two sets of voters hold (`votersOutgoing` is not empty) decisions need a majority of each. */
export interface ConfigurationState {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing set that become learners when it is left. */
  readonly learnersNext: readonly NodeId[];
  /** The outgoing set is left without anybody's asking. */
  readonly autoLeave: boolean;
}

export const EMPTY_CONFIGURATION: ConfigurationState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** The state after `index`. `data` is the state itself in tests, and what is needed to find it (`driver/snapshot-mark.ts`) where it is large. */
export interface Snapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: ConfigurationState;
  readonly data: Uint8Array;
}

export type ChangeType = 'add-voter' | 'add-learner' | 'remove' | 'update';

export interface SingleChange {
  readonly type: ChangeType;
  readonly node: NodeId;
}

/** auto: joint only if more than one voter changes, and left by itself. implicit: joint, left by itself. explicit: joint, left by an empty change. */
export type ChangeTransition = 'auto' | 'implicit' | 'explicit';

/** Data of an entry of type `configuration`. Without changes it leaves the joint configuration. */
export interface ConfigurationChange {
  readonly transition: ChangeTransition;
  readonly changes: readonly SingleChange[];
  /** For whoever asked. */
  readonly context: Uint8Array;
}

/**
 * campaign, beat, check-quorum, unreachable, snapshot-status and forget-leader never leave the node. storage-append and storage-apply are work
 * that the node gives to its storage and its state machine; their responses come back to it.
 */
export type MessageType =
  | 'campaign'
  | 'beat'
  | 'propose'
  | 'append'
  | 'append-response'
  | 'vote'
  | 'vote-response'
  | 'snapshot'
  | 'heartbeat'
  | 'heartbeat-response'
  | 'unreachable'
  | 'snapshot-status'
  | 'check-quorum'
  | 'transfer-leader'
  | 'timeout-now'
  | 'read-index'
  | 'read-index-response'
  | 'pre-vote'
  | 'pre-vote-response'
  | 'storage-append'
  | 'storage-append-response'
  | 'storage-apply'
  | 'storage-apply-response'
  | 'forget-leader';

/** One shape for all, so that the engine sees one. A field that a type does not use is 0, empty or null. */
export interface Message {
  readonly type: MessageType;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  /** append: term of the entry before the first. vote: of the candidate's last entry. append-response: at the hint. */
  readonly logTerm: Term;
  /** append: index of the entry before the first. vote: of the candidate's last entry. append-response: last entry that is durable. */
  readonly index: LogIndex;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
  readonly vote: NodeId;
  readonly snapshot: Snapshot | null;
  readonly isReject: boolean;
  readonly rejectHint: LogIndex;
  /**
   * read-index: the request. vote: "transfer" if the leader wants it. heartbeat: the newest request of reads. append-response: "lost" if the log has
   * lost what it acknowledged. Refused votes: what is committed.
   */
  readonly context: Uint8Array;
  /** append, snapshot, heartbeat and their responses: which membership of the receiver the leader means. A late answer of an earlier one does not count. */
  readonly membership: LogIndex;
  /** storage-append, storage-apply: to send (or, if to the node itself, to step) when the work is done. */
  readonly responses: readonly Message[];
}
