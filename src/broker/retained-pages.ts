import type { PeerMessage } from './peer-messages.js';
import type { RetainedPlace, ShardId, StoredMessage } from './ports.js';
import type { RetainedStore } from './retained.js';

/** What one question brings at most, and how much of the store it looks at: about a millisecond. */
const PAGE_MESSAGES = 256;
const PAGE_BYTES = 128 * 1024;
const PAGE_NODES = 8192;

/** Between the shard of a subscriber and the owners of retained messages. */
export type PageMessage =
  | { readonly kind: 'retained-page'; readonly ticket: number; readonly filter: string; readonly epoch: number; readonly node: number }
  | {
      readonly kind: 'retained-paged';
      readonly ticket: number;
      readonly messages: readonly StoredMessage[];
      readonly next: RetainedPlace | null;
    };

export interface PageLinks {
  readonly self: ShardId;
  post(to: ShardId, message: PeerMessage): void;
  nowMs(): number;
}

type Done = (messages: readonly StoredMessage[], next: RetainedPlace | null) => void;

/**
 * Retained messages that match a filter, page by page, so that a million of them stall nobody. A page may be empty and not the last.
 *
 * The place of a page is a number in the owner's memory. If the owner was replaced meanwhile, it is of another epoch, and the owner begins again:
 * a message may come twice then.
 */
export class RetainedPages {
  readonly #links: PageLinks;
  readonly #store: RetainedStore;
  /** Of this shard's store. */
  readonly #epoch: number;
  readonly #asked = new Map<number, { readonly filter: string; readonly place: RetainedPlace; readonly done: Done }>();
  #ticketLast = 0;

  constructor(links: PageLinks, store: RetainedStore) {
    this.#links = links;
    this.#store = store;
    this.#epoch = links.nowMs();
  }

  get waitingCount(): number {
    return this.#asked.size;
  }

  /** The first page of this shard. */
  first(filter: string): { readonly messages: readonly StoredMessage[]; readonly next: RetainedPlace | null } {
    return this.#page(filter, this.#epoch, 0);
  }

  /** The page at a place. `done` may be called within. */
  next(filter: string, place: RetainedPlace, done: Done): void {
    if (place.shard === this.#links.self) {
      const { messages, next } = this.#page(filter, place.epoch, place.node);
      done(messages, next);
      return;
    }
    this.#ticketLast += 1;
    this.#asked.set(this.#ticketLast, { filter, place, done });
    this.#ask(this.#ticketLast, filter, place);
  }

  onAsked(from: ShardId, { ticket, filter, epoch, node }: Extract<PageMessage, { kind: 'retained-page' }>): void {
    const { messages, next } = this.#page(filter, epoch, node);
    this.#links.post(from, { kind: 'retained-paged', ticket, messages, next });
  }

  onPaged({ ticket, messages, next }: Extract<PageMessage, { kind: 'retained-paged' }>): void {
    const asked = this.#asked.get(ticket);
    this.#asked.delete(ticket);
    asked?.done(messages, next);
  }

  onPeerReplaced(peer: ShardId): void {
    for (const [ticket, { filter, place }] of this.#asked) if (place.shard === peer) this.#ask(ticket, filter, place);
  }

  #ask(ticket: number, filter: string, { shard, epoch, node }: RetainedPlace): void {
    this.#links.post(shard, { kind: 'retained-page', ticket, filter, epoch, node });
  }

  #page(filter: string, epoch: number, node: number): { readonly messages: StoredMessage[]; readonly next: RetainedPlace | null } {
    const messages: StoredMessage[] = [];
    const limits = { messages: PAGE_MESSAGES, bytes: PAGE_BYTES, nodes: PAGE_NODES };
    const next = this.#store.page(filter, epoch === this.#epoch ? node : 0, this.#links.nowMs(), limits, messages);
    return { messages, next: next === 0 ? null : { shard: this.#links.self, epoch: this.#epoch, node: next } };
  }
}
