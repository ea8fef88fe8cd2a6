import { assert } from '../base/assert.js';
import type { Receiver, SubscriptionOptions } from './ports.js';
import { isShared, type SharedGroups } from './shared/shared-groups.js';
import { mergeReceivers, Subscription } from './subscription.js';
import { TopicTrie } from './topic-trie.js';

/** What one subscriber has: most have one subscription, and need no map for it. */
type Held<S> = Subscription<S> | Map<string, Subscription<S>>;

/**
 * The subscriptions of one shard's subscribers, by filter and by subscriber. Those to `$share/...` filters are counted and
 * found here too, but their members live in the shared groups.
 */
export class Subscriptions<S> {
  readonly #limit: number;
  readonly #groups: SharedGroups<S>;
  /** Each filter's ring, by any subscription in it. */
  readonly #rings: TopicTrie<Subscription<S>>;
  readonly #bySubscriber: Map<S, Held<S>> = new Map();
  readonly #matched: Subscription<S>[] = [];
  readonly #onMatch = (ring: Subscription<S>): void => {
    this.#matched.push(ring);
  };
  #count = 0;

  /** @param limit subscriptions of one subscriber. */
  constructor(limit: number, groups: SharedGroups<S>, seed: number) {
    assert(limit >= 1, 'a subscriber may have at least one subscription');
    this.#limit = limit;
    this.#groups = groups;
    this.#rings = new TopicTrie(seed);
  }

  get count(): number {
    return this.#count;
  }

  find(subscriber: S, filter: string): Subscription<S> | undefined {
    const held = this.#bySubscriber.get(subscriber);
    if (held instanceof Subscription) return held.filter === filter ? held : undefined;
    return held?.get(filter);
  }

  /** Null if the subscriber has as many as it may. It must not have this filter yet. */
  add(subscriber: S, filter: string, options: SubscriptionOptions): Subscription<S> | null {
    const held = this.#bySubscriber.get(subscriber);
    const subscription = new Subscription(subscriber, filter, options);
    if (held === undefined) {
      this.#bySubscriber.set(subscriber, subscription);
    } else if (held instanceof Subscription) {
      assert(held.filter !== filter, 'a filter is added once per subscriber');
      if (this.#limit < 2) return null;
      this.#bySubscriber.set(subscriber, new Map([[held.filter, held]]).set(filter, subscription));
    } else {
      assert(!held.has(filter), 'a filter is added once per subscriber');
      if (held.size >= this.#limit) return null;
      held.set(filter, subscription);
    }
    this.#count += 1;
    if (isShared(filter)) this.#groups.join(subscription);
    else this.#enterRing(subscription);
    return subscription;
  }

  replaceOptions(subscription: Subscription<S>, options: SubscriptionOptions): void {
    subscription.replaceOptions(options);
    if (isShared(subscription.filter)) this.#groups.refresh(subscription);
  }

  remove(subscription: Subscription<S>): void {
    const held = this.#bySubscriber.get(subscription.subscriber);
    if (held instanceof Map) held.delete(subscription.filter);
    if (held === subscription || (held instanceof Map && held.size === 0)) this.#bySubscriber.delete(subscription.subscriber);
    this.#count -= 1;
    assert(this.#count >= this.#bySubscriber.size, 'every subscriber in the index has a subscription');
    if (isShared(subscription.filter)) this.#groups.leave(subscription);
    else this.#leaveRing(subscription);
  }

  /** A copy: the caller may remove while it walks. */
  of(subscriber: S): Subscription<S>[] {
    const held = this.#bySubscriber.get(subscriber);
    if (held === undefined) return [];
    return held instanceof Subscription ? [held] : [...held.values()];
  }

  /** True if somebody here has this filter; not for `$share/...`. */
  hasFilter(filter: string): boolean {
    return this.#rings.get(filter) !== undefined;
  }

  /** Every filter that somebody here has, once; without `$share/...`. */
  *filters(): Generator<string, void, undefined> {
    for (const ring of this.#rings.values()) yield ring.filter;
  }

  receiversOf(topic: string): readonly Receiver<S>[] {
    this.#rings.match(topic, this.#onMatch);
    const receivers = mergeReceivers(this.#matched);
    this.#matched.length = 0;
    return receivers;
  }

  #enterRing(subscription: Subscription<S>): void {
    const ring = this.#rings.get(subscription.filter);
    if (ring === undefined) this.#rings.set(subscription.filter, subscription);
    else ring.link(subscription);
  }

  #leaveRing(subscription: Subscription<S>): void {
    const filter = subscription.filter;
    if (subscription.next === subscription) {
      this.#rings.delete(filter);
      return;
    }
    if (this.#rings.get(filter) === subscription) this.#rings.set(filter, subscription.next);
    subscription.unlink();
  }
}
