import { ownerOf } from './level-hash.js';
import type { ShardId } from './ports.js';

export interface ExclusiveLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  /** To a peer, or to this shard itself: then it is handled before the call returns. */
  post(to: ShardId, message: ExclusiveMessage): void;
}

export type ExclusiveMessage =
  | {
      readonly kind: 'exclusive-claim';
      readonly ticket: number;
      readonly filter: string;
      readonly holder: string;
      readonly isRestored: boolean;
    }
  | { readonly kind: 'exclusive-claimed'; readonly ticket: number; readonly isGranted: boolean }
  | { readonly kind: 'exclusive-release'; readonly filter: string; readonly holder: string };

interface Claim {
  readonly filter: string;
  readonly holder: string;
  readonly isRestored: boolean;
  readonly done: (isGranted: boolean) => void;
}

/** As the owner of a filter sees it. */
interface Holder {
  readonly holder: string;
  readonly shard: ShardId;
  /** Its shard was replaced, and has not said yet that it still has the session. */
  isDoubtful: boolean;
}

/*
  Filters that one session of the node holds at a time. The owner of a filter is a shard by its hash:

    shard of the session                       owner
      claim ------- exclusive-claim ------->   free, or the session's own: it has it from now on
      done  <------ exclusive-claimed ------
      release ----- exclusive-release ----->   free again

  Sessions that the journal has kept claim what they held when they are restored. Until all shards have told, nobody new is served: claims wait.
*/
export class ExclusiveTopics {
  /** Set once by the protocol: a restored session must do without the filter, somebody else has it. */
  onLost: (filter: string, holder: string) => void = () => {};
  readonly #links: ExclusiveLinks;
  /** Of sessions of this shard: who holds a filter. */
  readonly #held = new Map<string, string>();
  readonly #claims = new Map<number, Claim>();
  readonly #owned = new Map<string, Holder>();
  #postponed: (() => void)[] = [];
  #haveAllTold = false;
  #ticketLast = 0;

  constructor(links: ExclusiveLinks) {
    this.#links = links;
  }

  get waitingCount(): number {
    return this.#claims.size + this.#postponed.length;
  }

  /** `done` may be called within. */
  claim(filter: string, holder: string, done: (isGranted: boolean) => void): void {
    this.#ask({ filter, holder, isRestored: false, done });
  }

  /** A session that held the filter is here now: from the journal, or from another shard. */
  restore(filter: string, holder: string): void {
    this.#ask({
      filter,
      holder,
      isRestored: true,
      done: (isGranted) => {
        if (!isGranted) this.onLost(filter, holder);
      },
    });
  }

  release(filter: string, holder: string): void {
    if (this.#held.get(filter) !== holder) return;
    this.#held.delete(filter);
    this.#links.post(this.#ownerOf(filter), { kind: 'exclusive-release', filter, holder });
  }

  /** The session goes to another shard, and holds it there. */
  handOver(filter: string, holder: string): void {
    if (this.#held.get(filter) === holder) this.#held.delete(filter);
  }

  /** Every shard serves: what was held has been claimed again. */
  onAllServing(): void {
    this.#haveAllTold = true;
    for (const [filter, { isDoubtful }] of this.#owned) if (isDoubtful) this.#owned.delete(filter);
    for (const serve of this.#postponed.splice(0)) serve();
  }

  onMessage(from: ShardId, message: ExclusiveMessage): void {
    switch (message.kind) {
      case 'exclusive-claim':
        this.#onClaim(from, message);
        return;
      case 'exclusive-claimed':
        this.#onClaimed(message.ticket, message.isGranted);
        return;
      case 'exclusive-release': {
        const owned = this.#owned.get(message.filter);
        if (owned?.holder === message.holder && owned.shard === from) this.#owned.delete(message.filter);
        return;
      }
    }
  }

  onPeerReplaced(peer: ShardId): void {
    for (const owned of this.#owned.values()) if (owned.shard === peer) owned.isDoubtful = true;
    for (const [ticket, claim] of this.#claims) if (this.#ownerOf(claim.filter) === peer) this.#send(ticket, claim);
    for (const [filter, holder] of this.#held) if (this.#ownerOf(filter) === peer) this.restore(filter, holder);
  }

  #ask(claim: Claim): void {
    this.#ticketLast += 1;
    this.#claims.set(this.#ticketLast, claim);
    this.#send(this.#ticketLast, claim);
  }

  #send(ticket: number, { filter, holder, isRestored }: Claim): void {
    this.#links.post(this.#ownerOf(filter), { kind: 'exclusive-claim', ticket, filter, holder, isRestored });
  }

  #onClaim(from: ShardId, message: Extract<ExclusiveMessage, { kind: 'exclusive-claim' }>): void {
    const { ticket, filter, holder, isRestored } = message;
    if (!isRestored && !this.#haveAllTold) {
      this.#postponed.push(() => this.#onClaim(from, message));
      return;
    }
    const owned = this.#owned.get(filter);
    const isGranted = owned === undefined || owned.holder === holder;
    if (isGranted) this.#owned.set(filter, { holder, shard: from, isDoubtful: false });
    this.#links.post(from, { kind: 'exclusive-claimed', ticket, isGranted });
  }

  #onClaimed(ticket: number, isGranted: boolean): void {
    const claim = this.#claims.get(ticket);
    if (claim === undefined) return; // Asked twice, because the owner was replaced.
    this.#claims.delete(ticket);
    if (isGranted) this.#held.set(claim.filter, claim.holder);
    else if (this.#held.get(claim.filter) === claim.holder) this.#held.delete(claim.filter);
    claim.done(isGranted);
  }

  #ownerOf(filter: string): ShardId {
    return ownerOf(filter, this.#links.shardCount);
  }
}
