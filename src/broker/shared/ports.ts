import type { GroupId, RecordBatch, Sequence } from '../../journal/ports.js';
import type { QueueMessage, Receiver, ShardId } from '../ports.js';

/*
  How a shared subscription (MQTT 5.0 §4.8.2) chooses who gets a message:

    round-robin      one after another
    sticky           the first of all that can take it: one does the work, the others stand by
    random           anybody
    hash-client      by the publisher: what one client publishes goes to one member
    hash-topic       by the topic
    least-inflight   who has the fewest unacknowledged and waiting

  Hashes are by rendezvous: a member that comes or goes moves only its own share of the keys.
*/
export type SharedStrategy = 'round-robin' | 'sticky' | 'random' | 'hash-client' | 'hash-topic' | 'least-inflight';

/** What the settings say of a group. */
export interface SharedPolicy {
  readonly strategy: SharedStrategy;
  /** Messages are kept also if no member outlives its connection, and so long without any member. */
  readonly isDurable: boolean;
  readonly keepMs: number;
  /** Of messages that wait; beyond, the oldest go. Of the shard's share of the queue. */
  readonly messagesMax: number;
  readonly bytesMax: number;
}

/** By the group's name and the filter inside. */
export type SharedPolicies = (group: string, filter: string) => SharedPolicy;

/** What the choice depends on beside the group: one object per shard, filled in by the protocol before each question. */
export interface SharedChoice<S> {
  /** Of the topic and of the publisher's client identifier, 32 bits. */
  topicHash: number;
  publisherHash: number;
  /** Whether the member could be given the message now. */
  isFree(member: Receiver<S>): boolean;
  /** Whether it is to be kept for the member although others are free: it is there, and only has its hands full. */
  isThere(member: Receiver<S>): boolean;
  /** Messages that the member has and has not acknowledged. */
  loadOf(member: Receiver<S>): number;
}

/*
  Queues of shared subscriptions. Where a member outlives its connection, or the settings say so, what is published with QoS 1 or 2 is kept
  while nobody can take it. Nothing is copied: a queue is a cursor over the index of the inner filter, in each group of the journal, and its owner
  is the shard that has the group.

    shard of a member                                  owner of the logs
      join, window, leave        ----------------->    who is there, and how many messages it may have in hand
                                 <-----------------    joined: what is published from now on is kept
                                 <-----------------    given: messages, each to one member
      done                       ----------------->    settled: the client has it; kept, later finished: it is the session's; released:
                                                       somebody else may have it; refused: somebody else must
                                 <-----------------    kept: it is durable
      claim                      ----------------->    after a start: QoS 2 messages that sessions have already
      ready                      ----------------->    after a start: all claims were made. Nothing is given before every shard is
*/
export type SharedQueueMessage =
  | {
      readonly kind: 'shared-join';
      readonly ticket: number;
      /** What the sender calls the member. Never given out again. */
      readonly member: number;
      /** The subscription's filter, `$share/...` included. */
      readonly key: string;
      /** Its session outlives its connection. */
      readonly isDurable: boolean;
      readonly qos: 0 | 1 | 2;
      /** Messages it may have in hand from this owner; 0 while it is away. */
      readonly window: number;
      /** 32 bits, always the same for one client. */
      readonly hash: number;
    }
  | { readonly kind: 'shared-joined'; readonly ticket: number }
  | { readonly kind: 'shared-window'; readonly member: number; readonly window: number }
  | { readonly kind: 'shared-leave'; readonly member: number }
  | {
      readonly kind: 'shared-given';
      readonly member: number;
      /** In the order of the frames: how many are of which group. */
      readonly groups: readonly (readonly [group: GroupId, count: number])[];
      readonly sequences: readonly Sequence[];
      /** PUBLISH packets of MQTT 5, one behind the other. */
      readonly frames: Uint8Array;
    }
  /** `ticket`: wants to hear when it is durable; 0: does not. */
  | { readonly kind: 'shared-done'; readonly ticket: number; readonly members: readonly SharedDone[] }
  | { readonly kind: 'shared-claim'; readonly ticket: number; readonly key: string; readonly places: readonly number[] }
  | { readonly kind: 'shared-kept'; readonly ticket: number }
  | { readonly kind: 'shared-ready' };

/** Of one member; places are pairs of group and sequence. */
export interface SharedDone {
  readonly member: number;
  readonly settled: readonly number[];
  /** Nobody else gets them, but the member still has them in hand: until as many are finished. */
  readonly kept: readonly number[];
  readonly finished: number;
  readonly released: readonly number[];
  readonly refused: readonly number[];
}

/** What the protocol does for the queues of its shard. */
export interface SharedQueueHost {
  /** Makes the frame of a record, as members get it: `frame` up to `frameLength`. @returns its QoS; -1 if it is for nobody any more: expired. */
  makeFrame(batch: RecordBatch): number;
  readonly frame: Uint8Array;
  readonly frameLength: number;
  /** Of the topic of that frame. */
  topicHash(): number;
  /** Calls back when all that was written to tables up to now is durable. */
  whenDurable(done: () => void): void;
  nowMs(): number;
  /** Messages that no member gets: the queue had more than it may, rules keep them from everybody, or nobody is left. */
  onDropped(count: number, why: 'full' | 'forbidden' | 'ended'): void;
}

/** A shared subscription whose messages are kept, as far as this shard has the logs. */
export interface QueuedGroup {
  readonly key: string;
  /** Whether the record, which is committed, is the queue's. Those that were under way when the queue began are not. */
  takes(group: GroupId, sequence: Sequence): boolean;
  /** Records were committed that it may have; the publisher of the first is known by its hash. */
  note(group: GroupId, sequence: Sequence, count: number, publisherHash: number): void;
}

/** For operators. */
export interface QueueView {
  readonly key: string;
  readonly strategy: SharedStrategy;
  readonly isQueued: boolean;
  readonly members: readonly {
    readonly shard: ShardId;
    readonly member: number;
    readonly isDurable: boolean;
    readonly window: number;
    readonly inHand: number;
  }[];
  /** Messages that nobody has yet, and those that members have in hand. */
  readonly waiting: number;
  readonly inHand: number;
  /** Where the oldest of them are. */
  readonly oldest: readonly (readonly [group: GroupId, sequence: Sequence])[];
}

/** The queues that this shard owns. */
export interface SharedQueueOwner {
  /** Set once by the protocol, before the first message. */
  host: SharedQueueHost;
  find(key: string): QueuedGroup | null;
  /** Queues of a filter's index. */
  ofFilter(filter: string): readonly QueuedGroup[];
  /** @returns whether it was for the owner of queues. */
  onMessage(from: ShardId, message: QueueMessage): boolean;
  /** Gives what can be given, and writes what changed. Near the end of a turn. @returns whether there is more to do. */
  turn(): boolean;
  onTick(nowMs: number): void;
  onPeerReplaced(peer: ShardId): void;
  /** Topics may go to other logs from now on. */
  onStreamsChanged(): void;
  /** Of all shared subscriptions, whether their messages are kept or not. */
  keys(): Iterable<string>;
  view(key: string): QueueView | null;
}
