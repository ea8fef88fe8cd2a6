import mqttPacket, { type Packet } from 'mqtt-packet';
import type { SeededRandom } from '../../src/base/random.js';

/*
  Packets of clients that know MQTT well enough to get far, and then do anything: valid ones in any order, mutated ones, garbage, on few client
  identifiers, topics and packet ids, so that they meet. The same seed makes the same packets.
*/

/** Client identifiers that there are. */
const NAMES = 6;
const TOPICS = ['a', 'a/b', 'a/b/c', '/', 'x//y', '$SYS/x', '$delayed/1/a', '$delayed/x/a', '$tenant/t/a', 'ä/ö', 'long/'.repeat(20)];
const FILTERS = [
  ...TOPICS,
  '#',
  '+',
  'a/#',
  '+/b',
  '+/+',
  '$share/g/a/#',
  '$share/g/+',
  '$SYS/#',
  'a/+/c',
  '$share//x',
  '$queue/a/+',
  '$exclusive/a',
  '$replay/10s/a/#',
  '$replay/earliest/#',
  '$replay/x',
  '$tenant/t/#',
  'a#',
  '',
];

export class PacketSource {
  readonly #random: SeededRandom;
  version: 3 | 4 | 5 = 5;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** A connection begins: its CONNECT, of any version. */
  connect(): Uint8Array {
    this.version = this.#pick([3, 4, 5, 5] as const);
    return this.#generate(this.#connect());
  }

  /** One or a few packets, now and then with a flaw. */
  bytes(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = this.#random.below(6); i >= 0; i -= 1) parts.push(this.#generate(this.#packet()));
    const bytes = Buffer.concat(parts);
    const flaw = this.#random.below(60);
    if (bytes.length > 0 && flaw < 2) bytes[this.#random.below(bytes.length)] = this.#random.below(256);
    if (flaw === 2) return bytes.subarray(0, this.#random.below(bytes.length + 1));
    if (flaw === 3) return Buffer.from(Array.from({ length: 20 }, () => this.#random.below(256)));
    return bytes;
  }

  #generate(packet: Packet): Uint8Array {
    try {
      return mqttPacket.generate(packet, { protocolVersion: this.version });
    } catch {
      return Buffer.of(0xc0, 0); // What mqtt-packet refuses to write becomes a ping.
    }
  }

  #connect(): Packet {
    const { version } = this;
    const will = {
      topic: this.#pick(TOPICS),
      payload: Buffer.from('will'),
      qos: this.#qos(),
      retain: this.#chance(4),
      properties: { willDelayInterval: this.#random.below(3) },
    };
    return {
      cmd: 'connect',
      clientId: `fuzz-${this.#random.below(NAMES)}`,
      protocolVersion: version,
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      clean: this.#chance(2),
      keepalive: this.#random.below(3),
      ...(this.#chance(3) ? { will } : {}),
      ...(version === 5
        ? {
            properties: {
              sessionExpiryInterval: this.#random.below(4),
              receiveMaximum: 1 + this.#random.below(20),
              ...(this.#chance(3) ? { topicAliasMaximum: this.#random.below(4) } : {}),
              ...(this.#chance(4) ? { maximumPacketSize: 20 + this.#random.below(200) } : {}),
              ...(this.#chance(20) ? { userProperties: { tenant: this.#pick(['default', 'nobody'] as const) } } : {}),
              ...(this.#chance(20) ? { authenticationMethod: 'SCRAM-SHA-256', authenticationData: Buffer.from('n,,n=a,r=b') } : {}),
            },
          }
        : {}),
    } as Packet;
  }

  #packet(): Packet {
    const isV5 = this.version === 5;
    const messageId = 1 + this.#random.below(12);
    switch (this.#random.below(15)) {
      case 14:
        return isV5 ? this.#auth() : { cmd: 'pingreq' };
      case 0:
        return {
          cmd: 'subscribe',
          messageId,
          subscriptions: [this.#subscription(), this.#subscription()],
          ...this.#identifier(isV5),
        } as Packet;
      case 1:
        return { cmd: 'unsubscribe', messageId, unsubscriptions: [this.#pick(FILTERS)] };
      case 2:
        return { cmd: 'puback', messageId, ...(isV5 && this.#chance(3) ? { reasonCode: 0x80 } : {}) } as Packet;
      case 3:
        return { cmd: 'pubrec', messageId, ...(isV5 && this.#chance(3) ? { reasonCode: 0x80 } : {}) } as Packet;
      case 4:
        return { cmd: 'pubrel', messageId };
      case 5:
        return { cmd: 'pubcomp', messageId };
      case 6:
        return { cmd: 'pingreq' };
      case 7:
        return this.#chance(8) ? ({ cmd: 'disconnect', reasonCode: this.#chance(2) ? 0 : 4 } as Packet) : { cmd: 'pingreq' };
      case 8:
        return this.#chance(30) ? this.#connect() : { cmd: 'pingreq' };
      default:
        return this.#publish(isV5, messageId);
    }
  }

  #auth(): Packet {
    const reasonCode = this.#pick([0x18, 0x19, 0] as const);
    return {
      cmd: 'auth',
      reasonCode,
      properties: { authenticationMethod: 'SCRAM-SHA-256', authenticationData: Buffer.from('n,,n=a,r=b') },
    } as Packet;
  }

  #publish(isV5: boolean, messageId: number): Packet {
    const qos = this.#qos();
    const hasAlias = isV5 && this.#chance(4);
    return {
      cmd: 'publish',
      topic: hasAlias && this.#chance(2) ? '' : this.#pick(TOPICS),
      payload: Buffer.alloc(this.#chance(10) ? 3_000 : this.#random.below(100)),
      qos,
      retain: this.#chance(5),
      dup: qos > 0 && this.#chance(5),
      messageId,
      ...(isV5
        ? {
            properties: {
              ...(hasAlias ? { topicAlias: 1 + this.#random.below(12) } : {}),
              ...(this.#chance(3) ? { messageExpiryInterval: this.#random.below(3) } : {}),
              ...(this.#chance(3) ? { userProperties: { k: ['1', '2'] } } : {}),
            },
          }
        : {}),
    } as Packet;
  }

  #subscription(): object {
    return { topic: this.#pick(FILTERS), qos: this.#qos(), nl: this.#chance(4), rap: this.#chance(2), rh: this.#random.below(3) };
  }

  #identifier(isV5: boolean): object {
    return isV5 && this.#chance(2) ? { properties: { subscriptionIdentifier: 1 + this.#random.below(300) } } : {};
  }

  #qos(): 0 | 1 | 2 {
    return this.#random.below(3) as 0 | 1 | 2;
  }

  /** True once in `of` times. */
  #chance(of: number): boolean {
    return this.#random.below(of) === 0;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)];
  }
}
