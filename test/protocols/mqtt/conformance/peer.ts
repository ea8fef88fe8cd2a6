import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import mqttPacket, { type IPublishPacket, type Packet } from 'mqtt-packet';
import { join } from './frame.js';

const DEADLINE_MS = 10_000;

/** A packet of the broker: as mqtt-packet reads it, and its bytes. */
export interface Heard {
  readonly packet: Packet;
  readonly bytes: Uint8Array;
}

export interface PublishWish {
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly properties?: IPublishPacket['properties'];
}

export interface SubscribeWish {
  readonly qos?: 0 | 1 | 2;
  readonly nl?: boolean;
  readonly rap?: boolean;
  readonly rh?: 0 | 1 | 2;
  readonly identifier?: number;
}

/** What carries bytes to the broker: a socket, or a WebSocket. */
export interface Line {
  write(bytes: Uint8Array): void;
  destroy(): void;
}

/** One side of a conversation, word by word. Every packet of the broker has to be heard, in its order: an unexpected one is a failure. */
export class Peer {
  readonly version: 4 | 5;
  /** The CONNACK that accepted it. */
  connack: mqttPacket.IConnackPacket | null = null;
  clientId = '';
  isClosed = false;
  readonly #line: Line;
  readonly #heard: Heard[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  #wake: () => void = () => {};
  #packetId = 0;
  /** Packet ids of messages whose PUBREL is answered when it comes. */
  readonly #completing = new Set<number>();

  constructor(version: 4 | 5, openLine: (take: (bytes: Uint8Array) => void, closed: () => void) => Line) {
    this.version = version;
    this.#line = openLine(
      (bytes) => this.#take(bytes),
      () => {
        this.isClosed = true;
        this.#wake();
      },
    );
  }

  static async dial(port: number, version: 4 | 5): Promise<Peer> {
    const socket: Socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.setNoDelay(true);
    socket.on('error', () => {}); // The close that follows is what tests wait for.
    return new Peer(version, (take, closed) => {
      socket.on('data', take).on('close', closed);
      return socket;
    });
  }

  send(...parts: readonly Uint8Array[]): void {
    this.#line.write(join(parts));
  }

  say(...packets: readonly Packet[]): void {
    this.send(...packets.map((packet) => mqttPacket.generate(packet, { protocolVersion: this.version })));
  }

  /** The connection goes without a word. */
  drop(): void {
    this.#line.destroy();
  }

  nextId(): number {
    this.#packetId += 1;
    return this.#packetId;
  }

  /** The next packet, which has to be of this kind and have these fields. */
  async hear<Kind extends Packet['cmd']>(
    kind: Kind,
    fields: Partial<Extract<Packet, { cmd: Kind }>> = {},
  ): Promise<Extract<Packet, { cmd: Kind }>> {
    const { packet } = await this.hearBytes(kind);
    for (const [name, value] of Object.entries(fields))
      assert.deepEqual(plain(Reflect.get(packet, name)), plain(value), `${kind}: ${name}`);
    return packet as Extract<Packet, { cmd: Kind }>;
  }

  async hearBytes(kind: Packet['cmd']): Promise<Heard> {
    const heard = await this.#next();
    assert.ok(heard !== null, `a ${kind} comes, and not the close`);
    assert.equal(heard.packet.cmd, kind, `a ${kind} comes, and not ${JSON.stringify(heard.packet)}`);
    return heard;
  }

  /** The next packet, whatever it is. */
  async hearAny(): Promise<Packet> {
    const heard = await this.#next();
    assert.ok(heard !== null, 'a packet comes, and not the close');
    return heard.packet;
  }

  /** The next packet, or null if the close comes first. */
  async hearOrClose(): Promise<Packet | null> {
    return (await this.#next())?.packet ?? null;
  }

  /** Whether something has come that nobody heard yet: everything up to now is here. */
  async hasMore(): Promise<boolean> {
    if (this.#heard.length === 0) {
      this.say({ cmd: 'pingreq' });
      const next = await this.#next();
      assert.ok(next !== null, 'the connection is alive');
      if (next.packet.cmd === 'pingresp') return false;
      this.#heard.unshift(next);
    }
    return true;
  }

  /** The broker closes, and says nothing before that. */
  async close(): Promise<void> {
    const heard = await this.#next();
    assert.equal(heard === null ? null : JSON.stringify(heard.packet), null, 'the close comes');
  }

  /** The broker ends the connection: MQTT 5 hears why in a DISCONNECT. */
  async end(reasonCode: number): Promise<void> {
    if (this.version === 5) await this.hear('disconnect', { reasonCode });
    await this.close();
  }

  /** CONNACK that refuses, then the close. @param returnCode for MQTT 3; -1: it hears nothing. */
  async refused(reasonCode: number, returnCode: number): Promise<void> {
    if (this.version === 5) await this.hear('connack', { reasonCode, sessionPresent: false });
    else if (returnCode >= 0) await this.hear('connack', { returnCode, sessionPresent: false });
    await this.close();
  }

  /** Nothing has come and the connection is alive. */
  async quiet(): Promise<void> {
    this.say({ cmd: 'pingreq' });
    await this.hear('pingresp');
  }

  /** The next message, acknowledged as its QoS says; its PUBREL is answered when it comes. */
  async message(): Promise<IPublishPacket> {
    const packet = await this.hear('publish');
    const messageId = packet.messageId ?? 0;
    if (packet.qos === 1) this.say({ cmd: 'puback', messageId });
    if (packet.qos === 2) {
      this.#completing.add(messageId);
      this.say({ cmd: 'pubrec', messageId });
    }
    return packet;
  }

  /** Subscribes. @returns the code. */
  async subscribe(filter: string, wish: SubscribeWish = {}): Promise<number> {
    const messageId = this.nextId();
    const { qos = 0, identifier, ...options } = wish;
    this.say({
      cmd: 'subscribe',
      messageId,
      subscriptions: [{ topic: filter, qos, ...options }],
      ...(identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } }),
    });
    const { granted } = await this.hear('suback', { messageId });
    return granted[0] as number;
  }

  async unsubscribe(filter: string): Promise<void> {
    const messageId = this.nextId();
    this.say({ cmd: 'unsubscribe', messageId, unsubscriptions: [filter] });
    await this.hear('unsuback', { messageId });
  }

  /** Publishes, and waits until the broker has the message: it has been given to whoever is there. @returns the code. */
  async publish(topic: string, payload: string | Buffer, wish: PublishWish = {}): Promise<number> {
    const { qos = 1, retain = false, dup = false } = wish;
    const messageId = qos === 0 ? 0 : this.nextId();
    const properties = wish.properties === undefined ? {} : { properties: wish.properties };
    this.say({ cmd: 'publish', topic, payload, qos, retain, dup, messageId, ...properties });
    if (qos === 0) {
      await this.quiet();
      return 0;
    }
    const answer = await this.hear(qos === 1 ? 'puback' : 'pubrec', { messageId });
    if (qos === 2) {
      this.say({ cmd: 'pubrel', messageId });
      await this.hear('pubcomp', { messageId });
    }
    return answer.reasonCode ?? 0;
  }

  /** DISCONNECT, and the close. */
  async leave(reasonCode = 0, sessionExpiryInterval?: number): Promise<void> {
    const properties = sessionExpiryInterval === undefined ? {} : { properties: { sessionExpiryInterval } };
    this.say(this.version === 5 ? { cmd: 'disconnect', reasonCode, ...properties } : { cmd: 'disconnect' });
    await this.close();
  }

  async #next(): Promise<Heard | null> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (this.#heard.length === 0 && !this.isClosed) {
      assert.ok(performance.now() < deadlineMs, 'the broker answers in time');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, DEADLINE_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const heard = this.#heard.shift() ?? null;
    if (heard?.packet.cmd !== 'pubrel' || !this.#completing.delete(heard.packet.messageId ?? 0)) return heard;
    this.say({ cmd: 'pubcomp', messageId: heard.packet.messageId ?? 0 });
    return this.#next();
  }

  #take(bytes: Uint8Array): void {
    this.#rest = join([this.#rest, bytes]);
    for (;;) {
      const length = frameLengthOf(this.#rest);
      if (length === 0) break;
      const packetBytes = this.#rest.slice(0, length);
      this.#rest = this.#rest.slice(length);
      this.#heard.push({ packet: decode(packetBytes, this.version), bytes: packetBytes });
    }
    this.#wake();
  }
}

/** Bytes of the first packet; 0 if it is not complete. */
function frameLengthOf(bytes: Uint8Array): number {
  let remaining = 0;
  for (let i = 1; i < 5 && i < bytes.length; i += 1) {
    remaining += (bytes[i] & 0x7f) * 128 ** (i - 1);
    if (bytes[i] < 0x80) return bytes.length >= i + 1 + remaining ? i + 1 + remaining : 0;
  }
  return 0;
}

function decode(bytes: Uint8Array, version: 4 | 5): Packet {
  const packets: Packet[] = [];
  const parser = mqttPacket.parser({ protocolVersion: version });
  parser.on('packet', (packet: Packet) => packets.push(packet));
  parser.on('error', (error: Error) => assert.fail(`the broker sends what is no packet: ${error.message}`));
  parser.parse(Buffer.from(bytes));
  assert.equal(packets.length, 1, 'one frame is one packet');
  return packets[0];
}

/** Without prototypes, so that what came and what was expected can be compared. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}
