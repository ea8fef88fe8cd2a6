import type { ShardId } from '../broker/ports.js';
import type { StreamDefinition } from '../broker/streams/definition.js';
import type { GroupId, JournalState, Offset, StreamId } from '../journal/ports.js';
import type { Backlog, SessionDetails, SessionPosition, SessionSummary } from '../protocols/mqtt/operator/inspection.js';
import type { OperatorQuestionName } from '../protocols/mqtt/operator/questions.js';
import type { StreamSettings } from '../settings/journal-schema.js';
import type { ClusterQuestion } from './metadata-orders.js';

/*
  What an operator asks while the node runs. Main asks the shards that know, and puts their answers together:

    operator --control socket--> main --question, ticket--> shards        a shard that is down or slow is named in `silent`
             <-----------------       <--answer, ticket----
*/

/** What main asks one shard. */
export type ShardQuestion =
  /** Answered when everything that was ordered before is done. */
  | { readonly kind: 'orders-done' }
  | { readonly kind: 'totals' }
  | { readonly kind: 'partitions'; readonly stream: StreamId }
  | { readonly kind: 'read'; readonly stream: StreamId; readonly from: readonly PartitionPlace[]; readonly bytesMax: number }
  | { readonly kind: 'seek'; readonly stream: StreamId; readonly timestampMs: number }
  | { readonly kind: 'sessions'; readonly after: string; readonly limit: number; readonly match: string }
  | { readonly kind: 'session'; readonly clientId: string }
  /** Messages that sessions, of whatever shard, have not fetched from the logs of this one. */
  | { readonly kind: 'backlogs'; readonly positions: readonly SessionPosition[]; readonly countMax: number }
  | { readonly kind: 'end-session'; readonly clientId: string }
  | { readonly kind: 'journal' }
  /** To the MQTT engine: protocols/mqtt/operator/questions.ts. */
  | { readonly kind: 'mqtt'; readonly name: OperatorQuestionName; readonly ask: unknown };

export type PartitionPlace = readonly [partition: number, offset: Offset];

/** By kind of the question. */
export interface ShardAnswers {
  readonly 'orders-done': null;
  readonly totals: readonly StreamTotals[];
  readonly partitions: readonly PartitionExtent[];
  readonly read: readonly PartitionPage[];
  readonly seek: readonly PartitionPlace[];
  readonly sessions: { readonly sessions: readonly SessionSummary[]; readonly total: number };
  readonly session: SessionDetails | null;
  readonly backlogs: readonly Backlog[];
  /** False: the session is not there any more. */
  readonly 'end-session': boolean;
  readonly journal: JournalReport;
  /** In the form of the name. */
  readonly mqtt: unknown;
}

export interface StreamTotals {
  readonly stream: StreamId;
  readonly records: number;
  readonly bytes: number;
}

/** Offsets from `start` to before `end` can be read. */
export interface PartitionExtent {
  readonly partition: number;
  readonly start: Offset;
  readonly end: Offset;
  readonly records: number;
  readonly bytes: number;
}

/** Text where the bytes are UTF-8; null where there are none. */
export type FieldText = string | { readonly base64: string } | null;

export interface PageRecord {
  readonly offset: Offset;
  readonly timestampMs: number;
  readonly key: FieldText;
  readonly value: FieldText;
  readonly headers: readonly { readonly name: string; readonly value: FieldText }[];
}

/** `next` is where to go on. out-of-range: records before `start` are gone. corrupt: those from behind the last record to `next` cannot be read. */
export interface PartitionPage {
  readonly partition: number;
  readonly status: 'ok' | 'out-of-range' | 'corrupt';
  readonly start: Offset;
  readonly end: Offset;
  readonly next: Offset;
  readonly records: readonly PageRecord[];
}

export interface JournalReport {
  readonly state: JournalState;
  readonly commits: number;
  readonly pendingBytes: number;
  readonly corruptEntries: number;
  readonly lanes: readonly LaneReport[];
}

export interface LaneReport {
  /** Number of its directory; -1: in memory. */
  readonly lane: number;
  readonly groups: readonly GroupId[];
  readonly segments: number;
  readonly sealed: number;
  /** Set aside because they could not be read. */
  readonly quarantined: number;
  readonly bytes: number;
  /** Of the disk; null: in memory. */
  readonly freeBytes: number | null;
  /** Since the start: everything in them had expired. */
  readonly segmentsRemoved: number;
}

/** What an operator asks the node. */
export type NodeQuestion =
  | { readonly verb: 'stream-list' }
  | { readonly verb: 'stream-describe'; readonly name: string }
  | { readonly verb: 'stream-create'; readonly stream: StreamSettings }
  | { readonly verb: 'stream-delete'; readonly name: string }
  /** By number: a stream of the same name that was made meanwhile is another one. */
  | { readonly verb: 'stream-read'; readonly stream: StreamId; readonly from: readonly PartitionPlace[] }
  | { readonly verb: 'stream-seek'; readonly stream: StreamId; readonly timestampMs: number }
  | { readonly verb: 'session-list'; readonly after: string; readonly limit: number; readonly match: string }
  /** `clientId` is the key of the session (base/tenant-names.ts): in the tenant `default` the two are the same. */
  | { readonly verb: 'session-show'; readonly clientId: string }
  | { readonly verb: 'session-delete'; readonly clientId: string }
  | { readonly verb: 'journal-status' }
  /** One of admin/questions, with what is asked. */
  | { readonly verb: 'ask'; readonly question: string; readonly ask: unknown }
  | ClusterQuestion;

/** Shards that did not answer: what they have is missing. */
export interface Silent {
  readonly silent: readonly ShardId[];
}

export interface StreamRow extends StreamTotals {
  readonly definition: StreamDefinition;
}

export interface PartitionRow extends PartitionExtent {
  readonly shard: ShardId;
  readonly group: GroupId;
}

/** `waiting`: messages in memory and in the logs; with `waitsMore` there are more. */
export interface Waiting {
  readonly waiting: number;
  readonly waitsMore: boolean;
}

export type SessionRow = Omit<SessionSummary, 'position'> & Waiting & { readonly shard: ShardId };
export type SessionPage = Omit<SessionDetails, 'position'> & Waiting & { readonly shard: ShardId };
