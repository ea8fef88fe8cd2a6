import { SeededRandom } from '../../base/random.js';
import type { ShardId } from '../ports.js';
import { affinity } from './affinity.js';
import type { SharedStrategy } from './ports.js';

/** A strategy that looks at keys keeps them with their member beyond its window, up to so many times, before another gets them. */
const HASH_WINDOWS = 4;

/** A member of a shared subscription as the owner of its queue sees it. */
export class QueueMember {
  /** The cursor's number of the consumer, on this shard. */
  readonly consumer: number;
  readonly shard: ShardId;
  /** What that shard calls it. */
  readonly number: number;
  readonly isDurable: boolean;
  readonly qos: 0 | 1 | 2;
  readonly hash: number;
  /** Messages it may have in hand; 0: it is away. */
  window: number;
  inHand = 0;
  /** It has left, or its shard died: it gets nothing any more, and what it has is settled or released one day. */
  isGone = false;
  /** Batches that wait for a commit: what follows waits behind them. */
  heldBatches = 0;

  constructor(consumer: number, shard: ShardId, number: number, isDurable: boolean, qos: 0 | 1 | 2, hash: number, window: number) {
    this.consumer = consumer;
    this.shard = shard;
    this.number = number;
    this.isDurable = isDurable;
    this.qos = qos;
    this.hash = hash;
    this.window = window;
  }
}

/** The members of one shared subscription, wherever they are, and whose turn it is. */
export class QueueMembers {
  readonly all: QueueMember[] = [];
  readonly #strategy: SharedStrategy;
  #turn = 0;
  readonly #random: SeededRandom;

  constructor(strategy: SharedStrategy, seed: number) {
    this.#strategy = strategy;
    this.#random = new SeededRandom(seed);
  }

  get hasDurable(): boolean {
    return this.all.some(({ isDurable, isGone }) => isDurable && !isGone);
  }

  get isEmpty(): boolean {
    return this.all.every(({ isGone }) => isGone);
  }

  /** How many messages may be given now, all together. */
  get room(): number {
    let room = 0;
    for (const member of this.all) room += Math.max(0, this.#limitOf(member) - member.inHand);
    return room;
  }

  remove(member: QueueMember): void {
    const index = this.all.indexOf(member);
    if (index < 0) return;
    this.all.splice(index, 1);
    if (index < this.#turn) this.#turn -= 1;
  }

  /**
   * Who gets a message with this key.
   * @param refusal members that may not have it. @returns null if nobody can take it now.
   */
  choose(keyHash: number, refusal: ReadonlySet<number> | undefined): QueueMember | null {
    switch (this.#strategy) {
      case 'sticky':
        return this.#firstFree(0, refusal);
      case 'random':
        return this.#firstFree(this.#random.nextU32() % this.all.length, refusal);
      case 'hash-client':
      case 'hash-topic':
        return this.#mostFitting(keyHash, refusal);
      case 'least-inflight':
        return this.#leastLoaded(refusal);
      default:
        return this.#firstFree(this.#turn, refusal);
    }
  }

  /** The member got a message. */
  take(member: QueueMember): void {
    member.inHand += 1;
    this.#turn = this.all.indexOf(member) + 1;
  }

  /** Whether nobody may ever have it, as the members are. */
  isRefusedByAll(refusal: ReadonlySet<number>): boolean {
    return this.all.every(({ consumer, isGone }) => isGone || refusal.has(consumer));
  }

  #limitOf(member: QueueMember): number {
    if (member.isGone) return 0;
    return this.#strategy === 'hash-client' || this.#strategy === 'hash-topic' ? member.window * HASH_WINDOWS : member.window;
  }

  #isFree(member: QueueMember, refusal: ReadonlySet<number> | undefined): boolean {
    return member.inHand < member.window && !member.isGone && (refusal === undefined || !refusal.has(member.consumer));
  }

  #firstFree(start: number, refusal: ReadonlySet<number> | undefined): QueueMember | null {
    const { all } = this;
    for (let i = 0; i < all.length; i += 1) {
      const member = all[(start + i) % all.length];
      if (this.#isFree(member, refusal)) return member;
    }
    return null;
  }

  #leastLoaded(refusal: ReadonlySet<number> | undefined): QueueMember | null {
    const { all } = this;
    let best: QueueMember | null = null;
    for (let i = 0; i < all.length; i += 1) {
      const member = all[(this.#turn + i) % all.length];
      if (this.#isFree(member, refusal) && (best === null || member.inHand < best.inHand)) best = member;
    }
    return best;
  }

  #mostFitting(keyHash: number, refusal: ReadonlySet<number> | undefined): QueueMember | null {
    let best: QueueMember | null = null;
    let bestAffinity = -1;
    for (const member of this.all) {
      if (member.inHand >= this.#limitOf(member) || refusal?.has(member.consumer)) continue;
      const value = affinity(keyHash, member.hash, 0);
      if (value <= bestAffinity) continue;
      best = member;
      bestAffinity = value;
    }
    return best;
  }
}
