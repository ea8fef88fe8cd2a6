import type { Receiver } from '../ports.js';

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
