import type { Random } from '../../src/base/random.js';
import { eventually } from '../resilience/deadline.js';
import { Ledger, Receipts } from './ledger.js';
import { MqttLink } from './mqtt-link.js';
import { DurablePublisher } from './mqtt-publisher.js';
import { DurableSubscriber } from './mqtt-subscriber.js';
import { type Stamp, verify } from './self-describing.js';
import { nameOf, SHARDS } from './topic-names.js';

/*
  Clients for a broker that dies again and again.

    topic      0 load/a/..  1 load/a/..  2 load/b/..  3 load/b/..      even: of shard 0, odd: of shard 1
               4 load/later/..  5 load/later/..                        delayed by a second
    publisher  0 QoS 1: 0 1    1 QoS 1: 2 3    2 QoS 2: 0 3    3 QoS 2: 1 2      each retains on one topic
               4 QoS 1: 4 5    5 QoS 2: 4 5                                         delayed
    subscriber exact, plus, hash, overlapping, exactly (QoS 2), sleeper (away for several cycles)
  members    of two shared subscriptions, each of which gets every message once: some (QoS 1), once (QoS 2)
*/

const TOPIC_PARENTS: readonly string[] = ['load/a', 'load/a', 'load/b', 'load/b', 'load/later', 'load/later'];
/** Publishers from here on delay what they send: their lanes keep their order. */
const DELAYERS_FROM = 4;
const DELAY_SECONDS = 1;
const EVERYTHING = 'load/#';
/** Topic on which each publisher sets the retained message: one writer, or their order would not be known. */
const RETAINED_TOPICS: readonly number[] = [0, 2, 3, 1];
const QOS_OF: readonly (1 | 2)[] = [1, 1, 2, 2, 1, 2];
const RETAIN_EVERY = 8;
const MEMBERS = 3;
const DISTURB_MS_MAX = 300;
const OFFER_MS = 5;
const SETTLE_MS_MAX = 20_000;

export interface FleetOptions {
  readonly window: number;
  readonly fillerBytesMax: number;
  /** Of each publisher; 0: as fast as it is answered. */
  readonly perSecond: number;
}

/** What a run found; everything but counts must be 0. */
export interface Findings {
  accepted: number;
  delivered: number;
  lost: number;
  duplicatesQos1: number;
  duplicatesQos2: number;
  disorder: number;
  corrupt: number;
  sessionsLost: number;
  staleRetained: number;
  /** Delayed messages before their time. */
  early: number;
}

export class Fleet {
  readonly ledger: Ledger = new Ledger();
  readonly publishers: readonly DurablePublisher[];
  readonly subscribers: readonly DurableSubscriber[];
  readonly sleeper: DurableSubscriber;
  staleRetained = 0;
  readonly #remarks: string[] = [];
  readonly #topicNames: readonly string[];
  readonly #options: FleetOptions;
  readonly #random: Random;
  #offers: NodeJS.Timeout | undefined;
  #disturbance: NodeJS.Timeout | undefined;

  constructor(options: FleetOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#topicNames = TOPIC_PARENTS.map((parent, index) => nameOf(parent, index % SHARDS, index));
    const topics = [
      [0, 1],
      [2, 3],
      [0, 3],
      [1, 2],
      [4, 5],
      [4, 5],
    ];
    this.publishers = topics.map(
      (own, producer) =>
        new DurablePublisher({
          producer,
          clientId: `publisher-${producer}`,
          version: producer % 2 === 0 ? 4 : 5,
          qos: QOS_OF[producer],
          delaySeconds: producer < DELAYERS_FROM ? 0 : DELAY_SECONDS,
          topics: own,
          topicNames: this.#topicNames,
          window: options.window,
          fillerBytesMax: options.fillerBytesMax,
          retainEvery: (topic) => (topic === RETAINED_TOPICS[producer] ? RETAIN_EVERY : 0),
          ledger: this.ledger,
          random,
        }),
    );
    const everything = (): boolean => true;
    const isDue = (stamp: Stamp): boolean => stamp.producer < DELAYERS_FROM || this.ledger.isDue(stamp, DELAY_SECONDS * 1000);
    const hash = { topic: EVERYTHING, qos: 1 } as const;
    this.sleeper = new DurableSubscriber({ clientId: 'sleeper', version: 5, filters: [hash], isWanted: everything, isDue });
    this.subscribers = [
      new DurableSubscriber({
        clientId: 'exact',
        version: 4,
        filters: [{ topic: this.#topicNames[0], qos: 1 }],
        isWanted: (topic) => topic === 0,
        isDue,
      }),
      new DurableSubscriber({
        clientId: 'plus',
        version: 5,
        filters: [{ topic: 'load/a/+', qos: 1 }],
        isWanted: (topic) => topic < 2,
        isDue,
      }),
      new DurableSubscriber({ clientId: 'hash', version: 4, filters: [hash], isWanted: everything, isDue }),
      new DurableSubscriber({
        clientId: 'overlapping',
        version: 5,
        filters: [hash, { topic: 'load/b/+', qos: 2 }],
        isWanted: everything,
        isDue,
      }),
      new DurableSubscriber({ clientId: 'exactly', version: 5, filters: [{ topic: EVERYTHING, qos: 2 }], isWanted: everything, isDue }),
      this.sleeper,
      ...membersOf('some', 1, isDue),
      ...membersOf('once', 2, isDue),
    ];
  }

  /** Subscribers first: what is acknowledged from then on is for all of them. */
  async open(url: string): Promise<void> {
    for (const subscriber of this.subscribers) await subscriber.connect(url);
    for (const publisher of this.publishers) await publisher.connect(url);
  }

  /** All in no order, as far as the broker lives. */
  async reconnect(url: string, withSleeper: boolean): Promise<void> {
    const clients = [...this.subscribers.filter((client) => withSleeper || client !== this.sleeper), ...this.publishers];
    await Promise.allSettled(clients.filter(({ isConnected }) => !isConnected).map((client) => client.connect(url)));
  }

  /** Load and disturbance, until `rest` or `drop`. */
  run(url: string): void {
    const perOffer = (this.#options.perSecond * OFFER_MS) / 1000;
    if (perOffer === 0) for (const publisher of this.publishers) publisher.offer(Number.POSITIVE_INFINITY);
    else
      this.#offers = setInterval(() => {
        for (const publisher of this.publishers) if (publisher.credit < this.#options.window) publisher.offer(perOffer);
      }, OFFER_MS);
    this.#disturb(url);
  }

  rest(): void {
    clearInterval(this.#offers);
    clearTimeout(this.#disturbance);
    for (const publisher of this.publishers) publisher.credit = 0;
    for (const subscriber of this.subscribers) subscriber.hold(false);
  }

  /** Everybody is cut off. */
  drop(): void {
    this.rest();
    for (const client of [...this.subscribers, ...this.publishers]) client.drop();
  }

  /** Ends the load, and waits until everything that was acknowledged has come, or cannot come any more. */
  async settle(url: string): Promise<void> {
    this.rest();
    await this.reconnect(url, true);
    for (const publisher of this.publishers) {
      await publisher.idle();
      publisher.publishLast();
    }
    for (const publisher of this.publishers) await publisher.idle();
    try {
      await eventually('every subscriber has the last message of every lane', () => this.#isAtEnd(), SETTLE_MS_MAX);
    } catch (error) {
      this.#remark(error instanceof Error ? error.message : String(error)); // What did not come counts as lost.
    }
  }

  /** Before publishers are back: each topic's retained message is the last acknowledged one or one that was sent later. */
  async checkRetained(url: string): Promise<void> {
    const retained = new Map<number, number>();
    const { link } = await MqttLink.connect(
      url,
      { cmd: 'connect', clientId: 'reader', protocolVersion: 4, clean: true, keepalive: 0 },
      (packet) => {
        if (packet.cmd !== 'publish' || !packet.retain) return; // Others are on their way still.
        const stamp = verify(packet.payload);
        if (stamp === null) this.#stale(`${packet.topic}: a payload that nobody sent`);
        else if (stamp.producer === RETAINED_TOPICS.indexOf(stamp.topic)) retained.set(stamp.topic, stamp.sequence);
      },
      () => {},
    );
    link.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: EVERYTHING, qos: 0 }] });
    const wanted = RETAINED_TOPICS.map((topic, producer) => ({ topic, lane: this.ledger.lane(producer, topic) }));
    const isThere = (): boolean => wanted.every(({ topic, lane }) => lane.retainedAccepted === 0 || retained.has(topic));
    try {
      await eventually('the retained messages', isThere);
    } catch {
      this.#remark('a retained message is missing'); // Counted below.
    }
    link.destroy();
    for (const { topic, lane } of wanted) {
      const sequence = retained.get(topic) ?? 0;
      if (sequence < lane.retainedAccepted)
        this.#stale(`topic ${topic}: ${sequence} is retained, ${lane.retainedAccepted} was acknowledged`);
      if (sequence > lane.retainedSent) this.#stale(`topic ${topic}: ${sequence} is retained, ${lane.retainedSent} was the last sent`);
    }
  }

  findings(): Findings {
    const sum = (count: (subscriber: DurableSubscriber) => number, subscribers = this.subscribers): number =>
      subscribers.reduce((total, subscriber) => total + count(subscriber), 0);
    const audiences = this.#audiences();
    return {
      accepted: this.ledger.acceptedCount,
      delivered: sum(({ receipts }) => receipts.received, audiences),
      lost: sum(({ receipts, options }) => receipts.lost(this.ledger, options.isWanted), audiences),
      duplicatesQos1: sum(({ receipts }) => receipts.duplicatesQos1, audiences),
      duplicatesQos2: sum(({ receipts }) => receipts.duplicatesQos2, audiences),
      disorder: sum(({ receipts }) => receipts.disorder, audiences),
      corrupt: sum(({ corrupt }) => corrupt),
      sessionsLost: sum(({ sessionsLost }) => sessionsLost) + this.publishers.reduce((total, { sessionsLost }) => total + sessionsLost, 0),
      staleRetained: this.staleRetained,
      early: sum(({ early }) => early),
    };
  }

  /** Of members of a shared subscription one, who has the receipts of all. */
  #audiences(): DurableSubscriber[] {
    return [...new Map(this.subscribers.map((subscriber) => [subscriber.receipts, subscriber])).values()];
  }

  /** What went wrong, in words. */
  remarks(): string[] {
    const own = this.#audiences().flatMap(({ options, receipts }) => receipts.remarks.map((remark) => `${options.clientId}: ${remark}`));
    return [...this.#remarks, ...own];
  }

  /** Now and then a subscriber goes and comes again, or does not acknowledge for a while. */
  #disturb(url: string): void {
    this.#disturbance = setTimeout(() => {
      const subscriber = this.subscribers[this.#random.below(this.subscribers.length)];
      if (subscriber !== this.sleeper && subscriber.isConnected) {
        if (this.#random.below(2) === 0) {
          subscriber.drop();
          subscriber.connect(url).catch(() => {}); // Killed meanwhile: the next cycle connects it.
        } else subscriber.hold(true);
      }
      for (const other of this.subscribers) if (other !== subscriber) other.hold(false);
      this.#disturb(url);
    }, this.#random.below(DISTURB_MS_MAX));
  }

  #isAtEnd(): boolean {
    for (const { producer, topic, lane } of this.ledger.lanes()) {
      for (const { options, receipts } of this.subscribers) {
        if (!options.isWanted(topic)) continue;
        if (receipts.isOrdered ? receipts.last(producer, topic) < lane.sent : !receipts.hasAll(producer, topic, lane)) return false;
      }
    }
    return true;
  }

  #stale(text: string): void {
    this.staleRetained += 1;
    this.#remark(text);
  }

  #remark(text: string): void {
    if (this.#remarks.length < 20) this.#remarks.push(text);
  }
}

function membersOf(group: string, qos: 1 | 2, isDue: (stamp: Stamp) => boolean): DurableSubscriber[] {
  const receipts = new Receipts(false);
  return Array.from(
    { length: MEMBERS },
    (_, i) =>
      new DurableSubscriber({
        clientId: `${group}-${i}`,
        version: i === 0 ? 4 : 5,
        filters: [{ topic: `$share/${group}/${EVERYTHING}`, qos }],
        isWanted: () => true,
        isDue,
        receipts,
      }),
  );
}
