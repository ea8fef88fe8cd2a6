import { assert } from '../base/assert.js';
import type { PeerMessage } from './peer-messages.js';
import type { ShardId, StoredMessage } from './ports.js';
import type { RetainedStore } from './retained.js';

export type RetainStatus = 'stored' | 'quota-exceeded';

export interface RelayLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  post(to: ShardId, message: PeerMessage): void;
  nowMs(): number;
  /** The shard that keeps the retained message of a topic. */
  ownerOf(topic: string): ShardId;
  /** Keeps it for good; `done` when it is. */
  persist(topic: string, message: StoredMessage | null, done: (status: RetainStatus) => void): void;
}

interface SentRetain {
  readonly owner: ShardId;
  readonly topic: string;
  readonly message: StoredMessage | null;
  readonly done: (status: RetainStatus) => void;
}

interface Deferred {
  readonly to: ShardId;
  /** The last retain sent before. */
  readonly ticket: number;
  readonly run: () => void;
}

/**
 * Brings retained messages to the shard that owns their topic, and knows which of them are still on the way.
 *
 * Why anybody asks: a new subscriber must get the last message of a topic either live or as the retained one. It asks the owners
 * only after every shard has said `interest-added`, and a shard says that only when what it published before, without
 * that interest, is stored with its owner.
 */
export class RetainedRelay {
  readonly #links: RelayLinks;
  readonly #store: RetainedStore;
  /** In order of the tickets, for tickets only grow. */
  readonly #sent: Map<number, SentRetain> = new Map();
  #deferred: Deferred[] = [];
  /** How often each peer was replaced: a successor did not ask what its predecessor asked. */
  readonly #lives: Uint32Array;
  #ticketLast = 0;

  constructor(links: RelayLinks, store: RetainedStore) {
    this.#links = links;
    this.#store = store;
    this.#lives = new Uint32Array(links.shardCount);
  }

  /** Retained messages that their owners have not confirmed. */
  get waitingCount(): number {
    return this.#sent.size;
  }

  retain(topic: string, message: StoredMessage | null, done: (status: RetainStatus) => void): void {
    assert(message === null || message.topic === topic, 'a retained message has the topic it is kept under');
    const owner = this.#links.ownerOf(topic);
    if (owner === this.#links.self) {
      this.#keep(topic, message, done);
      return;
    }
    this.#ticketLast += 1;
    const ticket = this.#ticketLast;
    this.#sent.set(ticket, { owner, topic, message, done });
    this.#links.post(owner, { kind: 'retain', ticket, topic, message });
  }

  /** A peer brings a message that this shard owns. */
  onRetain(from: ShardId, ticket: number, topic: string, message: StoredMessage | null): void {
    const life = this.#lives[from];
    this.#keep(topic, message, (status) => {
      if (this.#lives[from] === life) this.#links.post(from, { kind: 'retained', ticket, status });
    });
  }

  onRetained(from: ShardId, ticket: number, status: RetainStatus): void {
    const sent = this.#sent.get(ticket);
    assert(sent !== undefined && sent.owner === from, 'the owner answers each retain once');
    this.#sent.delete(ticket);
    sent.done(status);
    this.#runDeferred();
  }

  /** Runs once everything sent so far is stored; at once if nothing is on the way. */
  afterStored(to: ShardId, run: () => void): void {
    if (this.#sent.size === 0) run();
    else this.#deferred.push({ to, ticket: this.#ticketLast, run });
  }

  /** The messages it owned are gone; those it had not confirmed are sent to its successor. Its own questions need no answer. */
  onPeerReplaced(peer: ShardId): void {
    this.#lives[peer] += 1;
    this.#deferred = this.#deferred.filter((deferred) => deferred.to !== peer);
    for (const [ticket, sent] of this.#sent) {
      if (sent.owner === peer) this.#links.post(peer, { kind: 'retain', ticket, topic: sent.topic, message: sent.message });
    }
  }

  #keep(topic: string, message: StoredMessage | null, done: (status: RetainStatus) => void): void {
    if (message !== null && !this.#store.put(message, this.#links.nowMs())) {
      done('quota-exceeded');
      return;
    }
    if (message === null) this.#store.remove(topic);
    this.#links.persist(topic, message, done);
  }

  #runDeferred(): void {
    if (this.#deferred.length === 0) return;
    const oldest = this.#sent.keys().next();
    const before = oldest.done === true ? this.#ticketLast + 1 : oldest.value;
    while (this.#deferred.length > 0 && this.#deferred[0].ticket < before) this.#deferred.shift()?.run();
  }
}
