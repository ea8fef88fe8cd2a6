import type { IPublishPacket, Packet } from 'mqtt-packet';
import type { Random } from '../../src/base/random.js';
import { eventually } from '../resilience/deadline.js';
import type { Ledger } from './ledger.js';
import { MqttLink } from './mqtt-link.js';
import { describe, type Stamp } from './self-describing.js';

const PACKET_ID_MAX = 65_535;
const SESSION_EXPIRY_SECONDS = 86_400;
const REFUSED_FROM = 0x80;

export interface PublisherOptions {
  readonly producer: number;
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly qos: 1 | 2;
  /** Indexes into `topicNames` of what it publishes to. */
  readonly topics: readonly number[];
  readonly topicNames: readonly string[];
  /** Messages in flight at most. */
  readonly window: number;
  readonly fillerBytesMax: number;
  /** Every n-th message of a topic is retained; 0: none. */
  readonly retainEvery: (topic: number) => number;
  /** Its messages are delayed by so many seconds; 0: not at all. */
  readonly delaySeconds: number;
  readonly ledger: Ledger;
  readonly random: Random;
}

/** sent: PUBLISH, no answer yet. released: PUBREC came, PUBREL sent. */
interface InFlight {
  readonly stamp: Stamp;
  readonly packet: IPublishPacket;
  phase: 'sent' | 'released';
}

/**
 * A client with clean start 0 that keeps its side of the session over its own reconnects and the broker's deaths (MQTT 5 §4.4): what has no
 * PUBACK or PUBREC is sent again with DUP and the same packet id, what has its PUBREC goes on with PUBREL, in the order of the first time.
 */
export class DurablePublisher {
  readonly options: PublisherOptions;
  /** Messages it may still begin. */
  credit = 0;
  /** CONNACKs that said that the session is gone. */
  sessionsLost = 0;
  /** Answers that refuse, and the last of their codes. */
  refused = 0;
  refusedCode = 0;
  /** Called when the broker has taken over a message. */
  onAccepted: (stamp: Stamp, packetId: number) => void = () => {};
  readonly #inFlight = new Map<number, InFlight>();
  #link: MqttLink | null = null;
  #hadSession = false;
  #window: number;
  #nextId = 1;

  constructor(options: PublisherOptions) {
    this.options = options;
    this.#window = options.window;
  }

  get isConnected(): boolean {
    return this.#link?.isOpen ?? false;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get localPort(): number {
    return this.#link?.localPort ?? 0;
  }

  async connect(url: string): Promise<void> {
    const { clientId, version } = this.options;
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
      (packet) => this.#take(packet),
      () => {},
    );
    this.#link = link;
    this.#window = Math.min(this.options.window, connack.properties?.receiveMaximum ?? PACKET_ID_MAX);
    if (!connack.sessionPresent) {
      if (this.#hadSession) this.sessionsLost += 1;
      this.#inFlight.clear(); // MQTT-3.2.2-5: ours goes with the broker's.
    }
    this.#hadSession = true;
    for (const [packetId, message] of this.#inFlight) {
      if (message.phase === 'sent') link.say({ ...message.packet, dup: true });
      else link.say({ cmd: 'pubrel', messageId: packetId });
    }
    this.pump();
  }

  drop(): void {
    this.#link?.destroy();
    this.#link = null;
  }

  /** Allows `count` more messages, and sends what the window admits. */
  offer(count: number): void {
    this.credit += count;
    this.pump();
  }

  /** Begins messages as far as credit and window go. */
  pump(): void {
    const { topics, random } = this.options;
    while (this.credit >= 1 && this.#inFlight.size < this.#window && this.isConnected) {
      this.credit -= 1;
      this.#begin(topics[random.below(topics.length)]);
    }
  }

  /** One message to each of its topics, whatever the window: when they have come, all before them must have. */
  publishLast(): void {
    for (const topic of this.options.topics) this.#begin(topic);
  }

  async idle(timeoutMs = 15_000): Promise<void> {
    await eventually(`${this.options.clientId} has an answer to everything`, () => this.#inFlight.size === 0, timeoutMs);
  }

  #begin(topic: number): void {
    const { producer, qos, topicNames, fillerBytesMax, retainEvery, delaySeconds, ledger, random } = this.options;
    const sequence = ledger.next(producer, topic);
    const stamp = { producer, topic, sequence };
    const every = retainEvery(topic);
    const retain = every > 0 && sequence % every === 0;
    if (retain) ledger.lane(producer, topic).retainedSent = sequence;
    const packet: IPublishPacket = {
      cmd: 'publish',
      topic: delaySeconds === 0 ? topicNames[topic] : `$delayed/${delaySeconds}/${topicNames[topic]}`,
      payload: describe(stamp, random.below(fillerBytesMax + 1), random),
      qos,
      messageId: this.#freeId(),
      dup: false,
      retain,
    };
    if (delaySeconds > 0) ledger.noteSent(stamp);
    this.#inFlight.set(packet.messageId ?? 0, { stamp, packet, phase: 'sent' });
    this.#link?.say(packet);
  }

  #freeId(): number {
    while (this.#inFlight.has(this.#nextId)) this.#nextId = (this.#nextId % PACKET_ID_MAX) + 1;
    const id = this.#nextId;
    this.#nextId = (id % PACKET_ID_MAX) + 1;
    return id;
  }

  #take(packet: Packet): void {
    if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec' && packet.cmd !== 'pubcomp') return;
    const packetId = packet.messageId ?? 0;
    const message = this.#inFlight.get(packetId);
    if (message === undefined) {
      if (packet.cmd === 'pubrec') this.#link?.say({ cmd: 'pubrel', messageId: packetId });
      return;
    }
    if (packet.cmd === 'pubcomp') this.#inFlight.delete(packetId);
    else if ((packet.reasonCode ?? 0) >= REFUSED_FROM) {
      this.refused += 1;
      this.refusedCode = packet.reasonCode ?? 0;
      this.#inFlight.delete(packetId);
    } else {
      if (message.phase === 'sent') {
        this.options.ledger.accept(message.stamp, message.packet.retain);
        this.onAccepted(message.stamp, packetId);
      }
      if (packet.cmd === 'puback') this.#inFlight.delete(packetId);
      else {
        message.phase = 'released';
        this.#link?.say({ cmd: 'pubrel', messageId: packetId });
      }
    }
    this.pump();
  }
}
