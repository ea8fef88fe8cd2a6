import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { RecordingLogger } from '../../src/base/logger.js';
import { SeededRandom } from '../../src/base/random.js';
import { startNode } from '../../src/runtime/node.js';
import { loadSettings } from '../../src/settings/parse.js';
import { RawClient } from '../clients/raw-client.js';

/*
  Clients that know MQTT well enough to get far, and then do anything: valid packets in any order, mutated ones, garbage, at any split,
  on few client identifiers, topics and packet ids, so that they meet. The broker runs as it does for users, on two shards. No shard
  may die of it, and a client that behaves must not notice.

  FUZZ_SECONDS makes it longer, FUZZ_SEED plays a run again.
*/
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const CLIENTS = 12;

const TOPICS = ['a', 'a/b', 'a/b/c', '/', 'x//y', '$SYS/x', 'ä/ö', 'long/'.repeat(20)];
const FILTERS = [...TOPICS, '#', '+', 'a/#', '+/b', '+/+', '$share/g/a/#', '$share/g/+', '$SYS/#', 'a/+/c', '$share//x', 'a#', ''];

class Fuzzer {
  readonly #random: SeededRandom;
  readonly #port: number;
  readonly #sockets: (Socket | null)[] = new Array<Socket | null>(CLIENTS).fill(null);
  readonly #versions: (3 | 4 | 5)[] = new Array<3 | 4 | 5>(CLIENTS).fill(5);
  packets = 0;

  constructor(seed: number, port: number) {
    this.#random = new SeededRandom(seed);
    this.#port = port;
  }

  step(): void {
    const index = this.#random.below(CLIENTS);
    const socket = this.#sockets[index];
    if (socket === null || socket.destroyed) {
      this.#open(index);
      return;
    }
    const action = this.#random.below(100);
    if (action < 3) socket.destroy();
    else if (action < 5) socket.end();
    else if (action < 7) socket.pause();
    else if (action < 10) socket.resume();
    else this.#write(socket, this.#bytes(index));
  }

  close(): void {
    for (const socket of this.#sockets) socket?.destroy();
  }

  #open(index: number): void {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => {}); // The broker resets those who deserve it.
    socket.resume();
    this.#sockets[index] = socket;
    this.#versions[index] = this.#pick([3, 4, 5, 5] as const);
    if (this.#random.below(20) > 0) this.#write(socket, this.#generate(this.#connect(index), index));
  }

  #write(socket: Socket, bytes: Uint8Array): void {
    this.packets += 1;
    let from = 0;
    while (from < bytes.length) {
      const to = this.#random.below(3) === 0 ? Math.min(bytes.length, from + 1 + this.#random.below(8)) : bytes.length;
      socket.write(bytes.subarray(from, to));
      from = to;
    }
  }

  /** One or a few packets, now and then with a flaw. */
  #bytes(index: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = this.#random.below(6); i >= 0; i -= 1) parts.push(this.#generate(this.#packet(index), index));
    const bytes = Buffer.concat(parts);
    const flaw = this.#random.below(60);
    if (bytes.length > 0 && flaw < 2) bytes[this.#random.below(bytes.length)] = this.#random.below(256);
    if (flaw === 2) return bytes.subarray(0, this.#random.below(bytes.length + 1));
    if (flaw === 3) return Buffer.from(Array.from({ length: 20 }, () => this.#random.below(256)));
    return bytes;
  }

  #generate(packet: Packet, index: number): Uint8Array {
    try {
      return mqttPacket.generate(packet, { protocolVersion: this.#versions[index] });
    } catch {
      return Buffer.of(0xc0, 0); // What mqtt-packet refuses to write becomes a ping.
    }
  }

  #connect(index: number): Packet {
    const version = this.#versions[index];
    const will = {
      topic: this.#pick(TOPICS),
      payload: Buffer.from('will'),
      qos: this.#qos(),
      retain: this.#chance(4),
      properties: { willDelayInterval: this.#random.below(3) },
    };
    return {
      cmd: 'connect',
      clientId: `fuzz-${this.#random.below(CLIENTS / 2)}`,
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
            },
          }
        : {}),
    } as Packet;
  }

  #packet(index: number): Packet {
    const isV5 = this.#versions[index] === 5;
    const messageId = 1 + this.#random.below(12);
    switch (this.#random.below(14)) {
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
        return this.#chance(30) ? this.#connect(index) : { cmd: 'pingreq' };
      default:
        return this.#publish(isV5, messageId);
    }
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

async function startLogged(context: TestContext): Promise<{ url: string; port: number; log: RecordingLogger }> {
  const dataPath = mkdtempSync(join(tmpdir(), 'robustmq-fuzz-'));
  const assignments = [
    `data_path=${dataPath}`,
    'mqtt.tcp.port=0',
    'grpc.port=0',
    'mqtt.ws.enabled=false',
    'runtime.shards=2',
    'mqtt.queue_messages_max=50',
    'mqtt.inflight_max=30',
  ];
  const { settings } = loadSettings({ configPath: null, environment: {}, assignments });
  const log = new RecordingLogger();
  const node = await startNode(settings, log);
  context.after(async () => {
    await node.stop();
    rmSync(dataPath, { recursive: true, force: true });
  });
  return { url: node.listeners[0].url, port: node.listeners[0].port, log };
}

test('fuzz: whatever clients send, no shard dies and a client that behaves is served', async (context) => {
  context.diagnostic(`FUZZ_SEED=${SEED}`);
  const { url, port, log } = await startLogged(context);
  const good = await RawClient.connect(context, url, { clientId: 'good' });
  await good.subscribe('good', 1);
  const fuzzer = new Fuzzer(SEED, port);
  const until = Date.now() + SECONDS * 1000;
  let rounds = 0;
  while (Date.now() < until) {
    for (let i = 0; i < 200; i += 1) fuzzer.step();
    rounds += 1;
    good.say({ cmd: 'publish', topic: 'good', payload: `${rounds}`, qos: 1, messageId: (rounds % 65_535) + 1, dup: false, retain: false });
    await good.until(
      () => good.isClosed || good.packets.some((packet) => packet.cmd === 'publish' && packet.payload.toString() === `${rounds}`),
      `message ${rounds}`,
    );
    for (const packet of good.packets) if (packet.cmd === 'publish') good.say({ cmd: 'puback', messageId: packet.messageId as number });
    good.packets.length = 0;
    if (good.isClosed) await new Promise((resolve) => setTimeout(resolve, 500)); // The log of a shard takes a moment.
    const failure = log.records.find((record) => record.level === 'error' || record.level === 'fatal');
    assert.equal(
      failure,
      undefined,
      `FUZZ_SEED=${SEED}: ${failure?.sentence} ${failure?.fields.error instanceof Error ? failure.fields.error.stack : ''}`,
    );
    assert.equal(good.isClosed, false, `FUZZ_SEED=${SEED}: the good client was closed ${JSON.stringify(good.packets.at(-1))}`);
  }
  fuzzer.close();
  context.diagnostic(`${fuzzer.packets} writes in ${rounds} rounds`);
  assert.ok(fuzzer.packets > 500, `${fuzzer.packets} packets in ${SECONDS} s`);
});
