/*
  What the protocols and the runtime see of the broker. One broker per shard; it is called on its shard's thread only.

  S is the protocol's subscriber (for MQTT: the session). The broker compares it by identity and reads nothing of it.
  With one shard every `done` is called before the call returns.
*/

import type { GroupId, PartitionSettings, Sequence, StreamId } from '../journal/ports.js';
import type { DelayMessage } from './delayed/ports.js';
import type { DurableFilters, GroupPositions } from './durable-filters.js';
import type { ExclusiveTopics } from './exclusive-topics.js';
import type { PeerMessage } from './peer-messages.js';
import type { ReplayMessage } from './replay/ports.js';
import type { SharedChoice, SharedPolicy, SharedQueueMessage, SharedQueueOwner } from './shared/ports.js';

export type ShardId = number;

export interface SubscriptionOptions {
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** MQTT 5 Subscription Identifier; 0 if none. */
  readonly identifier: number;
  /** One session of the node has the filter at a time: this one. */
  readonly isExclusive?: true;
}

/** One subscriber of a topic, its overlapping subscriptions merged: one delivery, highest QoS, all identifiers (MQTT 5 §3.3.4). */
export interface Receiver<S> {
  readonly subscriber: S;
  readonly qos: 0 | 1 | 2;
  /** In ascending order, without duplicates. */
  readonly identifiers: readonly number[];
  /** True if a subscription of the highest QoS has it. */
  readonly retainAsPublished: boolean;
  /** True if every matching subscription has it. */
  readonly noLocal: boolean;
}

/**
 * A shared subscription (MQTT 5 §4.8.2) that matches a topic: each message goes to one member, wherever that is. The choice is made where
 * the message is published, without asking anybody.
 */
export interface SharedGroup<S> {
  /** The subscription's filter, `$share/...` included. */
  readonly key: string;
  readonly policy: SharedPolicy;
  /** On this shard. */
  readonly members: readonly Receiver<S>[];
  /** Who gets the next message: an index of `members`, or ~shard (negative) if it is for a member there, which that shard picks. */
  next(choice: SharedChoice<S>): number;
  /** What `shard` calls this group. */
  numberOn(shard: ShardId): number;
}

/** Where the log of a topic is. */
export interface LogTarget {
  readonly stream: StreamId;
  readonly partition: number;
  readonly group: GroupId;
  /** The shard that owns the partition's group. */
  readonly owner: ShardId;
  readonly settings: PartitionSettings;
  /** Whether QoS 0 goes to the log too: it does where a stream was bound by name, not in the catch-all. */
  readonly takesQos0: boolean;
  /** UTF-8. */
  readonly key: Uint8Array;
  /** The key is the topic: the record need not say it again. */
  readonly keyIsTopic: boolean;
}

/** The compiled match of one topic name. Good while `version` equals the broker's `subscriptionVersion`. */
export interface Route<S> {
  /** The routing name (tenant-names.ts), the topic as clients of the tenant know it, and the tenant. */
  readonly routing: string;
  readonly topic: string;
  readonly tenant: string;
  readonly version: number;
  /** On this shard. */
  readonly receivers: readonly Receiver<S>[];
  /** Other shards with at least one matching subscription, ascending. */
  readonly shards: readonly ShardId[];
  /** Each of them gets one copy of every message; their members are not in `receivers` and `shards`. */
  readonly shared: readonly SharedGroup<S>[];
  /** Null: messages of this topic are only passed on. */
  readonly log: LogTarget | null;
  /** Durable filters that match, if the log is of this shard: their indexes get every record. */
  readonly durable: readonly string[];
  /** The protocol's own compilation of this route (groups, target lists); null until the protocol makes it, dropped with the route. */
  plan: unknown;
}

/** A message kept by the broker: retained, or waiting in a session. `frame` is one MQTT PUBLISH of `version` with its full topic; the broker does not look inside. */
export interface StoredMessage {
  /** The routing name. */
  readonly topic: string;
  readonly frame: Uint8Array;
  readonly version: 4 | 5;
  /** Milliseconds since the epoch. */
  readonly receivedAtMs: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

export interface SubscribeRequest {
  readonly filter: string;
  readonly options: SubscriptionOptions;
}

export type SubscribeStatus = 'granted' | 'quota-exceeded';

export interface SubscribeResult {
  readonly status: SubscribeStatus;
  /** False if the subscriber had this filter already (its options are replaced). */
  readonly isNew: boolean;
  /** Retained messages to send after the acknowledgement, as retain handling asks (§3.3.1.3): matched on every shard, expired ones left out. */
  readonly retained: readonly StoredMessage[];
  /** Where there are more of them: ask with `nextRetained`. */
  readonly more: readonly RetainedPlace[];
}

/** Where a page of retained messages begins. */
export interface RetainedPlace {
  readonly shard: ShardId;
  /** Of the shard's memory: places of an earlier one mean nothing. */
  readonly epoch: number;
  readonly node: number;
}

export interface Broker<S> {
  readonly shard: ShardId;
  /** Raised by every change that can alter a route. */
  readonly subscriptionVersion: number;
  /** Compiles the route of a routing name. Callers cache it by topic number. */
  compileRoute(routing: string): Route<S>;
  /** Whose turn it is in a group of this shard, for a message that another shard sent to it by its number. Null if the last member left meanwhile. */
  sharedMember(group: number, choice: SharedChoice<S>): Receiver<S> | null;
  /** Tells the other shards how busy the members of shared subscriptions are here. Every tick. */
  tellSharedLoads(choice: SharedChoice<S>): void;
  /** Adds or replaces subscriptions; `done` when every shard routes by them. Filters were checked by the protocol. Results in order of the requests. */
  subscribe(subscriber: S, requests: readonly SubscribeRequest[], done: (results: readonly SubscribeResult[]) => void): void;
  /** Which of the filters existed. Takes effect at once. */
  unsubscribe(subscriber: S, filters: readonly string[]): readonly boolean[];
  /** Takes away everything a subscriber had: its session ended or moved. */
  forget(subscriber: S): void;
  subscriptionsOf(subscriber: S): readonly SubscribeRequest[];
  /** Set once by the protocol: so many subscriptions of the filter were added, or taken away. */
  onSubscribed: (filter: string, amount: number) => void;
  /** Stores (or with an empty payload: null, removes) the retained message of a topic; `done('stored')` when its owner has it. */
  retain(topic: string, message: StoredMessage | null, done: (status: 'stored' | 'quota-exceeded') => void): void;
  /** The first page of the retained messages of this shard that match a filter, and where the next one is. */
  firstRetained(filter: string): { readonly messages: readonly StoredMessage[]; readonly next: RetainedPlace | null };
  /** Further retained messages that match a filter: a page, maybe an empty one, and where the next one is. `done` may be called within. */
  nextRetained(filter: string, place: RetainedPlace, done: (messages: readonly StoredMessage[], next: RetainedPlace | null) => void): void;
  /** Set once by the protocol: keeps a retained message of a topic that this shard owns, or that there is none; `done` when it is durable. */
  persistRetained: (topic: string, message: StoredMessage | null, done: (status: 'stored' | 'quota-exceeded') => void) => void;
  /** At the start: a retained message that this shard has kept. */
  restoreRetained(message: StoredMessage): void;
  readonly directory: SessionDirectory;
  /** Filters that one session of the node has at a time. */
  readonly exclusive: ExclusiveTopics;
  /** Filters of sessions that outlive their connection. */
  readonly durable: DurableFilters;
  /** Shared subscriptions whose messages are kept, where this shard has the logs. */
  readonly queues: SharedQueueOwner;
  /** Set once by the protocol. */
  onQueueMessage: (from: ShardId, message: QueueMessage) => void;
  /** To a peer, or to this shard itself: then it is handled before the call returns. */
  sendQueueMessage(to: ShardId, message: QueueMessage): void;
  /** Counts for status pages. */
  readonly subscriptionCount: number;
  readonly retainedCount: number;
  retainedBytesOf(tenant: string): number;
  /** Expires retained messages, times out claims. */
  onTick(nowMs: number): void;
}

/** The session belongs to another principal: it was not touched. */
export const REFUSED = 'refused';
/** mine: it goes to whoever claims it. taken: it stays as it is. unowned: it ends, and whoever claims begins a new one. */
export type ClaimVerdict = 'mine' | 'taken' | 'unowned';
/** The state of an earlier session that was held elsewhere; null: there is none, or it is here already. */
export type ClaimOutcome = Uint8Array | null | typeof REFUSED;

/** A session that the journal has kept. */
export interface RestoredSession {
  readonly clientId: string;
  readonly claimedAtMs: number;
}

/**
 * Which shard holds the session of a client identifier: exactly one. The registrar of an identifier is shard hash(clientId) mod shards;
 * claims of one identifier are served one after another there.
 */
export interface SessionDirectory {
  /** Set once by the protocol: gives up a session that this shard holds (ends its connection with `session taken over`), and answers with its state, or null if there is none or `discard` asks to end it. When the claimant is this very shard the session may stay as it is: only its connection goes, and the answer is null. */
  onSurrender: (clientId: string, discard: boolean, claimant: ShardId, answer: (state: Uint8Array | null) => void) => void;
  /**
   * A client connects on this shard. `done` when no other shard or connection has the session any more: with the state of the earlier
   * session if it was held elsewhere and `discard` is false, else null; or at once with REFUSED if the session is another principal's. For a
   * session held by this very shard onSurrender is called too.
   * @param owner the principal that claims: the name of a user, empty for nobody.
   * @returns a ticket for `cancelClaim`.
   */
  claim(clientId: string, owner: string, discard: boolean, done: (outcome: ClaimOutcome) => void): number;
  /** Set once by the protocol: what becomes of the session that this shard holds when the principal claims it. */
  judgeClaim: (clientId: string, owner: string) => ClaimVerdict;
  /** The connection went away while its claim waited: `done` is not called; the session state that arrives is dropped or kept by `onOrphan`. */
  cancelClaim(ticket: number): void;
  /** State that arrived for a claim that was cancelled: the protocol keeps it as an offline session of this shard. */
  onOrphan: (clientId: string, state: Uint8Array) => void;
  /** Set once by the protocol: sessions whose state went with a shard that died, not durable there, are here again as far as meant. @returns those. */
  onReturn: (isMeant: (clientId: string, claimant: ShardId) => boolean) => readonly RestoredSession[];
  /** Set once by the protocol: what it restored of this session is outdated, because the process ended while it moved. It is dropped in silence. */
  onOutdated: (clientId: string) => void;
  /** At the start: sessions that this shard holds from before, and when they were claimed last. Told to every registrar, also that there are none. */
  announce(sessions: readonly RestoredSession[]): void;
  /** The session ended; nobody holds the identifier now. Ignored if this shard does not hold it. */
  release(clientId: string): void;
}

/** Filters of a session, and from where on in groups where it is still before that. */
export type FilterPositions = readonly (readonly [filter: string, since: GroupPositions])[];

/** Between a session that outlives its connection and the owners of the logs that it reads; the protocol understands them. */
export type QueueMessage =
  | {
      readonly kind: 'pull';
      readonly ticket: number;
      /** Who asks: what is not for it is passed over. */
      readonly session: number;
      /** Which indexes, and from where on if that is further than the group's own position. */
      readonly filters: FilterPositions;
      /** Of each group: the position, and how many messages from there on are to be passed over. */
      readonly from: readonly (readonly [group: GroupId, next: Sequence, skip: number])[];
      readonly messagesMax: number;
      readonly bytesMax: number;
    }
  /** How much there is for the filters. */
  | { readonly kind: 'count-waiting'; readonly ticket: number; readonly filters: FilterPositions; readonly from: GroupPositions }
  | {
      readonly kind: 'waiting';
      readonly ticket: number;
      /** Groups that have some: how many, about how many bytes, and the sequence that the next record gets at least. */
      readonly groups: readonly (readonly [group: GroupId, count: number, bytes: number, end: Sequence])[];
    }
  | SharedQueueMessage
  /** Exactly these records. */
  | { readonly kind: 'fetch'; readonly ticket: number; readonly group: GroupId; readonly sequences: readonly Sequence[] }
  | {
      readonly kind: 'pulled';
      readonly ticket: number;
      /** In the order of the frames: how many of this group, and the position behind them. Whether nothing was left when it was read. */
      readonly groups: readonly (readonly [group: GroupId, count: number, next: Sequence, isCaughtUp: boolean])[];
      /** A 64-bit float, little-endian, for each frame. */
      readonly sequences: Uint8Array;
      /** PUBLISH packets of MQTT 5, one behind the other. */
      readonly frames: Uint8Array;
    }
  | DelayMessage
  | ReplayMessage
  /** PUBREL: these packet ids of a session are free again. */
  | { readonly kind: 'release-received'; readonly ticket: number; readonly session: number; readonly packetIds: readonly number[] }
  | { readonly kind: 'received-released'; readonly ticket: number }
  | { readonly kind: 'forget-session'; readonly session: number }
  /** The session has its rows on another shard now. */
  | { readonly kind: 'session-moved'; readonly clientId: string; readonly session: number };

/** How a broker reaches the other shards of its node. First in, first out per peer. */
export interface PeerLinks {
  readonly self: ShardId;
  /** All shards of the node, also this one. */
  readonly shardCount: number;
  send(to: ShardId, message: PeerMessage): void;
  /** Set once by the broker. */
  onMessage: (from: ShardId, message: PeerMessage) => void;
  /** A peer died and was replaced by an empty one: forget its interest and sessions, tell it ours, answer what waited for it. Set once by the broker. */
  onPeerReplaced: (peer: ShardId) => void;
}

/** A run is for the receivers of its topic, not for a shared group. */
export const NO_GROUP = 0;

/** No connection of the shard that is meant. */
export const NO_PUBLISHER = -1;
/** The records are in no log. */
export const NOT_LOGGED = -1;

/** A run of PUBLISH frames on its way to a shard that has receivers. One object serves all runs of a shard: it is good during the call. */
export interface ForwardedRun {
  /** Whose topic it is: the number of the tenant's catch-all stream. */
  tenant: number;
  /** NO_GROUP for the receivers of the topic, else only for a member of that shared group of the receiving shard. */
  sharedGroup: number;
  /** The sender's number of the topic: the receiver caches its route by them. */
  topic: number;
  generation: number;
  version: 4 | 5;
  count: number;
  /** The connection of the receiving shard that published it, for No Local; NO_PUBLISHER if it was none of that shard. */
  publisher: number;
  /** Of the publisher's client identifier (`SharedChoice`); 0 if nobody asked. */
  publisherHash: number;
  /** Where the records are: the group, and the sequence of the first. NOT_LOGGED and 0 if nowhere. */
  logGroup: number;
  sequence: number;
  /** The frames. `space` is the receiver's number of the memory; the sender leaves it alone. */
  space: number;
  bytes: Uint8Array;
  offset: number;
  length: number;
}

/** A run of PUBLISH frames on its way to the shard that owns the partition they go to. Likewise one object for all. */
export interface AppendRequest {
  /** The sender's; comes back with the answer. */
  ticket: number;
  /** As in ForwardedRun. */
  tenant: number;
  topic: number;
  generation: number;
  version: 4 | 5;
  count: number;
  /** The sender's connection. */
  publisher: number;
  publisherHash: number;
  stream: number;
  partition: number;
  /** Of QoS 2 runs of a durable session: its number, by which repetitions are known. 0 else. */
  session: number;
  /** The durable session that published it and, by No Local, does not get it; 0: whoever is subscribed gets it. */
  notFor: number;
  space: number;
  bytes: Uint8Array;
  offset: number;
  length: number;
}

/** What became of an AppendRequest. */
export const APPENDED = { durable: 0, full: 1, failed: 2 } as const;
export type Appended = (typeof APPENDED)[keyof typeof APPENDED];

/** The hot crossing: runs of PUBLISH frames. The bytes are taken before the call returns. */
export interface RunLinks {
  /** @returns false if the bytes were taken, but the link is congested: stop reading whoever feeds it until `onLinkRelieved`. */
  forward(to: ShardId, run: ForwardedRun): boolean;
  /** Likewise; answered by `onAppended`, unless `to` is replaced meanwhile. */
  append(to: ShardId, request: AppendRequest): boolean;
  answerAppend(to: ShardId, ticket: number, outcome: Appended): void;
  /** Set once by the protocol. */
  onAppended: (from: ShardId, ticket: number, outcome: Appended) => void;
  /** Set once by the protocol. */
  onLinkRelieved: (to: ShardId) => void;
}
