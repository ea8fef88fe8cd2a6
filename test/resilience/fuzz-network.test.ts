import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { RecordingLogger } from '../../src/base/logger.js';
import { SeededRandom } from '../../src/base/random.js';
import { startNode } from '../../src/runtime/node.js';
import { loadSettings } from '../../src/settings/parse.js';
import { RawClient } from '../clients/raw-client.js';
import { PacketSource } from './packet-source.js';

/*
  A dozen clients that say anything (packet-source.ts), at any split. The broker runs as it does for users, on two shards. No shard may die of it,
  and a client that behaves must not notice.

  FUZZ_SECONDS makes it longer, FUZZ_SEED plays a run again.
*/
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const CLIENTS = 12;

class Fuzzer {
  readonly #random: SeededRandom;
  readonly #port: number;
  readonly #sockets: (Socket | null)[] = new Array<Socket | null>(CLIENTS).fill(null);
  readonly #sources: readonly PacketSource[];
  packets = 0;

  constructor(seed: number, port: number) {
    this.#random = new SeededRandom(seed);
    this.#sources = Array.from({ length: CLIENTS }, () => new PacketSource(this.#random));
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
    else this.#write(socket, this.#sources[index].bytes());
  }

  close(): void {
    for (const socket of this.#sockets) socket?.destroy();
  }

  #open(index: number): void {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => {}); // The broker resets those who deserve it.
    socket.resume();
    this.#sockets[index] = socket;
    const hello = this.#sources[index].connect();
    if (this.#random.below(20) > 0) this.#write(socket, hello);
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
}

async function startLogged(context: TestContext): Promise<{ url: string; port: number; log: RecordingLogger }> {
  const dataPath = mkdtempSync(join(tmpdir(), 'robustmq-fuzz-'));
  const assignments = [
    `data_path=${dataPath}`,
    'mqtt.tcp.port=0',
    'grpc.port=0',
    'http.port=0',
    'mqtt.ws.enabled=false',
    'mqtt.tls.enabled=false',
    'mqtt.wss.enabled=false',
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
