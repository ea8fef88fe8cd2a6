import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { SeededRandom } from '../../../src/base/random.js';
import { decodeRefusal, encodeHello, encodeWelcome, FRAME, frameOf, PING, type Refusal } from '../../../src/metadata/peers/frames.js';
import { PEER_EXCHANGE, type PeerStream } from '../../../src/metadata/peers/peer-door.js';
import { encodeMessages } from '../../../src/raft/codec/message-codec.js';
import { eventually } from '../../resilience/deadline.js';
import { numbered, PeerNode, RawPeer, startPair } from './peer-node.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const GUESTS_MAX = 64;
const HELLO_OF_1 = encodeHello({ clusterId: 'c', nodeId: 1, uuid: 'u1' });

for (const code of ['wrong-cluster', 'identity', 'removed', 'unknown', 'version'] as const)
  test(`peer admission: a refusal as ${code} reaches the one that is refused`, async (context) => {
    const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
    const refusal: Refusal = { code, text: `because of ${code}` };
    two.admit = ({ clusterId, nodeId, uuid }): Refusal | null => {
      assert.deepEqual({ clusterId, nodeId, uuid }, { clusterId: 'c', nodeId: 1, uuid: 'u1' });
      return refusal;
    };
    one.transport.setPeers(new Map([[2, two.address]]));
    await eventually('it is told', () => one.refusals.length > 0);
    assert.deepEqual(one.refusals[0], { peer: 2, refusal });
    assert.ok(!one.transport.isConnected(2));
    assert.deepEqual(one.unreachable, []);
  });

test('peer admission: whoever is refused tries again, and is let in when it may', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  two.admit = () => ({ code: 'unknown', text: '' });
  one.transport.setPeers(new Map([[2, two.address]]));
  await eventually('it is refused', () => one.refusals.length > 0);
  two.admit = () => null;
  await one.untilConnected(2);
});

test('peer admission: whoever may not be there any more is shown out', async (context) => {
  const [one, two] = await startPair(context);
  two.admit = () => ({ code: 'removed', text: 'gone' });
  two.transport.setPeers(new Map());
  await eventually('it is told', () => one.refusals.length > 0);
  assert.deepEqual(one.refusals[0], { peer: 2, refusal: { code: 'removed', text: 'gone' } });
  assert.deepEqual(one.unreachable, [2]);
});

test('peer admission: a node of another version is told so', async (context) => {
  const two = await PeerNode.start(context, 2);
  const raw = new RawPeer(context, two.address);
  const hello = Buffer.from(HELLO_OF_1);
  hello.writeBigUInt64BE(99n, 1);
  raw.stream.write(hello);
  await eventually('the stream is over', () => raw.isOver);
  assert.equal(decodeRefusal(raw.frames[0]).code, 'version');
});

test('peer admission: at the address of the peer is another node', async (context) => {
  const [one, three] = [await PeerNode.start(context, 1), await PeerNode.start(context, 3)];
  one.transport.setPeers(new Map([[2, three.address]]));
  await eventually('it is noticed', () => one.events().includes('metadata.stranger'));
  assert.ok(!one.transport.isConnected(2));
});

test('peer admission: the one that answers has the number, but is not who it was', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  one.admit = ({ uuid }) => (uuid === 'u2' ? { code: 'identity', text: 'another disk' } : null);
  one.transport.setPeers(new Map([[2, two.address]]));
  await eventually('it is noticed', () => one.events().includes('metadata.stranger'));
  assert.ok(!one.transport.isConnected(2));
});

test('peer admission: a node that greets again has its new stream, and the old one is ended', async (context) => {
  const two = await PeerNode.start(context, 2);
  const [before, after] = [new RawPeer(context, two.address), new RawPeer(context, two.address)];
  before.stream.write(HELLO_OF_1);
  await eventually('the first is welcome', () => before.frames.length === 1);
  after.stream.write(HELLO_OF_1);
  await eventually('the first is over', () => before.isOver);
  after.stream.write(frameOf(FRAME.messages, encodeMessages([numbered(1)])));
  await eventually('the second works', () => two.messages.length === 1);
});

test('peer admission: who has greeted and falls silent is shown out after ten seconds, who has not after five', async (context) => {
  const two = await PeerNode.start(context, 2);
  const { door } = two.transport;
  const quiet = await new RawPeer(context, two.address).greet(1);
  const lively = await new RawPeer(context, two.address).greet(3);
  const shy = new RawPeer(context, two.address);
  await eventually('all are here', () => door.guestCount === 3);
  door.onTick(5001);
  await eventually('the one without a hello is out', () => shy.isOver);
  lively.stream.write(PING);
  await eventually('the ping is answered', () => lively.frames.at(-1)?.[0] === FRAME.pong);
  door.onTick(5001);
  await eventually('the silent one is out', () => quiet.isOver);
  assert.ok(!lively.isOver);
  assert.equal(door.guestCount, 1);
});

test('peer admission: 64 nodes come in; whoever has not greeted makes room, and else the next is turned away', async (context) => {
  const two = await PeerNode.start(context, 2);
  const shy = new RawPeer(context, two.address);
  await eventually('it is here', () => two.transport.door.guestCount === 1);
  for (let nodeId = 10; nodeId < 10 + GUESTS_MAX; nodeId += 1) await new RawPeer(context, two.address).greet(nodeId);
  await eventually('it made room', () => shy.isOver);
  assert.equal(two.transport.door.guestCount, GUESTS_MAX);
  const next = new RawPeer(context, two.address);
  await eventually('it is turned away', () => next.isOver);
  assert.equal(next.code, status.RESOURCE_EXHAUSTED);
  assert.equal(two.transport.door.guestCount, GUESTS_MAX);
});

const BAD_FRAMES: Readonly<Record<string, readonly Buffer[]>> = {
  'no hello': [frameOf(FRAME.messages, encodeMessages([numbered(1)]))],
  'a hello that is cut': [HELLO_OF_1.subarray(0, 20)],
  'an empty frame': [Buffer.alloc(0)],
  'a second hello': [HELLO_OF_1, HELLO_OF_1],
  'a frame of an unknown kind': [HELLO_OF_1, Buffer.of(77)],
  'a welcome': [HELLO_OF_1, encodeWelcome(1, 'u1')],
  'messages that are cut': [HELLO_OF_1, Buffer.of(FRAME.messages, 0, 0, 0, 9)],
  "messages of somebody else's": [HELLO_OF_1, frameOf(FRAME.messages, encodeMessages([{ ...numbered(1), from: 3 }]))],
  'messages to somebody else': [HELLO_OF_1, frameOf(FRAME.messages, encodeMessages([{ ...numbered(1), to: 3 }]))],
  'forwarded requests that are cut': [HELLO_OF_1, Buffer.of(FRAME.forwards, 0, 0, 0, 9)],
  'a chunk without a mark': [HELLO_OF_1, Buffer.of(FRAME.chunk, 1, 2, 3)],
};

for (const [what, frames] of Object.entries(BAD_FRAMES))
  test(`peer admission: ${what} ends that stream with a line in the log, and no other`, async (context) => {
    const [one, two] = await startPair(context);
    one.transport.setPeers(new Map()); // Node 1 is somebody else now.
    const three = await PeerNode.start(context, 3);
    await three.dial(2, two.address);
    const raw = new RawPeer(context, two.address);
    for (const frame of frames) raw.stream.write(frame);
    await eventually('it is over', () => raw.isOver);
    assert.deepEqual(
      two.events().filter((event) => event === 'metadata.bad-frame'),
      ['metadata.bad-frame'],
    );
    assert.ok(three.transport.isConnected(2));
    assert.deepEqual(three.unreachable, []);
    assert.deepEqual(two.messages, []);
  });

test(`peer admission: whatever a peer sends, the node goes on (FUZZ_SEED=${SEED})`, async (context) => {
  const random = new SeededRandom(SEED);
  const [one, two] = await startPair(context);
  for (let round = 0; round < 100; round += 1) {
    const raw = new RawPeer(context, two.address);
    raw.stream.write(encodeHello({ clusterId: 'c', nodeId: 3, uuid: 'u3' }));
    for (let i = 0; i < 20; i += 1) raw.stream.write(randomFrame(random));
    raw.stream.write(Buffer.of(77));
    await eventually('it is over', () => raw.isOver);
    raw.close();
  }
  one.transport.send(2, [numbered(123_456)]);
  await eventually('others are heard', () => two.messages.some(({ index }) => index === 123_456));
  assert.ok(one.transport.isConnected(2));
});

test(`peer admission: whatever the one that answers says, the node goes on (FUZZ_SEED=${SEED})`, async (context) => {
  const random = new SeededRandom(SEED);
  const one = await PeerNode.start(context, 1);
  const server = new Server();
  context.after(() => server.forceShutdown());
  let dials = 0;
  let left = 0;
  let isTame = false;
  const exchange = (stream: PeerStream): void => {
    stream.on('error', () => {});
    stream.on('cancelled', () => {
      left += 1;
    });
    stream.on('data', () => {});
    dials += 1;
    if (dials % 2 === 0 || isTame) stream.write(encodeWelcome(2, 'u2'));
    if (!isTame) for (let i = 0; i < 20; i += 1) stream.write(randomFrame(random));
  };
  server.addService(PEER_EXCHANGE, { exchange });
  const port = await new Promise<number>((resolve) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound));
  });
  for (let round = 0; round < 100; round += 1) {
    const before = left;
    one.transport.setPeers(new Map([[2, `127.0.0.1:${port}`]]));
    await eventually('it leaves', () => left > before);
    one.transport.setPeers(new Map());
  }
  isTame = true;
  await one.dial(2, `127.0.0.1:${port}`);
});

/** Of a known kind more often than not. */
function randomFrame(random: SeededRandom): Buffer {
  const frame = Buffer.alloc(random.below(60) + 1);
  for (let at = 0; at < frame.length; at += 1) frame[at] = random.below(4) === 0 ? random.below(256) : 0;
  frame[0] = random.below(12);
  return frame;
}
