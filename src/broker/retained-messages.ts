import { tenantOf } from '../base/tenant-names.js';
import type { PeerMessage } from './peer-messages.js';
import type { RetainedPlace, ShardId, StoredMessage } from './ports.js';
import { type RetainedLimits, RetainedStore } from './retained.js';
import { RetainedPages } from './retained-pages.js';
import { type RelayLinks, RetainedRelay, type RetainStatus } from './retained-relay.js';
import type { RetainedFound } from './subscribe-rounds.js';

const NOTHING: RetainedFound = { messages: [], next: null };

/** What a tenant may retain, over all shards; null: what everybody may. 0: no limit. */
export type RetainedLimitsOf = (tenant: string) => RetainedLimits | null;

/** The retained messages as one shard's broker sees them: those that it owns, and the ways to those of others. */
export class RetainedMessages {
  readonly #store: RetainedStore;
  readonly #relay: RetainedRelay;
  readonly #pages: RetainedPages;
  readonly #links: RelayLinks;

  /** @param messagesMax of this shard. */
  constructor(links: RelayLinks, limits: RetainedLimits, limitsOf: RetainedLimitsOf, seed: number) {
    const { shardCount } = links;
    const share = ({ messagesMax, bytesMax, payloadBytesMax, expiryMs }: RetainedLimits): RetainedLimits => ({
      messagesMax: Math.ceil(messagesMax / shardCount),
      bytesMax: Math.ceil(bytesMax / shardCount),
      payloadBytesMax,
      expiryMs,
    });
    this.#links = links;
    this.#store = new RetainedStore(share(limits), seed, (topic) => {
      const own = limitsOf(tenantOf(topic));
      return own === null ? null : share(own);
    });
    this.#relay = new RetainedRelay(links, this.#store);
    this.#pages = new RetainedPages(links, this.#store);
  }

  /** Of the topics that this shard owns. */
  get count(): number {
    return this.#store.count;
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  bytesOf(tenant: string): number {
    return this.#store.bytesOf(tenant);
  }

  /** What waits for an answer of another shard. */
  get waitingCount(): number {
    return this.#relay.waitingCount + this.#pages.waitingCount;
  }

  retain(topic: string, message: StoredMessage | null, done: (status: RetainStatus) => void): void {
    this.#relay.retain(topic, message, done);
  }

  restore(message: StoredMessage): void {
    this.#store.restore(message);
  }

  /** The first page of what this shard has. */
  first(filter: string): RetainedFound {
    return this.#store.count === 0 ? NOTHING : this.#pages.first(filter);
  }

  next(filter: string, place: RetainedPlace, done: (messages: readonly StoredMessage[], next: RetainedPlace | null) => void): void {
    this.#pages.next(filter, place, done);
  }

  /** Runs when everything that was published here so far is stored with its owners. */
  afterStored(to: ShardId, run: () => void): void {
    this.#relay.afterStored(to, run);
  }

  /** What has expired leaves the memory, and the log too. */
  sweep(nowMs: number): void {
    this.#store.sweep(nowMs, (topic) => this.#links.persist(topic, null, () => {}));
  }

  onMessage(from: ShardId, message: Extract<PeerMessage, { kind: 'retain' | 'retained' | 'retained-page' | 'retained-paged' }>): void {
    switch (message.kind) {
      case 'retain':
        this.#relay.onRetain(from, message.ticket, message.topic, message.message);
        return;
      case 'retained':
        this.#relay.onRetained(from, message.ticket, message.status);
        return;
      case 'retained-page':
        this.#pages.onAsked(from, message);
        return;
      case 'retained-paged':
        this.#pages.onPaged(message);
        return;
    }
  }

  onPeerReplaced(peer: ShardId): void {
    this.#relay.onPeerReplaced(peer);
    this.#pages.onPeerReplaced(peer);
  }
}
