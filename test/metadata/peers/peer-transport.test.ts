import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardOutcome } from '../../../src/metadata/peers/forwards.js';
import type { SnapshotChunk } from '../../../src/raft/driver/ports.js';
import { EMPTY_CONFIGURATION } from '../../../src/raft/messages.js';
import { eventually, pass } from '../../resilience/deadline.js';
import { BadWire } from './bad-wire.js';
import { numbered, PeerNode, startPair } from './peer-node.js';

/** Frames that may wait, of the link, and about those that gRPC takes before it says that it is full. */
const WAITING_FRAMES_MAX = 4096;
const TAKEN_BY_GRPC_MAX = 260;
const MIB = 1024 * 1024;

function chunkOf(number: number, bytes: number): SnapshotChunk {
  const mark = { index: 7, term: 1, configuration: EMPTY_CONFIGURATION, chunkCount: 99, bytes: 1, checksum: 0 };
  return { mark, term: 1, number, checksum: 0, bytes: Buffer.alloc(bytes, number) };
}

test('peer transport: messages of many turns arrive in their order, each once', async (context) => {
  const [one, two] = await startPair(context);
  let next = 0;
  for (let turn = 0; turn < 200; turn += 1) {
    const count = (turn % 30) + 1;
    one.transport.send(
      2,
      Array.from({ length: count }, () => numbered(next++, 300)),
    );
    if (turn % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually('all are there', () => two.messages.length === next);
  assert.ok(two.messages.every(({ index }, at) => index === at));
  assert.equal(Buffer.from(two.messages[255].entries[0].data).toString('hex'), 'ff'.repeat(300));
  assert.deepEqual(one.unreachable, []);
});

test('peer transport: a turn of nine MiB goes in several frames, in order', async (context) => {
  const [one, two] = await startPair(context);
  one.transport.send(
    2,
    Array.from({ length: 10 }, (_, index) => numbered(index, 0.9 * MIB)),
  );
  await eventually('all are there', () => two.messages.length === 10);
  assert.ok(two.messages.every(({ index, entries }, at) => index === at && entries[0].data.length === Math.floor(0.9 * MIB)));
  assert.equal(two.arrivals.filter((what) => what === 'messages').length, 10);
});

test('peer transport: both ways at once, each on a stream of its own', async (context) => {
  const [one, two] = await startPair(context);
  await two.dial(1, one.address);
  one.transport.send(2, [numbered(1)]);
  two.transport.send(1, [{ ...numbered(2), from: 2, to: 1 }]);
  two.transport.sendChunkAnswer(1, { index: 5, next: 3 });
  await eventually('both are there', () => two.messages.length === 1 && one.chunkAnswers.length === 1);
  assert.equal(one.messages[0].index, 2);
  assert.deepEqual(one.chunkAnswers, [{ index: 5, next: 3 }]);
});

test('peer transport: whoever sends more than may wait loses the newest, and is told once that the peer is out of reach', async (context) => {
  const [one, two] = await startPair(context);
  const sent = WAITING_FRAMES_MAX + 1000;
  for (let index = 0; index < sent; index += 1) one.transport.send(2, [numbered(index)]);
  assert.deepEqual(one.unreachable, [], 'not within the call');
  await eventually('it is told', () => one.unreachable.length > 0);
  await eventually('what waited has arrived', () => two.messages.length >= WAITING_FRAMES_MAX);
  one.transport.send(2, [numbered(sent)]);
  await eventually('the next one arrives', () => two.messages.at(-1)?.index === sent);
  const arrived = two.messages.length - 1;
  assert.ok(arrived >= WAITING_FRAMES_MAX && arrived <= WAITING_FRAMES_MAX + TAKEN_BY_GRPC_MAX, `${arrived} arrived`);
  assert.ok(two.messages.slice(0, arrived).every(({ index }, at) => index === at));
  assert.deepEqual(one.unreachable, [2]);
});

test('peer transport: bytes that wait are bounded too', async (context) => {
  const [one, two] = await startPair(context);
  for (let index = 0; index < 60; index += 1) one.transport.send(2, [numbered(index, MIB)]);
  await eventually('it is told', () => one.unreachable.length > 0);
  one.transport.send(2, [numbered(60)]);
  await eventually('the last one arrives', () => two.messages.at(-1)?.index === 60);
  assert.ok(two.messages.length >= 16 && two.messages.length < 50, `${two.messages.length} arrived`);
});

test('peer transport: chunks arrive unchanged, and wait for messages that were sent after them', async (context) => {
  const [one, two] = await startPair(context);
  for (let number = 0; number < 100; number += 1) one.transport.sendChunk(2, chunkOf(number, 64 * 1024));
  for (let index = 0; index < 20; index += 1) one.transport.send(2, [numbered(index)]);
  one.transport.sendChunkAnswer(2, { index: 1, next: 2 });
  await eventually('all are there', () => two.arrivals.length === 121);
  assert.ok(two.chunks.every(({ number, bytes }, at) => number === at && bytes.length === 64 * 1024 && bytes[0] === at));
  assert.deepEqual(two.chunks[3].mark, chunkOf(3, 0).mark);
  const last = two.arrivals.lastIndexOf('messages');
  assert.ok(two.arrivals.slice(0, last).filter((what) => what === 'chunk').length <= 8, 'few chunks were before them');
});

test('peer transport: a server that ends and comes again is found again', async (context) => {
  const [one, two] = await startPair(context);
  two.shut();
  await eventually('the connection broke', () => !one.transport.isConnected(2));
  assert.deepEqual(one.unreachable, [2]);
  one.transport.send(2, [numbered(1)]);
  await eventually('it was tried in vain', () => one.log.records.length > 0);
  await two.open();
  await one.untilConnected(2);
  one.transport.send(2, [numbered(2)]);
  await eventually('it arrives', () => two.messages.length > 0);
  assert.deepEqual(
    two.messages.map(({ index }) => index),
    [2],
    'what was sent meanwhile is lost',
  );
});

test('peer transport: a peer that comes later is found within seconds', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  two.shut();
  one.transport.setPeers(new Map([[2, two.address]]));
  await pass(700); // Some tries fail.
  await two.open();
  await one.untilConnected(2);
  assert.deepEqual(one.unreachable, [], 'it never was within reach');
});

test('peer transport: a peer that is silent is left after two seconds, and the next try is a connection of its own', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  const wire = await BadWire.to(context, two.address);
  await one.dial(2, wire.address);
  const answers: ForwardOutcome[] = [];
  wire.freeze();
  const frozenMs = performance.now();
  one.transport.forward(2, Buffer.of(1), 60_000, (answer) => answers.push(answer));
  await eventually('it is noticed', () => one.unreachable.length > 0);
  const noticedMs = performance.now() - frozenMs;
  assert.ok(noticedMs > 1000 && noticedMs < 4000, `noticed after ${noticedMs} ms`);
  await eventually('what was under way is given back', () => answers.length > 0);
  assert.deepEqual(answers, [null]);
  wire.thaw();
  await one.untilConnected(2);
  assert.ok(wire.connections >= 2);
  one.transport.send(2, [numbered(1)]);
  await eventually('it arrives', () => two.messages.length === 1);
  assert.deepEqual(one.unreachable, [2]);
});

test('peer transport: a peer that reads slowly is not taken for dead', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  const wire = await BadWire.to(context, two.address);
  await one.dial(2, wire.address);
  wire.bytesPerSecond = 3 * MIB;
  for (let index = 0; index < 12; index += 1) one.transport.send(2, [numbered(index, MIB)]);
  await eventually('all are there', () => two.messages.length === 12, 30_000);
  assert.deepEqual(one.unreachable, []);
});

test('peer transport: other addresses are dialled, and who is no peer any more is left', async (context) => {
  const [one, two] = await startPair(context);
  const wire = await BadWire.to(context, two.address);
  await one.dial(2, wire.address);
  assert.equal(wire.connections, 1);
  await one.dial(2, wire.address);
  assert.equal(wire.connections, 1, 'the same address is the same connection');
  one.transport.setPeers(new Map());
  assert.ok(!one.transport.isConnected(2));
  one.transport.send(2, [numbered(1)]);
  one.transport.sendChunk(2, chunkOf(0, 1));
  let answer: ForwardOutcome | undefined;
  one.transport.forward(2, Buffer.of(1), 1000, (given) => {
    answer = given;
  });
  assert.equal(answer, undefined, 'not within the call');
  await eventually('it is answered', () => answer !== undefined);
  assert.equal(answer, 'not-sent');
  assert.deepEqual(two.messages, []);
});

test('peer transport: an address that is none is a line in the log, and another one is dialled', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  for (const address of ['', '\n', '::1:2:x', 'nowhere:port']) one.transport.setPeers(new Map([[2, address]]));
  assert.deepEqual(one.events(), ['metadata.bad-address', 'metadata.bad-address']);
  await one.dial(2, two.address);
});

test('peer transport: once closed it does nothing, and nothing happens', async (context) => {
  const [one, two] = await startPair(context);
  one.transport.close();
  one.transport.close();
  one.transport.setPeers(new Map([[2, two.address]]));
  one.transport.send(2, [numbered(1)]);
  assert.ok(!one.transport.isConnected(2));
  assert.deepEqual(two.messages, []);
});

test('peer transport: throughput of frames with 100 entries of 256 bytes', async (context) => {
  const [one, two] = await startPair(context);
  const frames = 2000;
  const entries = Array.from(
    { length: 100 },
    (_, at) => ({ term: 1, index: at + 1, type: 'normal', data: Buffer.alloc(256, at) }) as const,
  );
  const message = { ...numbered(0), entries };
  const beganMs = performance.now();
  for (let sent = 0; sent < frames; sent += 1) {
    one.transport.send(2, [message]);
    // As a leader does it: so many in flight.
    if (sent % 256 === 255) await eventually('they arrive', () => two.messages.length > sent - 128, 30_000);
  }
  await eventually('all are there', () => two.messages.length === frames, 30_000);
  const seconds = (performance.now() - beganMs) / 1000;
  context.diagnostic(`${((frames * 25_600) / seconds / 1e6).toFixed(0)} MB/s of data, ${(frames / seconds).toFixed(0)} frames/s`);
  assert.deepEqual(one.unreachable, []);
});
