import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeForwardAnswers, encodeForwards, FRAME, PING } from '../../../src/metadata/peers/frames.js';
import { eventually } from '../../resilience/deadline.js';
import { BadWire } from './bad-wire.js';
import { numbered, PeerNode, RawPeer, startPair } from './peer-node.js';

const FORWARDS_MAX = 10_000;
const LONG_MS = 60_000;
const MIB = 1024 * 1024;

interface Asked {
  outcome: string | null | undefined;
}

/** The outcome is the text of the answer, `not-sent`, or null; undefined until it is there, and not within the call. */
function ask(node: PeerNode, request: string | Buffer, deadlineMs: number): Asked {
  const asked: Asked = { outcome: undefined };
  node.transport.forward(2, Buffer.from(request), deadlineMs, (outcome) => {
    assert.equal(asked.outcome, undefined, 'it is answered once');
    asked.outcome = typeof outcome === 'string' || outcome === null ? outcome : Buffer.from(outcome).toString();
  });
  assert.equal(asked.outcome, undefined, 'not within the call');
  return asked;
}

function untilKnown(asked: Asked): Promise<void> {
  return eventually('the outcome is known', () => asked.outcome !== undefined);
}

test('forwarding: each request has its own answer, in whatever order they come', async (context) => {
  const [one, two] = await startPair(context);
  const waiting: (() => void)[] = [];
  two.onForward = (request, answer): void => {
    waiting.push(() => answer(Buffer.from(`re: ${Buffer.from(request).toString()}`)));
    if (waiting.length === 100) for (const give of waiting.reverse()) give();
  };
  const asked = Array.from({ length: 100 }, (_, at) => ask(one, String(at), LONG_MS));
  await eventually('all are answered', () => asked.every(({ outcome }) => outcome !== undefined));
  assert.deepEqual(
    asked.map(({ outcome }) => outcome),
    asked.map((_, at) => `re: ${at}`),
  );
});

test('forwarding: answers of one turn come in one frame', async (context) => {
  const two = await PeerNode.start(context, 2);
  const raw = await new RawPeer(context, two.address).greet(1);
  raw.stream.write(encodeForwards([1, 2, 3].map((id) => ({ id, leftMs: LONG_MS, body: Buffer.of(id) }))));
  await eventually('they are there', () => raw.frames.length > 1);
  assert.deepEqual(
    decodeForwardAnswers(raw.frames[1]),
    [1, 2, 3].map((id) => ({ id, body: Buffer.of(id) })),
  );
});

test('forwarding: large requests and answers arrive whole', async (context) => {
  const [one] = await startPair(context);
  const request = Buffer.alloc(4 * MIB, 'x');
  const asked = [ask(one, request, LONG_MS), ask(one, request, LONG_MS), ask(one, 'small', LONG_MS)];
  await eventually('all are answered', () => asked.every(({ outcome }) => outcome !== undefined));
  assert.deepEqual(
    asked.map(({ outcome }) => outcome?.length),
    [4 * MIB, 4 * MIB, 5],
  );
});

test('forwarding: no answer within the deadline is null, and one that comes later is nothing', async (context) => {
  const [one, two] = await startPair(context);
  let late: () => void = () => {};
  two.onForward = (request, answer): void => {
    if (request[0] === 0x61) late = () => answer(Buffer.from('late'));
    else answer(Buffer.from('on time'));
  };
  const beganMs = performance.now();
  const first = ask(one, 'a', 150);
  await untilKnown(first);
  assert.equal(first.outcome, null);
  assert.ok(performance.now() - beganMs >= 150);
  late();
  const second = ask(one, 'b', LONG_MS);
  await untilKnown(second);
  assert.equal(second.outcome, 'on time');
});

test('forwarding: when the connection breaks all that is under way is null, and what comes then is not sent', async (context) => {
  const [one, two] = await startPair(context);
  let count = 0;
  two.onForward = (): void => {
    count += 1;
  };
  const asked = Array.from({ length: 10 }, () => ask(one, 'x', LONG_MS));
  await eventually('they are under way', () => count === 10);
  two.shut();
  await eventually('it is known', () => asked.every(({ outcome }) => outcome === null));
  assert.ok(!one.transport.mayForward(2));
  const next = ask(one, 'y', LONG_MS);
  await untilKnown(next);
  assert.equal(next.outcome, 'not-sent');
});

test('forwarding: what waits when the connection breaks is not sent, and what was sent is null', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  const wire = await BadWire.to(context, two.address);
  await one.dial(2, wire.address);
  wire.freeze();
  const sent = ask(one, Buffer.alloc(MIB), LONG_MS);
  await eventually('it is on its way', () => performance.now() > 0 && one.transport.mayForward(2));
  await new Promise((resolve) => setImmediate(resolve));
  const waits = ask(one, 'x', LONG_MS);
  await untilKnown(waits);
  assert.deepEqual([sent.outcome, waits.outcome], [null, 'not-sent']);
  assert.deepEqual(one.unreachable, [2]);
});

test('forwarding: what still waits when its time is over is not sent', async (context) => {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  const wire = await BadWire.to(context, two.address);
  await one.dial(2, wire.address);
  let begun = 0;
  two.onForward = (): void => {
    begun += 1;
  };
  wire.bytesPerSecond = MIB;
  for (let index = 0; index < 2; index += 1) one.transport.send(2, [numbered(index, MIB)]);
  const asked = ask(one, 'x', 100);
  await untilKnown(asked);
  assert.equal(asked.outcome, 'not-sent');
  wire.bytesPerSecond = Number.POSITIVE_INFINITY;
  await eventually('what was before it is there', () => two.messages.length === 2);
  assert.equal(begun, 0);
});

test('forwarding: a node does not begin what has no time left, and says so', async (context) => {
  const two = await PeerNode.start(context, 2);
  two.onForward = () => assert.fail('it is begun');
  const raw = await new RawPeer(context, two.address).greet(1);
  raw.stream.write(encodeForwards([{ id: 5, leftMs: 0, body: Buffer.of(1) }]));
  await eventually('it is answered', () => raw.frames.length > 1);
  assert.deepEqual(decodeForwardAnswers(raw.frames[1]), [{ id: 5, body: Buffer.alloc(0) }]);
});

test('forwarding: an answer after the asker went does no harm', async (context) => {
  const [one, two] = await startPair(context);
  let late: (() => void) | null = null;
  two.onForward = (_request, answer): void => {
    late = () => answer(Buffer.from('late'));
  };
  const asked = ask(one, 'x', LONG_MS);
  await eventually('it is under way', () => late !== null);
  one.end();
  await untilKnown(asked);
  assert.equal(asked.outcome, null);
  await new RawPeer(context, two.address).greet(1);
  (late as (() => void) | null)?.();
});

test('forwarding: so many may be under way; the next is not sent', async (context) => {
  const [one, two] = await startPair(context);
  const answers: (() => void)[] = [];
  two.onForward = (request, answer): void => {
    answers.push(() => answer(request));
  };
  const asked = Array.from({ length: FORWARDS_MAX }, () => ask(one, 'x', LONG_MS));
  const next = ask(one, 'y', LONG_MS);
  await untilKnown(next);
  assert.equal(next.outcome, 'not-sent');
  await eventually('the others are under way', () => answers.length === FORWARDS_MAX);
  for (const give of answers.splice(0)) give();
  await eventually('all are answered', () => asked.every(({ outcome }) => outcome === 'x'));
  assert.ok(one.transport.mayForward(2));
});

test('forwarding: of a peer that has more under way than it may the rest is not begun', async (context) => {
  const two = await PeerNode.start(context, 2);
  let begun = 0;
  two.onForward = (): void => {
    begun += 1;
  };
  const raw = await new RawPeer(context, two.address).greet(1);
  raw.stream.write(encodeForwards(Array.from({ length: FORWARDS_MAX + 500 }, (_, id) => ({ id, leftMs: 1, body: Buffer.of(1) }))));
  await eventually('the rest is answered', () => raw.frames.length > 1);
  assert.equal(begun, FORWARDS_MAX);
  const refused = decodeForwardAnswers(raw.frames[1]);
  assert.equal(refused.length, 500);
  assert.ok(refused.every(({ id, body }, at) => id === FORWARDS_MAX + at && body.length === 0));
});

test('forwarding: from a peer that does not read its answers nothing more is read until it does', async (context) => {
  const two = await PeerNode.start(context, 2);
  const requests = 1000;
  const answer = Buffer.alloc(64 * 1024, 7);
  let begun = 0;
  two.onForward = (_request, done): void => {
    begun += 1;
    done(answer);
  };
  const raw = await new RawPeer(context, two.address).greet(1);
  raw.stream.pause();
  // As a peer that would never end to ask: each waits until the one before has left.
  let written = 0;
  const write = (): void => {
    if (written === requests) return;
    written += 1;
    raw.stream.write(encodeForwards([{ id: written, leftMs: LONG_MS, body: Buffer.alloc(16 * 1024) }]), write);
  };
  write();
  let seen = -1;
  await eventually('nothing more is begun', async () => {
    const isSame = begun === seen && begun > 0;
    seen = begun;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return isSame && begun === seen;
  });
  assert.ok(begun < 100, `${begun} of ${requests} were begun`);
  raw.stream.resume();
  const answered = (): number =>
    raw.frames.filter(([kind]) => kind === FRAME.forwardAnswers).reduce((sum, frame) => sum + decodeForwardAnswers(frame).length, 0);
  await eventually('all are answered', () => begun === requests && answered() === requests, 20_000);
  raw.stream.write(PING);
  await eventually('it goes on', () => raw.frames.at(-1)?.[0] === FRAME.pong);
});
