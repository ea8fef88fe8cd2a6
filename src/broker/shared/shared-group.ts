import { assert } from '../../base/assert.js';
import { SeededRandom } from '../../base/random.js';
import type { Receiver, ShardId, SharedGroup as SharedGroupPort } from '../ports.js';
import { MergedReceiver, type Subscription } from '../subscription.js';
import { affinity } from './affinity.js';
import type { SharedChoice, SharedPolicy } from './ports.js';

const NOBODY = -1;

/**
 * The members of one shared subscription, on this shard and, as counts, on the others.
 *
 * Who gets a message is decided where it is published, without asking anybody: the publisher's shard chooses a shard, and that shard one of
 * its own members. Of other shards it knows how many members they have, and what they told last of how many are free and how much they have in
 * hand (`onLoad`): up to a tick ago. A member that is not free is passed over as long as another is; if none is, one has to wait.
 */
export class SharedGroup<S> implements SharedGroupPort<S> {
  /** The subscription's filter, `$share/...` included. */
  readonly key: string;
  readonly policy: SharedPolicy;
  /** What this shard calls the group; other shards send it with a message for one of the members here. Never given out again. */
  readonly number: number;
  readonly self: ShardId;
  readonly #subscriptions: Subscription<S>[] = [];
  readonly #members: Receiver<S>[] = [];
  #turn = 0;
  readonly #random: SeededRandom;
  /** Shards with members, this one included if it has any, ascending; parallel arrays. */
  readonly #shards: ShardId[] = [];
  readonly #weights: number[] = [];
  readonly #credits: number[] = [];
  /** What each of those shards calls the group. */
  readonly #numbers: number[] = [];
  /** Of other shards: members that were free, and messages in hand, when they told, with what went there since. */
  readonly #free: number[] = [];
  readonly #loads: number[] = [];

  constructor(key: string, number: number, self: ShardId, policy: SharedPolicy, seed: number) {
    this.key = key;
    this.number = number;
    this.self = self;
    this.policy = policy;
    this.#random = new SeededRandom(seed ^ Math.imul(number, 0x9e37_79b1));
  }

  /** On this shard. */
  get members(): readonly Receiver<S>[] {
    return this.#members;
  }

  get isEmpty(): boolean {
    return this.#shards.length === 0;
  }

  /** Members of this shard and of others: only then is there something to tell. */
  get isSpread(): boolean {
    return this.#shards.length > 1 && this.#members.length > 0;
  }

  get peers(): readonly ShardId[] {
    return this.#shards;
  }

  /** Who gets the next message: an index of `members`, or ~shard (negative) if it is for a member there, which that shard picks. */
  next(choice: SharedChoice<S>): number {
    const shards = this.#shards;
    assert(shards.length > 0, 'a route has no empty group');
    if (shards.length === 1) return shards[0] === this.self ? this.nextMember(choice) : ~shards[0];
    const mine = this.#members.length === 0 ? NOBODY : this.#freeMember(choice);
    const at = this.#chooseShard(choice, mine);
    if (shards[at] === this.self) return this.#take(mine >= 0 ? mine : this.#anyMember(choice));
    this.#loads[at] += 1;
    return ~shards[at];
  }

  /** Who of this shard gets a message that is for one of its members: an index of `members`, -1 if there is none. */
  nextMember(choice: SharedChoice<S>): number {
    if (this.#members.length === 0) return NOBODY;
    const free = this.#freeMember(choice);
    return this.#take(free >= 0 ? free : this.#anyMember(choice));
  }

  /** What `shard` calls this group. */
  numberOn(shard: ShardId): number {
    const index = this.#shards.indexOf(shard);
    assert(index >= 0, 'only shards with members have a number for the group');
    return this.#numbers[index];
  }

  add(subscription: Subscription<S>): void {
    this.#subscriptions.push(subscription);
    this.#members.push(new MergedReceiver(subscription));
    this.setWeight(this.self, this.#members.length, this.number);
  }

  refresh(subscription: Subscription<S>): void {
    const index = this.#subscriptions.indexOf(subscription);
    assert(index >= 0, 'only a member changes its options');
    this.#members[index] = new MergedReceiver(subscription);
  }

  remove(subscription: Subscription<S>): void {
    const index = this.#subscriptions.indexOf(subscription);
    assert(index >= 0, 'only a member leaves');
    this.#takeOut(index);
    this.setWeight(this.self, this.#members.length, this.number);
  }

  #takeOut(index: number): void {
    const { strategy } = this.policy;
    const subscription = this.#subscriptions.pop();
    const member = this.#members.pop();
    assert(subscription !== undefined && member !== undefined, 'who is taken out was there');
    if (index === this.#members.length) return;
    if (strategy === 'hash-client' || strategy === 'hash-topic') {
      // The last takes its place, and so its keys: all others keep theirs.
      this.#subscriptions[index] = subscription;
      this.#members[index] = member;
      return;
    }
    this.#subscriptions.push(subscription);
    this.#members.push(member);
    this.#subscriptions.splice(index, 1);
    this.#members.splice(index, 1);
    if (index < this.#turn) this.#turn -= 1;
  }

  /** A shard has that many members now. */
  setWeight(shard: ShardId, members: number, number: number): void {
    const index = this.#shards.indexOf(shard);
    if (members === 0) {
      if (index < 0) return;
      for (const column of [this.#shards, this.#weights, this.#credits, this.#numbers, this.#free, this.#loads]) column.splice(index, 1);
      return;
    }
    if (index >= 0) {
      this.#weights[index] = members;
      this.#numbers[index] = number;
      this.#free[index] = members;
      return;
    }
    let at = 0;
    while (at < this.#shards.length && this.#shards[at] < shard) at += 1;
    this.#shards.splice(at, 0, shard);
    this.#weights.splice(at, 0, members);
    this.#credits.splice(at, 0, 0);
    this.#numbers.splice(at, 0, number);
    this.#free.splice(at, 0, members);
    this.#loads.splice(at, 0, 0);
  }

  /** Another shard tells how many of its members are free, and how much they have in hand together. */
  onLoad(shard: ShardId, free: number, load: number): void {
    const index = this.#shards.indexOf(shard);
    if (index < 0) return;
    this.#free[index] = free;
    this.#loads[index] = load;
  }

  /** How many members of this shard are free, and how much they have in hand. */
  countLoad(choice: SharedChoice<S>): { readonly free: number; readonly load: number } {
    let free = 0;
    let load = 0;
    for (const member of this.#members) {
      if (choice.isFree(member)) free += 1;
      load += choice.loadOf(member);
    }
    return { free, load };
  }

  /** @returns a member that can take the message now; NOBODY if none can. */
  #freeMember(choice: SharedChoice<S>): number {
    const members = this.#members;
    const count = members.length;
    switch (this.policy.strategy) {
      case 'sticky':
        return this.#firstFree(choice, 0);
      case 'random':
        return this.#firstFree(choice, this.#random.nextU32() % count);
      case 'hash-client':
        return this.#mostFitting(choice, choice.publisherHash);
      case 'hash-topic':
        return this.#mostFitting(choice, choice.topicHash);
      case 'least-inflight':
        return this.#leastLoaded(choice);
      default:
        return this.#firstFree(choice, this.#turn < count ? this.#turn : 0);
    }
  }

  /** No member is free: one whose turn it is has to keep the message until it can take it. Whoever is away is not asked if another is there. */
  #anyMember(choice: SharedChoice<S>): number {
    const members = this.#members;
    const count = members.length;
    const start = this.policy.strategy === 'random' ? this.#random.nextU32() % count : this.#turn < count ? this.#turn : 0;
    for (let i = 0; i < count; i += 1) {
      const index = (start + i) % count;
      if (choice.isThere(members[index])) return index;
    }
    return start;
  }

  /** The member gets the message: then it is the turn of the one behind it. */
  #take(index: number): number {
    this.#turn = index + 1;
    return index;
  }

  #firstFree(choice: SharedChoice<S>, start: number): number {
    const members = this.#members;
    const count = members.length;
    for (let i = 0; i < count; i += 1) {
      const index = start + i < count ? start + i : start + i - count;
      if (choice.isFree(members[index])) return index;
    }
    return NOBODY;
  }

  /** Order is what hashes are chosen for: a member that only has its hands full keeps its keys. */
  #mostFitting(choice: SharedChoice<S>, hash: number): number {
    const members = this.#members;
    let best = NOBODY;
    let bestAffinity = -1;
    for (let index = 0; index < members.length; index += 1) {
      const value = affinity(hash, this.self, index);
      if (value <= bestAffinity || !choice.isThere(members[index])) continue;
      best = index;
      bestAffinity = value;
    }
    return best;
  }

  #leastLoaded(choice: SharedChoice<S>): number {
    const members = this.#members;
    const count = members.length;
    const start = this.#turn < count ? this.#turn : 0;
    let best = NOBODY;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i += 1) {
      const index = start + i < count ? start + i : start + i - count;
      if (!choice.isFree(members[index])) continue;
      const load = choice.loadOf(members[index]);
      if (load >= bestLoad) continue;
      best = index;
      bestLoad = load;
    }
    return best;
  }

  /** @param mine a free member of this shard, NOBODY if there is none. @returns an index of `shards`. */
  #chooseShard(choice: SharedChoice<S>, mine: number): number {
    switch (this.policy.strategy) {
      case 'sticky':
        return this.#firstShard(mine);
      case 'random':
        return this.#shardByWeight(mine, this.#random.nextU32() % this.#freeWeight(mine));
      case 'hash-client':
        return this.#fittingShard(mine, choice.publisherHash);
      case 'hash-topic':
        return this.#fittingShard(mine, choice.topicHash);
      case 'least-inflight':
        return this.#idlestShard(mine, mine >= 0 ? choice.loadOf(this.#members[mine]) : 0);
      default:
        return this.#shardInTurn(mine);
    }
  }

  /** Whether a shard has a free member, as far as is known. If none has one, all are alike. */
  #isAble(index: number, mine: number): boolean {
    return this.#shards[index] === this.self ? mine >= 0 : this.#free[index] > 0;
  }

  #hasAble(mine: number): boolean {
    for (let index = 0; index < this.#shards.length; index += 1) if (this.#isAble(index, mine)) return true;
    return false;
  }

  #firstShard(mine: number): number {
    for (let index = 0; index < this.#shards.length; index += 1) if (this.#isAble(index, mine)) return index;
    return 0;
  }

  #freeWeight(mine: number): number {
    const isAny = !this.#hasAble(mine);
    let sum = 0;
    for (let index = 0; index < this.#shards.length; index += 1) if (isAny || this.#isAble(index, mine)) sum += this.#weights[index];
    return sum;
  }

  #shardByWeight(mine: number, place: number): number {
    const isAny = !this.#hasAble(mine);
    let rest = place;
    for (let index = 0; index < this.#shards.length; index += 1) {
      if (!isAny && !this.#isAble(index, mine)) continue;
      rest -= this.#weights[index];
      if (rest < 0) return index;
    }
    return 0;
  }

  /** The shard of the place that the key likes best: it finds the same place among its own. */
  #fittingShard(mine: number, hash: number): number {
    const isAny = !this.#hasAble(mine);
    let best = 0;
    let bestAffinity = -1;
    for (let index = 0; index < this.#shards.length; index += 1) {
      if (!isAny && !this.#isAble(index, mine)) continue;
      for (let member = 0; member < this.#weights[index]; member += 1) {
        const value = affinity(hash, this.#shards[index], member);
        if (value <= bestAffinity) continue;
        best = index;
        bestAffinity = value;
      }
    }
    return best;
  }

  /** By what one of its members has in hand on average; of this shard its idlest member is known. */
  #idlestShard(mine: number, mineLoad: number): number {
    let best = NOBODY;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#shards.length; index += 1) {
      if (!this.#isAble(index, mine)) continue;
      const load = this.#shards[index] === this.self ? mineLoad : this.#loads[index] / this.#weights[index];
      if (load >= bestLoad) continue;
      best = index;
      bestLoad = load;
    }
    return best >= 0 ? best : this.#shardInTurn(mine);
  }

  /** Everybody gains its weight, the richest is chosen and pays the sum of all. The turns are smooth: weights 2 and 1 give a b a, not a a b. */
  #shardInTurn(mine: number): number {
    const isAny = !this.#hasAble(mine);
    const credits = this.#credits;
    const weights = this.#weights;
    let total = 0;
    let richest = NOBODY;
    for (let index = 0; index < credits.length; index += 1) {
      if (!isAny && !this.#isAble(index, mine)) continue;
      credits[index] += weights[index];
      total += weights[index];
      if (richest < 0 || credits[index] > credits[richest]) richest = index;
    }
    credits[richest] -= total;
    return richest;
  }
}
