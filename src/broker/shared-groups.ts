import { assert } from '../base/assert.js';
import type { Receiver, ShardId, SharedGroup as SharedGroupPort } from './ports.js';
import { MergedReceiver, type Subscription } from './subscription.js';
import { TopicTrie } from './topic-trie.js';

const PREFIX = '$share/';

/** `$share/<group>/<filter>` (MQTT 5.0 §4.8.2), whose group and filter the protocol checked. */
export function isShared(filter: string): boolean {
  return filter.startsWith(PREFIX);
}

function filterInside(shared: string): string {
  return shared.slice(shared.indexOf('/', PREFIX.length) + 1);
}

/**
 * The members of one shared subscription, on this shard and, as counts, on the others.
 *
 * Who gets a message is decided where it is published, without asking anybody: the publisher's shard takes turns among the
 * shards with members, weighted by their number, and the chosen shard takes turns among its own. The turns are smooth:
 * weights 2 and 1 give a b a, not a a b.
 */
export class SharedGroup<S> implements SharedGroupPort<S> {
  /** The subscription's filter, `$share/...` included. */
  readonly key: string;
  /** What this shard calls the group; other shards send it with a message for one of the members here. Never given out again. */
  readonly number: number;
  readonly self: ShardId;
  readonly #subscriptions: Subscription<S>[] = [];
  readonly #members: Receiver<S>[] = [];
  #turn = 0;
  /** Shards with members, this one included if it has any; parallel arrays. */
  readonly #shards: ShardId[] = [];
  readonly #weights: number[] = [];
  readonly #credits: number[] = [];
  /** What each of those shards calls the group. */
  readonly #numbers: number[] = [];

  constructor(key: string, number: number, self: ShardId) {
    this.key = key;
    this.number = number;
    this.self = self;
  }

  /** On this shard. */
  get members(): readonly Receiver<S>[] {
    return this.#members;
  }

  get isEmpty(): boolean {
    return this.#shards.length === 0;
  }

  /** Who gets the next message: an index of `members`, or ~shard (negative) if it is for a member there, which that shard picks. */
  next(): number {
    const shards = this.#shards;
    assert(shards.length > 0, 'a route has no empty group');
    const shard = shards.length === 1 ? shards[0] : shards[this.#chooseShard()];
    return shard === this.self ? this.nextMember() : ~shard;
  }

  /** Whose turn it is on this shard: an index of `members`, -1 if there is none. */
  nextMember(): number {
    const count = this.#members.length;
    if (count === 0) return -1;
    const turn = this.#turn < count ? this.#turn : 0;
    this.#turn = turn + 1;
    return turn;
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
    this.#subscriptions.splice(index, 1);
    this.#members.splice(index, 1);
    if (index < this.#turn) this.#turn -= 1;
    this.setWeight(this.self, this.#members.length, this.number);
  }

  /** A shard has that many members now. */
  setWeight(shard: ShardId, members: number, number: number): void {
    const index = this.#shards.indexOf(shard);
    if (members === 0) {
      if (index < 0) return;
      for (const column of [this.#shards, this.#weights, this.#credits, this.#numbers]) column.splice(index, 1);
      return;
    }
    if (index >= 0) {
      this.#weights[index] = members;
      this.#numbers[index] = number;
      return;
    }
    this.#shards.push(shard);
    this.#weights.push(members);
    this.#credits.push(0);
    this.#numbers.push(number);
  }

  /** Everybody gains its weight, the richest is chosen and pays the sum of all. */
  #chooseShard(): number {
    const credits = this.#credits;
    const weights = this.#weights;
    let total = 0;
    let richest = 0;
    for (let index = 0; index < credits.length; index += 1) {
      credits[index] += weights[index];
      total += weights[index];
      if (credits[index] > credits[richest]) richest = index;
    }
    credits[richest] -= total;
    return richest;
  }
}

/** All shared subscriptions that a shard knows of, its own members' and its peers'. */
export class SharedGroups<S> {
  readonly #self: ShardId;
  readonly #byKey: Map<string, SharedGroup<S>> = new Map();
  readonly #byNumber: Map<number, SharedGroup<S>> = new Map();
  /** By the filter inside: the groups that share it. */
  readonly #byFilter: TopicTrie<readonly SharedGroup<S>[]>;
  #numberLast = 0;

  constructor(self: ShardId, seed: number) {
    this.#self = self;
    this.#byFilter = new TopicTrie(seed);
  }

  join(subscription: Subscription<S>): void {
    this.#groupOf(subscription.filter).add(subscription);
  }

  refresh(subscription: Subscription<S>): void {
    this.#byKey.get(subscription.filter)?.refresh(subscription);
  }

  leave(subscription: Subscription<S>): void {
    const group = this.#byKey.get(subscription.filter);
    assert(group !== undefined, 'a member has a group');
    group.remove(subscription);
    if (group.isEmpty) this.#drop(group);
  }

  get(key: string): SharedGroup<S> | undefined {
    return this.#byKey.get(key);
  }

  byNumber(number: number): SharedGroup<S> | undefined {
    return this.#byNumber.get(number);
  }

  values(): Iterable<SharedGroup<S>> {
    return this.#byKey.values();
  }

  /** A peer has that many members in a group, which it calls `number`. */
  setPeer(shard: ShardId, key: string, members: number, number: number): void {
    assert(shard !== this.#self, 'a peer is another shard');
    if (members === 0 && !this.#byKey.has(key)) return;
    const group = this.#groupOf(key);
    group.setWeight(shard, members, number);
    if (group.isEmpty) this.#drop(group);
  }

  /** A peer is gone, and its members with it. */
  forgetPeer(shard: ShardId): void {
    for (const key of [...this.#byKey.keys()]) this.setPeer(shard, key, 0, 0);
  }

  groupsOf(topic: string): readonly SharedGroup<S>[] {
    if (this.#byKey.size === 0) return NO_GROUPS;
    const matched: SharedGroup<S>[] = [];
    this.#byFilter.match(topic, (groups) => {
      matched.push(...groups);
    });
    return matched;
  }

  #groupOf(key: string): SharedGroup<S> {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#numberLast += 1;
    const group = new SharedGroup<S>(key, this.#numberLast, this.#self);
    this.#byKey.set(key, group);
    this.#byNumber.set(group.number, group);
    const filter = filterInside(key);
    this.#byFilter.set(filter, [...(this.#byFilter.get(filter) ?? NO_GROUPS), group]);
    return group;
  }

  #drop(group: SharedGroup<S>): void {
    this.#byKey.delete(group.key);
    this.#byNumber.delete(group.number);
    const filter = filterInside(group.key);
    const others = (this.#byFilter.get(filter) ?? NO_GROUPS).filter((other) => other !== group);
    if (others.length === 0) this.#byFilter.delete(filter);
    else this.#byFilter.set(filter, others);
  }
}

const NO_GROUPS: readonly never[] = [];
