import type { Random } from '../../src/base/random.js';
import { eventually } from '../resilience/deadline.js';
import { DurableBroker } from './durable-broker.js';
import { Ledger } from './ledger.js';
import { DurablePublisher } from './mqtt-publisher.js';
import { DurableSubscriber } from './mqtt-subscriber.js';
import { nameOf, SHARDS } from './topic-names.js';

/*
  A far broker that lives through the run, what the one that dies exchanges with it over its bridges, and the clients of both:

    out   publisher --> broker that dies --bridge--> far broker --> subscriber        out/1/east/..  as  near/out/1/east/..
    in    subscriber <-- broker that dies <--bridge-- far broker <-- publisher        in/1/east/..   as  near/in/1/east/..

  Each way has a publisher and a subscriber of QoS 1 and of QoS 2: a kind. Each publishes over both bridges, to topics of both shards, for each
  bridge lives on one shard and carries what belongs to any. A bridge promises "at least once" for every QoS: what was acknowledged on one side must
  come to the other, in order, and may come again.
*/

/** By their names one is of shard 0 and one of shard 1. They speak different versions of MQTT. */
const BRIDGES: readonly { readonly name: string; readonly version: 4 | 5 }[] = [
  { name: 'east', version: 5 },
  { name: 'west', version: 4 },
];
const WAYS = ['out', 'in'] as const;
type Way = (typeof WAYS)[number];
const FAR_PREFIX = 'near/';
const TOPICS_PER_KIND = BRIDGES.length * SHARDS;
const WINDOW = 64;
const PER_SECOND = 100;
const OFFER_MS = 10;
const SETTLE_MS_MAX = 20_000;
/** Of a bridge: short, for it must carry in the short lives of the broker that dies. */
const RECONNECT_MS = 100;

/** What a run found of one kind; `lost`, `disorder`, `corrupt` and `sessionsLost` must be 0. */
export interface BridgedFindings {
  readonly way: Way;
  /** With which the publisher published. */
  readonly qos: 1 | 2;
  readonly accepted: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly disorder: number;
  readonly corrupt: number;
  readonly sessionsLost: number;
}

export class BridgedFleet {
  readonly #far: DurableBroker;
  readonly #kinds: readonly BridgedKind[];
  #offers: NodeJS.Timeout | undefined;
  #unsettled: readonly string[] = [];

  /** @param settings of the far broker. */
  constructor(settings: readonly string[], fillerBytesMax: number, random: Random) {
    this.#far = new DurableBroker({ settings });
    const kinds = WAYS.flatMap((way) => ([1, 2] as const).map((qos) => ({ way, qos })));
    this.#kinds = kinds.map(({ way, qos }, index) => new BridgedKind(way, qos, index, fillerBytesMax, random));
  }

  get publishers(): readonly DurablePublisher[] {
    return this.#kinds.map(({ publisher }) => publisher);
  }

  /** Starts the far broker. @returns the setting of the one that dies, as of `--set`: its bridges. */
  async start(qos: 0 | 1): Promise<string> {
    await this.#far.start();
    const rule = { remote_prefix: FAR_PREFIX, qos };
    const bridges = BRIDGES.map(({ name, version }) => ({
      name,
      version,
      url: this.#far.url,
      reconnect_min: RECONNECT_MS,
      reconnect_max: RECONNECT_MS,
      topics: WAYS.map((direction) => ({ ...rule, direction, filter: `${direction}/+/${name}/#` })),
    }));
    return `mqtt.bridges=${JSON.stringify(bridges)}`;
  }

  /** Subscribers first, then the bridges: what is acknowledged once both have their sessions must arrive. */
  async open(broker: DurableBroker): Promise<void> {
    const isRunning = (): boolean => broker.log.filter(({ event }) => event === 'bridge.running').length >= BRIDGES.length;
    for (const { subscriber, way } of this.#kinds) await subscriber.connect(way === 'out' ? this.#far.url : broker.url);
    await eventually('the bridges are connected', isRunning, SETTLE_MS_MAX);
    await this.reconnect(broker.url);
    // They say that they subscribe, not that they have: the first messages show it, by which no message is judged.
    for (const kind of this.#kinds) await kind.untilBridged();
  }

  /** @param url of the broker that dies. */
  async reconnect(url: string): Promise<void> {
    await Promise.allSettled(
      this.#kinds.flatMap(({ publisher, subscriber, way }) => {
        const [from, to] = way === 'out' ? [url, this.#far.url] : [this.#far.url, url];
        return [publisher.isConnected ? null : publisher.connect(from), subscriber.isConnected ? null : subscriber.connect(to)];
      }),
    );
  }

  /** Load until `rest` or `drop`. */
  run(): void {
    const perOffer = (PER_SECOND * OFFER_MS) / 1000;
    this.#offers = setInterval(() => {
      for (const publisher of this.publishers) if (publisher.credit < WINDOW) publisher.offer(perOffer);
    }, OFFER_MS);
  }

  rest(): void {
    clearInterval(this.#offers);
    for (const publisher of this.publishers) publisher.credit = 0;
  }

  /** The clients of the broker that dies are cut off; those of the far one have no part in it, and go on with what they have. */
  drop(): void {
    this.rest();
    for (const { publisher, subscriber, way } of this.#kinds) (way === 'out' ? publisher : subscriber).drop();
  }

  /** Ends the load, and waits until everything that was acknowledged has come, or cannot come any more. */
  async settle(url: string): Promise<void> {
    this.rest();
    await this.reconnect(url);
    for (const publisher of this.publishers) {
      await publisher.idle();
      publisher.publishLast();
    }
    for (const publisher of this.publishers) await publisher.idle();
    try {
      await eventually(
        'both sides have the last message of every bridged lane',
        () => this.#kinds.every((kind) => kind.isAtEnd()),
        SETTLE_MS_MAX,
      );
    } catch (error) {
      this.#unsettled = error instanceof Error ? [error.message] : [String(error)]; // What did not come counts as lost.
    }
  }

  findings(): BridgedFindings[] {
    return this.#kinds.map((kind) => kind.findings());
  }

  remarks(): string[] {
    const own = this.#kinds.flatMap(({ subscriber: { options, receipts } }) =>
      receipts.remarks.map((text) => `${options.clientId}: ${text}`),
    );
    return [...this.#unsettled, ...own];
  }

  async dispose(): Promise<void> {
    this.rest();
    for (const { publisher, subscriber } of this.#kinds) {
      publisher.drop();
      subscriber.drop();
    }
    await this.#far.dispose();
  }
}

/** What one publisher sends over all bridges one way to one subscriber. */
class BridgedKind {
  readonly way: Way;
  readonly qos: 1 | 2;
  readonly publisher: DurablePublisher;
  readonly subscriber: DurableSubscriber;
  readonly #ledger = new Ledger();

  /** @param producer its number, unlike that of any other kind. */
  constructor(way: Way, qos: 1 | 2, producer: number, fillerBytesMax: number, random: Random) {
    this.way = way;
    this.qos = qos;
    const parent = `${way}/${qos}`;
    const topicNames = Array.from({ length: TOPICS_PER_KIND }, (_, topic) => {
      return nameOf(`${parent}/${BRIDGES[Math.floor(topic / SHARDS)].name}`, topic % SHARDS, topic);
    });
    this.publisher = new DurablePublisher({
      producer,
      clientId: `bridged-publisher-${way}-${qos}`,
      version: qos === 1 ? 5 : 4,
      qos,
      delaySeconds: 0,
      topics: topicNames.map((_, topic) => topic),
      topicNames: way === 'out' ? topicNames : topicNames.map((name) => FAR_PREFIX + name),
      window: WINDOW,
      fillerBytesMax,
      retainEvery: () => 0,
      ledger: this.#ledger,
      random,
    });
    this.subscriber = new DurableSubscriber({
      clientId: `bridged-subscriber-${way}-${qos}`,
      version: qos === 1 ? 4 : 5,
      filters: [{ topic: `${way === 'out' ? FAR_PREFIX : ''}${parent}/#`, qos: 2 }],
      isWanted: () => true,
      isDue: () => true,
    });
  }

  /** Publishes to every topic until it is seen to arrive. */
  async untilBridged(): Promise<void> {
    const { publisher, subscriber } = this;
    const missing = (topic: number): boolean => subscriber.receipts.last(publisher.options.producer, topic) === 0;
    await eventually(
      `the bridges carry ${this.way} QoS ${this.qos}`,
      () => {
        const isMissing = publisher.options.topics.some(missing);
        if (isMissing && publisher.inFlight === 0) publisher.publishLast();
        return !isMissing;
      },
      SETTLE_MS_MAX,
    );
    await publisher.idle();
    for (const topic of publisher.options.topics) subscriber.receipts.forgive(publisher.options.producer, topic);
  }

  isAtEnd(): boolean {
    const { receipts } = this.subscriber;
    for (const { producer, topic, lane } of this.#ledger.lanes()) if (receipts.last(producer, topic) < lane.sent) return false;
    return true;
  }

  findings(): BridgedFindings {
    const { receipts, corrupt } = this.subscriber;
    return {
      way: this.way,
      qos: this.qos,
      accepted: this.#ledger.acceptedCount,
      delivered: receipts.received,
      lost: receipts.lost(this.#ledger, () => true),
      duplicates: receipts.duplicatesQos1 + receipts.duplicatesQos2,
      disorder: receipts.disorder,
      corrupt,
      sessionsLost: this.subscriber.sessionsLost + this.publisher.sessionsLost,
    };
  }
}
