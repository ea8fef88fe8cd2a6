import type { Receiver, SubscriptionOptions } from './ports.js';

const QOS_MASK = 3;
const NO_LOCAL = 1 << 2;
const RETAIN_AS_PUBLISHED = 1 << 3;
const RETAIN_HANDLING_SHIFT = 4;
const EXCLUSIVE = 1 << 6;

/** Indexed by two bits; the fourth place is not used, and would not be a QoS. */
const TWO_BITS = [0, 1, 2] as const;
const NO_IDENTIFIERS: readonly number[] = [];

/**
 * One subscriber's subscription to one filter. There may be millions: options are packed into one integer
 *
 *     exclusive | retain handling (2 bits) | retain as published | no local | QoS (2 bits)
 *
 * and all subscriptions to the same filter form a ring, so that neither a filter nor a subscriber needs an array for them.
 */
export class Subscription<S> {
  readonly subscriber: S;
  /** As it was subscribed, `$share/...` included. */
  readonly filter: string;
  #flags = 0;
  #identifier = 0;
  /** Neighbours in the ring of the filter; itself if it is alone. */
  previous: Subscription<S>;
  next: Subscription<S>;

  constructor(subscriber: S, filter: string, options: SubscriptionOptions) {
    this.subscriber = subscriber;
    this.filter = filter;
    this.previous = this;
    this.next = this;
    this.replaceOptions(options);
  }

  get qos(): 0 | 1 | 2 {
    return TWO_BITS[this.#flags & QOS_MASK];
  }

  get noLocal(): boolean {
    return (this.#flags & NO_LOCAL) !== 0;
  }

  get retainAsPublished(): boolean {
    return (this.#flags & RETAIN_AS_PUBLISHED) !== 0;
  }

  /** 0 if none. */
  get identifier(): number {
    return this.#identifier;
  }

  get options(): SubscriptionOptions {
    const options = {
      qos: this.qos,
      noLocal: this.noLocal,
      retainAsPublished: this.retainAsPublished,
      retainHandling: TWO_BITS[(this.#flags >> RETAIN_HANDLING_SHIFT) & QOS_MASK],
      identifier: this.#identifier,
    };
    return (this.#flags & EXCLUSIVE) === 0 ? options : { ...options, isExclusive: true };
  }

  replaceOptions(options: SubscriptionOptions): void {
    this.#identifier = options.identifier;
    this.#flags =
      options.qos |
      (options.noLocal ? NO_LOCAL : 0) |
      (options.retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
      (options.retainHandling << RETAIN_HANDLING_SHIFT) |
      (options.isExclusive === true ? EXCLUSIVE : 0);
  }

  /** Puts a subscription that is alone into this one's ring. */
  link(other: Subscription<S>): void {
    other.previous = this.previous;
    other.next = this;
    this.previous.next = other;
    this.previous = other;
  }

  /** Leaves the ring. */
  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}

/** A subscriber of a route, while the overlapping subscriptions of it are merged and after. */
export class MergedReceiver<S> implements Receiver<S> {
  readonly subscriber: S;
  qos: 0 | 1 | 2;
  identifiers: readonly number[];
  retainAsPublished: boolean;
  noLocal: boolean;

  constructor(subscription: Subscription<S>) {
    const identifier = subscription.identifier;
    this.subscriber = subscription.subscriber;
    this.qos = subscription.qos;
    this.identifiers = identifier === 0 ? NO_IDENTIFIERS : [identifier];
    this.retainAsPublished = subscription.retainAsPublished;
    this.noLocal = subscription.noLocal;
  }

  /** One delivery with the highest QoS and all identifiers (MQTT 5.0 §3.3.4); no local only if all of them ask for it. */
  merge(subscription: Subscription<S>): void {
    const qos = subscription.qos;
    if (qos > this.qos) {
      this.qos = qos;
      this.retainAsPublished = subscription.retainAsPublished;
    } else if (qos === this.qos) {
      this.retainAsPublished ||= subscription.retainAsPublished;
    }
    this.noLocal &&= subscription.noLocal;
    const identifier = subscription.identifier;
    if (identifier !== 0 && !this.identifiers.includes(identifier)) {
      this.identifiers = [...this.identifiers, identifier].sort((left, right) => left - right);
    }
  }
}

/** The subscribers of several rings, each once. A ring is given by any subscription in it. */
export function mergeReceivers<S>(rings: readonly Subscription<S>[]): MergedReceiver<S>[] {
  const receivers: MergedReceiver<S>[] = [];
  // Within one ring every subscriber is different, so most topics need no map.
  const bySubscriber = rings.length > 1 ? new Map<S, MergedReceiver<S>>() : null;
  for (const ring of rings) {
    let subscription = ring;
    do {
      const known = bySubscriber?.get(subscription.subscriber);
      if (known !== undefined) {
        known.merge(subscription);
      } else {
        const receiver = new MergedReceiver(subscription);
        receivers.push(receiver);
        bySubscriber?.set(subscription.subscriber, receiver);
      }
      subscription = subscription.next;
    } while (subscription !== ring);
  }
  return receivers;
}
