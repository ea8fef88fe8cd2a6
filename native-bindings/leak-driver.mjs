/*
  Opens and closes everything that native-bindings can own, again and again, for the leak check of `sanitize.mjs`:

    node --expose-gc native-bindings/leak-driver.mjs <compiled tree>

  One round: a reactor and an acceptor, connections accepted, outgoing and virtual, in every state in which a connection
  can be given up, then `close` with whatever is open. Rounds run here, and in workers that end by themselves, by terminate
  and by an exception. At its end it leaks a little through `leak-probe.cc`: a run without a report of that proves nothing.
*/
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const ROUNDS = 14;
/** Rounds before memory is compared: node, its loop and the allocator have what they keep. */
const ROUNDS_WARM = 6;
const CLIENTS = 100;
/** A hundred connections' structs and buffers would be more; what node itself keeps per round is less. */
const GROWTH_BYTES_MAX = 16 * 1024;
const DEADLINE_MS = 60_000;
const FRAME_BYTES_MAX = 256 * 1024;
const LIST = 5;

const tree = isMainThread ? process.argv[2] : workerData.tree;
const load = (path) => import(join(tree, 'src', 'transport', path));
const { NativeTransport } = await load('native/native-transport.js');
const { NativeAcceptor } = await load('native/native-acceptor.js');
const { EVENT, FRAMING, ROW_CONNECTION, ROW_COUNT, ROW_INTS, ROW_KIND, ROW_LENGTH, ROW_OFFSET, SPACE_ARENA } = await load('ports.js');
const probe = createRequire(import.meta.url)(join(tree, 'native-bindings', 'build', 'leak-probe.node'));

const OPTIONS = {
  framing: FRAMING.mqtt,
  frameBytesMax: FRAME_BYTES_MAX,
  highMarkBytes: 64 * 1024,
  lowMarkBytes: 16 * 1024,
  gated: false,
  outputBytesMax: 1 << 20,
};
const SINK = { onOutput() {}, onReadable() {}, onClose() {} };

function publish(topic, payloadBytes, qos) {
  const name = Buffer.from(topic);
  const length = 2 + name.length + (qos > 0 ? 2 : 0) + payloadBytes;
  const bytes = Buffer.alloc(4 + length, 0x61);
  bytes[0] = 0x30 | (qos << 1);
  bytes[1] = (length & 0x7f) | 0x80;
  bytes[2] = ((length >> 7) & 0x7f) | 0x80;
  bytes[3] = length >> 14;
  bytes.writeUInt16BE(name.length, 4);
  name.copy(bytes, 6);
  if (qos > 0) bytes.writeUInt16BE(9, 6 + name.length);
  // A length in three bytes must need them.
  return length >= 1 << 14 ? bytes : Buffer.concat([bytes.subarray(0, 1), shortLength(length), bytes.subarray(4)]);
}

function shortLength(length) {
  return length < 128 ? Buffer.from([length]) : Buffer.from([(length & 0x7f) | 0x80, length >> 7]);
}

async function until(condition, what) {
  const endMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Answers every run: acknowledgements, blocks to the sender and to the list, copies larger than the scratch's share. */
function answerRow(transport, row) {
  const { rows, commands } = transport;
  const kind = rows[row + ROW_KIND];
  if (kind !== EVENT.publish) return;
  const [connection, offset, length, count] = [ROW_CONNECTION, ROW_OFFSET, ROW_LENGTH, ROW_COUNT].map((cell) => rows[row + cell]);
  const qos = (transport.arena[offset] >> 1) & 3;
  if (qos > 0) commands.ackRun(connection, 0x40, connection % 2 === 0 ? 0 : 0x10, SPACE_ARENA, offset, count);
  for (const version of [4, 5]) {
    const own = commands.buildBlock(SPACE_ARENA, offset, length, count, 4, { version, qos, retain: 1, duplicate: 0 }, null);
    commands.sendBlock(connection, own, 65_534);
    const all = commands.buildBlock(SPACE_ARENA, offset, length, count, 4, { version, qos: 0, retain: 0, duplicate: 0 }, null);
    commands.sendBlockToList(LIST, all, connection);
  }
  commands.sendCopy(connection, Buffer.alloc(3000, 0xc0));
}

function openRound() {
  const transport = NativeTransport.open({ connectionsMax: 3 * CLIENTS, topicsMax: 64, frameBytesMax: FRAME_BYTES_MAX });
  const round = { transport, accepted: [], frames: 0, connected: 0, closed: 0, sockets: [] };
  transport.start((rowCount) => {
    for (let row = 0; row < rowCount * ROW_INTS; row += ROW_INTS) {
      const kind = transport.rows[row + ROW_KIND];
      if (kind === EVENT.publish) round.frames += transport.rows[row + ROW_COUNT];
      if (kind === EVENT.connected) round.connected += 1;
      if (kind === EVENT.closed) {
        round.closed += 1;
        transport.commands.listForget(transport.rows[row + ROW_CONNECTION]);
        transport.commands.release(transport.rows[row + ROW_CONNECTION]);
      }
      answerRow(transport, row);
    }
  });
  round.acceptor = NativeAcceptor.open((_tag, descriptors, count) => {
    for (let i = 0; i < count; i += 1) {
      const connection = transport.adopt(descriptors[i], OPTIONS);
      if (connection < 0) continue;
      transport.commands.admit(connection, 4, FRAME_BYTES_MAX);
      round.accepted.push(connection);
    }
    transport.submit();
  });
  round.port = round.acceptor.listen('127.0.0.1', 0, 0).port;
  round.acceptor.closeListener(round.acceptor.listen('127.0.0.1', 0, 1).listener);
  return round;
}

/** Clients of node's and of our own, each sending runs of many topics and half a frame that stays in its buffer. */
async function fillRound(round) {
  const { transport, port } = round;
  for (let i = 0; i < CLIENTS / 2; i += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    round.sockets.push(i % 5 === 0 ? socket.pause() : socket.resume());
    const run = Array.from({ length: 4 }, (_, k) => publish(`leaks/${i}/${k}`, k === 3 ? 20_000 : 40, k % 2));
    socket.write(Buffer.concat([...run, publish('half', 100_000, 0).subarray(0, 50_000)]));
  }
  const ours = Array.from({ length: CLIENTS / 2 }, () => transport.connect('127.0.0.1', port, '', { ...OPTIONS, framing: FRAMING.raw }));
  await until(() => round.accepted.length === CLIENTS && round.connected >= ours.length, 'connections');
  await until(() => round.frames >= CLIENTS * 2, 'frames');
  round.virtual = Array.from({ length: CLIENTS / 2 }, () => transport.openVirtual({ ...OPTIONS, outputBytesMax: 100_000 }, SINK));
  for (const [i, connection] of round.virtual.entries()) {
    transport.commands.admit(connection, 5, FRAME_BYTES_MAX);
    transport.submit();
    transport.pushVirtual(connection, publish(`virtual/${i}`, 60_000, 0).subarray(0, 30_000));
  }
  transport.commands.listSet(LIST, Int32Array.from([...round.accepted, ...round.virtual]), round.accepted.length + round.virtual.length);
}

/** Spaces, topics beyond the table, blocks beyond the hot buffer and the turn's memory; then the refusals. */
function useRound(round) {
  const { transport } = round;
  const { commands } = transport;
  const shared = new Uint8Array(new SharedArrayBuffer(1 << 19));
  const space = transport.registerSpace(shared);
  transport.unregisterSpace(transport.registerSpace(new Uint8Array(100)));
  for (let i = 0; i < 500; i += 1) transport.internTopic(Buffer.from(`interned/${i}/${'x'.repeat(i)}`));
  shared.set(publish('shared', 200_000, 1));
  const length = publish('shared', 200_000, 1).length;
  for (let i = 0; i < 4; i += 1) {
    const block = commands.buildBlock(space, 0, length, 1, 4, { version: 5, qos: 1, retain: 0, duplicate: 0 }, Buffer.from([0x0b, 5]));
    for (const connection of round.accepted) commands.sendBlock(connection, block, 1); // Beyond what the kernel takes: some waits.
    for (const connection of round.virtual) commands.sendBlock(connection, block, 1); // Beyond the budget: closed for it.
    transport.submit();
  }
  transport.connect('127.0.0.1', 1, '', OPTIONS); // Refused.
  transport.connect('127.0.0.1', round.port, '203.0.113.1', OPTIONS); // Not an address of ours.
  for (const refused of [
    () => round.acceptor.listen('127.0.0.1', round.port, 0),
    () => transport.openVirtual({ ...OPTIONS, framing: 9 }, SINK),
  ]) {
    try {
      refused();
    } catch {
      continue;
    }
    throw new Error('this should be refused');
  }
}

/** Every way out for a third of them; the others are open when the reactor closes. */
async function thinRound(round) {
  const { transport } = round;
  for (const [i, connection] of round.accepted.entries()) {
    if (i % 6 === 0) transport.commands.close(connection, 0);
    if (i % 6 === 1) transport.commands.close(connection, 5_000);
    if (i % 6 === 2) transport.commands.pauseReading(connection);
  }
  transport.submit();
  for (const [i, socket] of round.sockets.entries()) if (i % 3 === 0) socket.resetAndDestroy();
  await until(() => round.closed >= CLIENTS / 2, 'closed rows');
}

function closeRound(round) {
  round.transport.close();
  round.acceptor.close();
  for (const socket of round.sockets) socket.destroy();
}

async function playRound() {
  const round = openRound();
  await fillRound(round);
  useRound(round);
  await thinRound(round);
  closeRound(round);
}

/** JS loses what it holds, its finalizers run, handles close. */
async function settle() {
  for (let i = 0; i < 6; i += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function runWorker(ending) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { ending, tree }, execArgv: [] });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  let failure = null;
  worker.on('error', (error) => {
    failure = error;
  });
  await new Promise((resolve) => worker.once('message', resolve).once('exit', resolve));
  if (ending === 'terminate') await worker.terminate();
  await ended;
  if (failure !== null && failure.message !== 'asked for') throw failure;
}

if (isMainThread) {
  let before = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await playRound();
    await settle();
    if (round === ROUNDS_WARM - 1) before = probe.allocatedBytes();
  }
  const grown = (probe.allocatedBytes() - before) / (ROUNDS - ROUNDS_WARM);
  console.log(`leak driver: ${ROUNDS} rounds, ${2 * CLIENTS} connections each; ${Math.round(grown)} bytes more per round`);
  if (grown > GROWTH_BYTES_MAX) {
    console.log(`leak driver: at most ${GROWTH_BYTES_MAX} are node's own`);
    process.exitCode = 1;
  }
  for (const ending of ['close', 'open', 'terminate', 'throw', 'terminate', 'exit']) await runWorker(ending);
} else {
  const round = openRound();
  await fillRound(round);
  useRound(round);
  parentPort.postMessage('full');
  if (workerData.ending === 'throw') throw new Error('asked for');
  if (workerData.ending === 'exit') process.exit(0);
  if (workerData.ending === 'close') closeRound(round);
  if (workerData.ending === 'open') setImmediate(() => process.exit(0)); // Its turns have gone on.
}
probe.leak();
