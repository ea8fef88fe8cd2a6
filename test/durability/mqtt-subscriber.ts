import type { IPublishPacket, Packet, QoS } from 'mqtt-packet';
import { eventually } from '../resilience/deadline.js';
import { Receipts } from './ledger.js';
import { MqttLink } from './mqtt-link.js';
import { type Stamp, verify } from './self-describing.js';

export interface SubscriberOptions {
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly filters: readonly { readonly topic: string; readonly qos: QoS }[];
  /** True for the topics that its filters match. */
  readonly isWanted: (topic: number) => boolean;
  /** Whether a message may come by now. */
  readonly isDue: (stamp: Stamp) => boolean;
  /** Of all members of a shared subscription together. */
  readonly receipts?: Receipts;
}

const SESSION_EXPIRY_SECONDS = 86_400;

/**
 * A client with clean start 0 that keeps its side of the session: packet ids of QoS 2 that it has received and that are not released yet are
 * remembered over reconnects, and not delivered again (MQTT 5 §4.3.3, method B).
 */
export class DurableSubscriber {
  readonly options: SubscriberOptions;
  readonly receipts: Receipts;
  sessionsLost = 0;
  /** Payloads that nobody sent. */
  corrupt = 0;
  /** Delayed messages that came before their time. */
  early = 0;
  readonly #received = new Set<number>();
  #link: MqttLink | null = null;
  #hadSession = false;
  #isHolding = false;
  /** Acknowledgements that wait; they are gone with the connection. */
  #held: Packet[] = [];
  #isSubscribed = false;

  constructor(options: SubscriberOptions) {
    this.options = options;
    this.receipts = options.receipts ?? new Receipts();
  }

  get isConnected(): boolean {
    return this.#link?.isOpen ?? false;
  }

  async connect(url: string): Promise<void> {
    const { clientId, version } = this.options;
    let isKnown = false;
    const early: Packet[] = []; // What comes before we have looked whether the session is there.
    const { link, connack } = await MqttLink.connect(
      url,
      {
        cmd: 'connect',
        clientId,
        protocolVersion: version,
        clean: false,
        keepalive: 0,
        ...(version === 5 ? { properties: { sessionExpiryInterval: SESSION_EXPIRY_SECONDS } } : {}),
      },
      (packet) => {
        if (isKnown) this.#take(packet);
        else early.push(packet);
      },
      () => {},
    );
    this.#link = link;
    this.#held = [];
    if (!connack.sessionPresent) {
      if (this.#hadSession) this.sessionsLost += 1;
      this.#received.clear();
      this.#isSubscribed = false;
    }
    this.#hadSession = true;
    isKnown = true;
    for (const packet of early) this.#take(packet);
    if (this.#isSubscribed) return;
    link.say({ cmd: 'subscribe', messageId: 1, subscriptions: [...this.options.filters] });
    await eventually(`${clientId} has its SUBACK`, () => this.#isSubscribed || !link.isOpen, 10_000);
    if (!this.#isSubscribed) throw new Error(`${clientId}: closed without a SUBACK`);
  }

  drop(): void {
    this.#link?.destroy();
    this.#link = null;
    this.#held = [];
  }

  /** Stops acknowledging, or makes up for it. */
  hold(isHolding: boolean): void {
    this.#isHolding = isHolding;
    if (isHolding) return;
    for (const packet of this.#held) this.#link?.say(packet);
    this.#held = [];
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'suback') this.#isSubscribed = true;
    else if (packet.cmd === 'publish') this.#onPublish(packet);
    else if (packet.cmd === 'pubrel') {
      this.#received.delete(packet.messageId ?? 0);
      this.#answer({ cmd: 'pubcomp', messageId: packet.messageId ?? 0 });
    }
  }

  #onPublish(packet: IPublishPacket): void {
    const messageId = packet.messageId ?? 0;
    if (packet.qos === 2) {
      if (!this.#received.has(messageId)) this.#deliver(packet);
      this.#received.add(messageId);
      this.#answer({ cmd: 'pubrec', messageId });
      return;
    }
    this.#deliver(packet);
    if (packet.qos === 1) this.#answer({ cmd: 'puback', messageId });
  }

  #deliver(packet: IPublishPacket): void {
    const stamp = verify(packet.payload);
    if (stamp === null) this.corrupt += 1;
    else if (!this.options.isDue(stamp)) this.early += 1;
    else if (!packet.retain) this.receipts.take(stamp, packet.qos); // A retained one answers a subscription, beside the order of its topic.
  }

  #answer(packet: Packet): void {
    if (this.#isHolding) this.#held.push(packet);
    else this.#link?.say(packet);
  }
}
