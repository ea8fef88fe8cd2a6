import { generate, type IConnackPacket, type IConnectPacket, type IPublishPacket, type Packet, parser, type QoS } from 'mqtt-packet';

/** The bytes' way to a broker. What comes from there goes to `WireClient.take`, its end to `WireClient.onGone`. */
export interface Carrier {
  /** @returns false if it holds more than it should: `WireClient.onDrained` follows. */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  close(): void;
}

export interface WireClientEvents {
  onConnected(connack: IConnackPacket): void;
  /** `acknowledge` when the message is somebody else's; QoS 0 needs none. */
  onMessage(packet: IPublishPacket): void;
  /** @param codes of SUBACK. */
  onSubscribed(codes: readonly number[]): void;
  onDrained(): void;
  /** Once, and last. */
  onEnd(why: string): void;
}

/** A message to send. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties: NonNullable<IPublishPacket['properties']> | undefined;
}

const REFUSED_FROM = 0x80;

/**
 * One connection of an MQTT client: QoS 0 and 1 with as many in flight as its owner likes, acknowledgements when its owner says so. No timers: `onTick`
 * keeps it alive. It connects once.
 */
export class WireClient {
  readonly #version: 4 | 5;
  readonly #events: WireClientEvents;
  readonly #parser: ReturnType<typeof parser>;
  #carrier: Carrier | null = null;
  /** Publishes that are not acknowledged yet. */
  readonly #sent: Map<number, (reasonCode: number) => void> = new Map();
  #packetIdLast = 0;
  #keepAliveMs = 0;
  #spokeMs = 0;
  #heardMs = 0;
  #hasEnded = false;

  constructor(version: 4 | 5, events: WireClientEvents) {
    this.#version = version;
    this.#events = events;
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on('packet', (packet: Packet) => this.#onPacket(packet));
    this.#parser.on('error', (error: Error) => this.end(`it sent what is no MQTT: ${error.message}`));
  }

  get inFlight(): number {
    return this.#sent.size;
  }

  connect(carrier: Carrier, packet: IConnectPacket, nowMs: number): void {
    this.#carrier = carrier;
    this.#keepAliveMs = (packet.keepalive ?? 0) * 1000;
    this.#heardMs = nowMs;
    this.#say(packet, nowMs);
  }

  /** Bytes from the broker; they are copied. */
  take(bytes: Uint8Array, nowMs: number): void {
    if (this.#hasEnded) return;
    this.#heardMs = nowMs;
    try {
      this.#parser.parse(Buffer.from(bytes));
    } catch (error) {
      this.end(`it sent what is no MQTT: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  subscribe(subscriptions: readonly { readonly filter: string; readonly qos: 0 | 1 }[], nowMs: number): void {
    const options = this.#version === 5 ? { nl: true, rap: true, rh: 1 } : {}; // What it published itself does not come back.
    this.#say(
      {
        cmd: 'subscribe',
        messageId: this.#takePacketId(),
        subscriptions: subscriptions.map(({ filter, qos }) => ({ topic: filter, qos, ...options })),
      },
      nowMs,
    );
  }

  /** @param done for QoS 1, with the reason code of its acknowledgement. @returns false if the carrier is full. */
  publish({ properties, ...message }: OutgoingMessage, done: (reasonCode: number) => void, nowMs: number): boolean {
    const messageId = message.qos === 0 ? {} : { messageId: this.#takePacketId() };
    if (messageId.messageId !== undefined) this.#sent.set(messageId.messageId, done);
    const extra = properties === undefined || this.#version !== 5 ? {} : { properties };
    return this.#say({ cmd: 'publish', dup: false, ...message, ...messageId, ...extra }, nowMs);
  }

  acknowledge(packetId: number, nowMs: number): void {
    this.#say({ cmd: 'puback', messageId: packetId }, nowMs);
  }

  pause(): void {
    this.#carrier?.pause();
  }

  resume(): void {
    this.#carrier?.resume();
  }

  onDrained(): void {
    if (!this.#hasEnded) this.#events.onDrained();
  }

  /** The carrier is gone. */
  onGone(why: string): void {
    this.end(why);
  }

  onTick(nowMs: number): void {
    if (this.#hasEnded || this.#carrier === null || this.#keepAliveMs === 0) return;
    if (nowMs - this.#heardMs > this.#keepAliveMs * 1.5) this.end('nothing was heard of it for one and a half times the keep-alive');
    else if (nowMs - Math.min(this.#spokeMs, this.#heardMs) > this.#keepAliveMs / 2) this.#say({ cmd: 'pingreq' }, nowMs);
  }

  /** In order: the broker does not publish a will. */
  leave(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#carrier?.write(generate({ cmd: 'disconnect' }, { protocolVersion: this.#version }));
    this.#carrier?.close();
  }

  end(why: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#sent.clear();
    this.#carrier?.close();
    this.#events.onEnd(why);
  }

  #onPacket(packet: Packet): void {
    if (this.#hasEnded) return;
    switch (packet.cmd) {
      case 'connack': {
        const code = this.#version === 5 ? (packet.reasonCode ?? 0) : (packet.returnCode ?? 0);
        const words = packet.properties?.reasonString ?? '';
        if (code === 0) this.#events.onConnected(packet);
        else this.end(`it refuses the connection with code ${code}${words === '' ? '' : ` (${words})`}`);
        return;
      }
      case 'publish':
        this.#events.onMessage(packet);
        return;
      case 'puback': {
        const id = packet.messageId ?? 0;
        const done = this.#sent.get(id);
        this.#sent.delete(id);
        done?.(packet.reasonCode ?? 0);
        return;
      }
      case 'suback':
        this.#events.onSubscribed(packet.granted.map((granted) => (typeof granted === 'number' ? granted : REFUSED_FROM)));
        return;
      case 'pingresp':
        return;
      case 'disconnect':
        this.end(`it ends the connection with code ${packet.reasonCode ?? 0}`);
        return;
      default:
        this.end(`it sent a packet that nobody asked for: ${packet.cmd}`);
    }
  }

  #say(packet: Packet, nowMs: number): boolean {
    if (this.#hasEnded || this.#carrier === null) return true;
    this.#spokeMs = nowMs;
    return this.#carrier.write(generate(packet, { protocolVersion: this.#version }));
  }

  #takePacketId(): number {
    do this.#packetIdLast = this.#packetIdLast === 65_535 ? 1 : this.#packetIdLast + 1;
    while (this.#sent.has(this.#packetIdLast));
    return this.#packetIdLast;
  }
}

/** QoS as the bridge carries it. */
export function carriedQos(qos: QoS): 0 | 1 {
  return qos === 0 ? 0 : 1;
}
