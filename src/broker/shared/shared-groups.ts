import { assert } from '../../base/assert.js';
import type { ShardId } from '../ports.js';
import type { Subscription } from '../subscription.js';
import { TopicTrie } from '../topic-trie.js';
import type { SharedChoice, SharedPolicies } from './ports.js';
import { SharedGroup } from './shared-group.js';

const PREFIX = '$share/';

/** By turns, and kept only for members that outlive their connection. */
export const BY_TURNS: SharedPolicies = () => ({
  ...{ strategy: 'round-robin', isDurable: false, keepMs: 0 },
  ...{ messagesMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER },
});

/** `$share/<group>/<filter>` (MQTT 5.0 §4.8.2), whose group and filter the protocol checked. */
export function isShared(filter: string): boolean {
  return filter.startsWith(PREFIX);
}

/** `<group>/<filter>` apart. */
export function partsOfShared(shared: string): { readonly group: string; readonly filter: string } {
  const slash = shared.indexOf('/', PREFIX.length);
  return { group: shared.slice(PREFIX.length, slash), filter: shared.slice(slash + 1) };
}

/** Groups whose load is counted in one tick. */
const LOADS_PER_TICK = 512;

/** What one shard tells another of its members: what that one calls the group, how many are free, how much they have in hand. */
export type SharedLoads = (readonly [group: number, free: number, load: number])[];

/** All shared subscriptions that a shard knows of, its own members' and its peers'. */
export class SharedGroups<S> {
  readonly #self: ShardId;
  readonly #byKey: Map<string, SharedGroup<S>> = new Map();
  readonly #byNumber: Map<number, SharedGroup<S>> = new Map();
  /** By the filter inside: the groups that share it. */
  readonly #byFilter: TopicTrie<readonly SharedGroup<S>[]>;
  readonly #policies: SharedPolicies;
  readonly #seed: number;
  #numberLast = 0;
  /** Groups whose load this round has not looked at. */
  #unlooked: IterableIterator<SharedGroup<S>> | null = null;

  constructor(self: ShardId, seed: number, policies: SharedPolicies = BY_TURNS) {
    this.#self = self;
    this.#policies = policies;
    this.#seed = seed;
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

  /** What is to be told to the shards that have members of the same groups. Many groups take several ticks. */
  loadsOf(choice: SharedChoice<S>): Map<ShardId, SharedLoads> {
    const loads = new Map<ShardId, SharedLoads>();
    this.#unlooked ??= this.#byKey.values();
    for (let looks = 0; looks < LOADS_PER_TICK; looks += 1) {
      const { value: group, done } = this.#unlooked.next();
      if (done || group === undefined) {
        this.#unlooked = null;
        break;
      }
      if (!group.isSpread) continue;
      const { free, load } = group.countLoad(choice);
      for (const shard of group.peers) {
        if (shard === this.#self) continue;
        const toShard = loads.get(shard) ?? [];
        toShard.push([group.numberOn(shard), free, load]);
        loads.set(shard, toShard);
      }
    }
    return loads;
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
    const { group: name, filter } = partsOfShared(key);
    const group = new SharedGroup<S>(key, this.#numberLast, this.#self, this.#policies(name, filter), this.#seed);
    this.#byKey.set(key, group);
    this.#byNumber.set(group.number, group);
    this.#byFilter.set(filter, [...(this.#byFilter.get(filter) ?? NO_GROUPS), group]);
    return group;
  }

  #drop(group: SharedGroup<S>): void {
    this.#byKey.delete(group.key);
    this.#byNumber.delete(group.number);
    const { filter } = partsOfShared(group.key);
    const others = (this.#byFilter.get(filter) ?? NO_GROUPS).filter((other) => other !== group);
    if (others.length === 0) this.#byFilter.delete(filter);
    else this.#byFilter.set(filter, others);
  }
}

const NO_GROUPS: readonly never[] = [];
