import type { IConnackPacket, IConnectPacket, IPublishPacket, UserProperties } from 'mqtt-packet';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Random } from '../../base/random.js';
import { type TopicRule, TopicRules } from './topic-rules.js';
import { type Carrier, carriedQos, WireClient, type WireClientEvents } from './wire-client.js';

export interface BridgeOptions {
  readonly name: string;
  /** Of this broker, unlike that of any other: marks what went through it. */
  readonly brokerId: string;
  readonly version: 4 | 5;
  readonly clientId: string;
  readonly user: string;
  readonly password: string;
  readonly keepAliveSeconds: number;
  readonly inFlightMax: number;
  readonly reconnectMsMin: number;
  readonly reconnectMsMax: number;
  readonly out: readonly TopicRule[];
  readonly in: readonly TopicRule[];
  /** Opens the way to the other broker, or to this one; what comes back goes to the client. Errors are told by `onGone`. */
  readonly openRemote: (client: WireClient) => Carrier;
  readonly openLocal: (client: WireClient) => Carrier;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** For operators. */
export interface BridgeReport {
  readonly name: string;
  readonly state: BridgeState;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly sent: number;
  readonly received: number;
  readonly inFlight: number;
  readonly dropped: Readonly<Record<BridgeDrop, number>>;
  readonly lastFault: string;
}

export type BridgeState = 'waiting' | 'connecting' | 'running' | 'closed';
/** loop: it has been here before. refused: the other side takes it for no good. unmapped: no rule says where it belongs. */
export type BridgeDrop = 'loop' | 'refused' | 'unmapped';

/** The brokers that a message went through, in a user property of MQTT 5. */
const VIA = 'robustmq-via';
const SESSION_SECONDS = 0xffff_fffe;
/** A connection that lasted so long was a good one: the next pause is short again. */
const STABLE_MS = 10_000;
const CONNECT_MS_MAX = 30_000;
/** It may be taken later: not stored (as RobustMQ says it), unavailable, busy, receive maximum, rate, quota. */
const TRY_LATER: ReadonlySet<number> = new Set([0x83, 0x88, 0x89, 0x93, 0x96, 0x97]);
const FAILED_FROM = 0x80;

/*
  Carries messages between this broker and another one, as a client of both:

    this broker --(durable session)--> bridge --publish--> other broker        out: acknowledged here when it is acknowledged there
    this broker <--publish-- bridge <--(its session there)-- other broker      in: acknowledged there when it is acknowledged here

  So the buffer of what the other side has not taken is the log of this broker, and nothing is lost when either side or the bridge itself goes:
  after a break both sides send again what was not acknowledged. QoS 1 at most: at least once.

  Loops: neither side gives back what the bridge itself published (No Local); what went through this broker before carries its mark.
*/
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #out: TopicRules;
  readonly #in: TopicRules;
  #state: BridgeState = 'waiting';
  #sinceMs: number;
  #nextMs = 0;
  #pauseMs: number;
  #remote: WireClient | null = null;
  #local: WireClient | null = null;
  #sent = 0;
  #received = 0;
  readonly #dropped: Record<BridgeDrop, number> = { loop: 0, refused: 0, unmapped: 0 };
  #lastFault = '';

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#out = new TopicRules(options.out, 'out');
    this.#in = new TopicRules(options.in, 'in');
    this.#pauseMs = options.reconnectMsMin;
    this.#sinceMs = options.clock.nowMs();
  }

  report(): BridgeReport {
    return {
      name: this.#options.name,
      state: this.#state,
      sinceMs: this.#sinceMs,
      sent: this.#sent,
      received: this.#received,
      inFlight: (this.#remote?.inFlight ?? 0) + (this.#local?.inFlight ?? 0),
      dropped: { ...this.#dropped },
      lastFault: this.#lastFault,
    };
  }

  onTick(): void {
    const nowMs = this.#nowMs;
    if (this.#state === 'waiting' && nowMs >= this.#nextMs) this.#connect();
    else if (this.#state === 'connecting' && nowMs - this.#nextMs > CONNECT_MS_MAX) this.#breakOff('there was no answer in time');
    this.#remote?.onTick(nowMs);
    this.#local?.onTick(nowMs);
  }

  /** For good; both sides keep their sessions. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#become('closed');
    this.#remote?.leave();
    this.#local?.leave();
    this.#remote = null;
    this.#local = null;
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #become(state: BridgeState): void {
    this.#state = state;
    this.#sinceMs = this.#options.clock.nowMs();
  }

  #connect(): void {
    const { version, user, password, clientId, openRemote } = this.#options;
    this.#become('connecting');
    this.#nextMs = this.#nowMs;
    const remote = new WireClient(
      version,
      this.#eventsOf('remote', (connack) => this.#onRemote(connack)),
    );
    this.#remote = remote;
    const credentials = {
      ...(user === '' ? {} : { username: user }),
      ...(password === '' ? {} : { password: Buffer.from(password) }),
    };
    remote.connect(openRemote(remote), { ...this.#connectPacket(version, clientId), ...credentials }, this.#nowMs);
  }

  /** There first: its limits are those of what may be in flight from here. */
  #onRemote(connack: IConnackPacket): void {
    const { openLocal, name, inFlightMax } = this.#options;
    if (!this.#in.isEmpty) this.#remote?.subscribe(this.#in.subscriptions, this.#nowMs);
    const local = new WireClient(
      5,
      this.#eventsOf('local', () => this.#onLocal()),
    );
    this.#local = local;
    const packet = this.#connectPacket(5, `bridge-${name}`);
    const receiveMaximum = Math.min(inFlightMax, connack.properties?.receiveMaximum ?? 65_535);
    local.connect(openLocal(local), { ...packet, properties: { ...packet.properties, receiveMaximum } }, this.#nowMs);
  }

  #onLocal(): void {
    if (!this.#out.isEmpty) this.#local?.subscribe(this.#out.subscriptions, this.#nowMs);
    this.#become('running');
    this.#options.log.info('bridge.running', 'the bridge carries messages', { bridge: this.#options.name });
  }

  #connectPacket(version: 4 | 5, clientId: string): IConnectPacket {
    const { keepAliveSeconds, inFlightMax } = this.#options;
    const properties = { sessionExpiryInterval: SESSION_SECONDS, receiveMaximum: inFlightMax };
    return {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: version,
      clientId,
      clean: false,
      keepalive: keepAliveSeconds,
      ...(version === 5 ? { properties } : {}),
    };
  }

  #eventsOf(side: 'remote' | 'local', onConnected: (connack: IConnackPacket) => void): WireClientEvents {
    return {
      onConnected,
      onMessage: (packet) => (side === 'remote' ? this.#takeIn(packet) : this.#takeOut(packet)),
      onSubscribed: (codes) => {
        const refused = codes.filter((code) => code >= FAILED_FROM).length;
        if (refused === 0) return;
        this.#lastFault = `${side === 'remote' ? 'the other broker' : 'this broker'} refuses ${refused} of ${codes.length} subscriptions`;
        this.#options.log.warn('bridge.refused', this.#lastFault, { bridge: this.#options.name, codes });
      },
      onDrained: () => (side === 'remote' ? this.#local : this.#remote)?.resume(),
      onEnd: (why) => this.#breakOff(`${side === 'remote' ? 'the other broker' : 'this broker'}: ${why}`),
    };
  }

  #takeOut(packet: IPublishPacket): void {
    const topic = this.#out.translate(packet.topic);
    if (topic === null) this.#drop('unmapped', this.#local, packet);
    else this.#carry(packet, topic, this.#local, this.#remote, [...viaOf(packet), this.#options.brokerId]);
  }

  #takeIn(packet: IPublishPacket): void {
    const via = viaOf(packet);
    const topic = this.#in.translate(packet.topic);
    if (via.includes(this.#options.brokerId)) this.#drop('loop', this.#remote, packet);
    else if (topic === null) this.#drop('unmapped', this.#remote, packet);
    else this.#carry(packet, topic, this.#remote, this.#local, via);
  }

  /** Both sides are there: whoever ends ends the other too. */
  #carry(packet: IPublishPacket, topic: string, from: WireClient | null, to: WireClient | null, via: readonly string[]): void {
    if (from === null || to === null) return; // It comes again when both are back.
    const isOut = from === this.#local;
    const { messageId } = packet;
    const message = {
      topic,
      payload: packet.payload,
      qos: carriedQos(packet.qos),
      retain: packet.retain,
      properties: propertiesOf(packet, via),
    };
    const isFree = to.publish(message, (code) => this.#onCarried(isOut, from, messageId, code), this.#nowMs);
    if (message.qos === 0) this.#count(isOut);
    if (!isFree) from.pause();
  }

  #onCarried(isOut: boolean, from: WireClient, messageId: number | undefined, code: number): void {
    assert(messageId !== undefined, 'what is acknowledged has a packet id');
    if (TRY_LATER.has(code)) {
      this.#breakOff(`a message was not taken, code ${code}; it is sent again`);
      return;
    }
    if (code >= FAILED_FROM) {
      this.#dropped.refused += 1;
      this.#lastFault = `a message was refused, code ${code}`;
    } else this.#count(isOut);
    from.acknowledge(messageId, this.#nowMs);
  }

  #count(isOut: boolean): void {
    if (isOut) this.#sent += 1;
    else this.#received += 1;
  }

  #drop(why: BridgeDrop, from: WireClient | null, { messageId, qos }: IPublishPacket): void {
    this.#dropped[why] += 1;
    if (qos > 0 && messageId !== undefined) from?.acknowledge(messageId, this.#nowMs);
  }

  #breakOff(why: string): void {
    if (this.#state === 'closed' || this.#state === 'waiting') return;
    const { reconnectMsMin, reconnectMsMax, random, log, name, clock } = this.#options;
    const wasStable = this.#state === 'running' && clock.nowMs() - this.#sinceMs >= STABLE_MS;
    this.#pauseMs = wasStable ? reconnectMsMin : Math.min(reconnectMsMax, this.#pauseMs * 2);
    // Up to a fifth more, so that many bridges do not come back at once.
    const pauseMs = this.#pauseMs + random.below(Math.floor(this.#pauseMs / 5) + 1);
    this.#lastFault = why;
    this.#become('waiting');
    this.#nextMs = this.#nowMs + pauseMs;
    const ends = [this.#remote, this.#local];
    this.#remote = null;
    this.#local = null;
    for (const client of ends) client?.leave();
    log.warn('bridge.broken', `the bridge is interrupted: ${why}`, { bridge: name, retryMs: pauseMs });
  }
}

function viaOf({ properties }: IPublishPacket): readonly string[] {
  const via = properties?.userProperties?.[VIA];
  if (via === undefined) return [];
  return Array.isArray(via) ? via : [via];
}

/** What the message says of itself, and the brokers it went through; not what was between its sender and us. */
function propertiesOf({ properties }: IPublishPacket, via: readonly string[]): NonNullable<IPublishPacket['properties']> {
  const { topicAlias: _alias, subscriptionIdentifier: _identifier, userProperties, ...own } = properties ?? {};
  const users: UserProperties = { ...userProperties };
  if (via.length > 0) users[VIA] = [...via];
  return Object.keys(users).length === 0 ? own : { ...own, userProperties: users };
}
