import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY_TOKEN, newRejected, RELEASE, RELEASE_COUNTED } from '../../../src/journal/cursor/cursor-options.js';
import { createCursor } from '../../../src/journal/cursor/queue-cursor.js';
import { Waiter } from '../../../src/journal/cursor/waiter.js';
import { Consumers, FakeLog, ignore } from './fake-log.js';

/* What each protocol asks of the cursor, one test for each of their events. */

test('cursor, AMQP 0-9-1: what is requeued comes back at its place in the log, marked, before anything new', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(6);
  const tokens = new Map<number, number>();
  for (let i = 0; i < 4; i += 1) {
    assert.equal(consumers.take(), 'taken');
    assert.equal(consumers.taken.isRedelivered, false);
    tokens.set(consumers.taken.offset, consumers.taken.token);
  }
  assert.equal(cursor.release(3, tokens.get(3) ?? 0, 0, RELEASE), 'done');
  assert.equal(cursor.release(1, tokens.get(1) ?? 0, 0, RELEASE), 'done');
  assert.equal(consumers.take(2), 'taken');
  assert.deepEqual([consumers.taken.offset, consumers.taken.isRedelivered, consumers.taken.count], [1, true, 1]);
  assert.deepEqual(consumers.takeMany(9, 2), [3, 4, 5]);
});

test('cursor, AMQP 0-9-1: a delivery tag that is gone is stale, an acknowledged one is settled, an unheard one is unknown', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(3);
  consumers.take();
  const { offset, token } = consumers.taken;
  assert.equal(cursor.settle(offset, token + 1), 'stale');
  assert.equal(cursor.settle(offset, token), 'done');
  assert.equal(cursor.settle(offset, token), 'settled');
  assert.equal(cursor.settle(1, token), 'stale');
  assert.equal(cursor.settle(3, token), 'unknown');
  for (const bad of [-1, 0.5, Number.NaN, 2 ** 52]) {
    assert.equal(cursor.settle(bad, token), 'invalid');
    assert.equal(cursor.release(bad, token, 0, RELEASE), 'invalid');
    assert.equal(cursor.extend(bad, token, 5), 'invalid');
    assert.equal(cursor.reject(bad, token, 'rejected'), 'invalid');
    assert.equal(cursor.seek(bad), 'invalid');
  }
  assert.equal(cursor.extend(1, token, -1), 'invalid');
  assert.equal(cursor.release(1, token, 0, { ...RELEASE, delayMs: Number.NaN }), 'invalid');
});

test('cursor, AMQP 0-9-1: a channel that closes gives back all it holds, in order', () => {
  const cursor = createCursor({ redelivery: 'release' });
  const consumers = new Consumers(cursor);
  cursor.append(10);
  assert.deepEqual(consumers.takeMany(2, 1), [0, 1]);
  assert.deepEqual(consumers.takeMany(2, 2), [2, 3]);
  assert.deepEqual(consumers.takeMany(2, 1), [4, 5]);
  assert.equal(cursor.releaseAll(1, 0, RELEASE), 4);
  assert.equal(cursor.holderOf(2), 2);
  assert.equal(cursor.holderOf(4), -1);
  assert.deepEqual(consumers.takeMany(9, 3), [0, 1, 4, 5, 6, 7, 8, 9]);
});

test('cursor, AMQP 0-9-1: a rejected message is settled only when its dead letter is safe', () => {
  const cursor = createCursor({ keepsRejected: true });
  const consumers = new Consumers(cursor);
  cursor.append(2);
  consumers.take();
  assert.equal(cursor.reject(0, consumers.taken.token, 'rejected'), 'done');
  const rejected = newRejected();
  assert.equal(cursor.nextRejected(rejected), true);
  assert.deepEqual(rejected, { offset: 0, count: 0, reason: 'rejected' });
  assert.equal(cursor.nextRejected(newRejected()), false);
  assert.equal(cursor.settle(0, ANY_TOKEN), 'stale');
  assert.equal(cursor.floor, 0);
  assert.equal(cursor.keepRejected(0), 'done');
  assert.equal(cursor.settleRejected(0), 'stale');
  assert.equal(cursor.nextRejected(rejected), true);
  assert.equal(cursor.settleRejected(0), 'done');
  assert.equal(cursor.settleRejected(0), 'settled');
  assert.equal(cursor.floor, 1);
});

test('cursor, AMQP 0-9-1: no-ack settles as it delivers', () => {
  const cursor = createCursor();
  cursor.append(3);
  const waiter = new Waiter({ consumer: 1, messages: 9, settlesAtOnce: true });
  cursor.addWaiter(waiter);
  const offsets: number[] = [];
  assert.equal(
    cursor.dispatch(0, new FakeLog(), 100, (_, taken) => offsets.push(taken.offset)),
    'idle',
  );
  assert.deepEqual(offsets, [0, 1, 2]);
  assert.equal(cursor.floor, 3);
  assert.equal(waiter.messages, 6);
});

test('cursor, AMQP 1.0: released goes back uncounted, modified counts, a link without credit gets nothing', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(1);
  consumers.take();
  cursor.release(0, consumers.taken.token, 0, RELEASE);
  consumers.take();
  assert.equal(consumers.taken.count, 1);
  cursor.release(0, consumers.taken.token, 0, RELEASE_COUNTED);
  consumers.take();
  assert.equal(consumers.taken.count, 2);
  assert.equal(cursor.take(0, new Waiter({ consumer: 1 }), consumers.log, consumers.taken), 'spent');
});

test('cursor, AMQP 1.0: a selector leaves what it refuses to others, in the order of the log', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(6);
  const odd = consumers.waiter(1, (offset) => offset % 2 === 1);
  assert.equal(cursor.take(0, odd, consumers.log, consumers.taken), 'taken');
  assert.equal(consumers.taken.offset, 1);
  assert.equal(cursor.take(0, odd, consumers.log, consumers.taken), 'taken');
  assert.equal(consumers.taken.offset, 3);
  cursor.release(1, ANY_TOKEN, 0, RELEASE);
  assert.deepEqual(consumers.takeMany(3, 2), [1, 0, 2]);
  cursor.releaseAll(2, 0, RELEASE);
  assert.equal(cursor.take(0, odd, consumers.log, consumers.taken), 'taken');
  assert.equal(consumers.taken.offset, 1);
});

test('cursor, RocketMQ: after the invisible time a message is back, counted, and the old handle is stale', () => {
  const cursor = createCursor({ tokenFirst: 77 });
  const consumers = new Consumers(cursor);
  consumers.leaseMs = 30_000;
  cursor.append(1);
  consumers.take();
  const first = { ...consumers.taken };
  assert.equal(first.token, 77);
  assert.equal(cursor.nextDeadline, 31_000);
  consumers.wait(29_999);
  assert.equal(consumers.take(), 'empty');
  consumers.wait(1);
  assert.equal(consumers.take(), 'taken');
  assert.equal(consumers.taken.count, 2);
  assert.equal(cursor.settle(0, first.token), 'stale');
  assert.equal(cursor.settle(0, consumers.taken.token), 'done');
});

test('cursor, RocketMQ: a changed invisible time counts from the change, under a new handle', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  consumers.leaseMs = 10;
  cursor.append(1);
  consumers.take();
  const { token } = consumers.taken;
  assert.equal(cursor.extend(0, token, consumers.now + 500, true), 'done');
  assert.equal(cursor.extend(0, token, consumers.now + 900), 'stale');
  const renewed = cursor.tokenOf(0);
  consumers.wait(499);
  assert.equal(cursor.holderOf(0), 1);
  assert.equal(cursor.settle(0, token), 'stale');
  assert.equal(cursor.settle(0, renewed), 'done');
  assert.equal(cursor.tokenOf(0), ANY_TOKEN);
});

test('cursor, RocketMQ: a FIFO group has each key in the hands of one consumer, in order', () => {
  const cursor = createCursor({ hasLocks: true });
  const consumers = new Consumers(cursor);
  [7, 7, 8, 7, 0].forEach((key, offset) => {
    consumers.log.facts.set(offset, { key });
  });
  cursor.append(5);
  assert.deepEqual(consumers.takeMany(1, 1), [0]);
  assert.deepEqual(consumers.takeMany(9, 2), [2, 4]);
  assert.deepEqual(consumers.takeMany(1, 1), [1]);
  cursor.release(0, ANY_TOKEN, consumers.now, { ...RELEASE_COUNTED, delayMs: 100 });
  assert.deepEqual(consumers.takeMany(1, 1), [], '3 waits for 0');
  cursor.settle(1, ANY_TOKEN);
  assert.deepEqual(consumers.takeMany(1, 2), []);
  consumers.wait(100);
  assert.deepEqual(consumers.takeMany(9, 2), [0, 3], 'nobody has the key, so anybody may');
});

test('cursor, MQTT share: what a member held when it left goes to the others, before newer messages', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  const given: string[] = [];
  const [one, two] = [1, 2].map((consumer) => new Waiter({ consumer, messages: 2 }));
  cursor.addWaiter(one);
  cursor.addWaiter(two);
  cursor.append(5);
  const note = (waiter: Waiter, { offset }: { offset: number }): number => given.push(`${waiter.consumer}:${offset}`);
  assert.equal(cursor.dispatch(0, consumers.log, 100, note), 'idle');
  assert.deepEqual(given, ['1:0', '2:1', '1:2', '2:3']);
  cursor.removeWaiter(one);
  cursor.releaseAll(1, 0, RELEASE);
  cursor.grant(two, 3, 0);
  cursor.dispatch(0, consumers.log, 100, note);
  assert.deepEqual(given.slice(4), ['2:0', '2:2', '2:4']);
});

test('cursor, Kafka share: a record that was released five times is archived', () => {
  const cursor = createCursor({ deliveriesMax: 5 });
  const consumers = new Consumers(cursor);
  cursor.append(2);
  for (let count = 1; count <= 5; count += 1) {
    assert.deepEqual(consumers.takeMany(1), [0]);
    assert.equal(consumers.taken.count, count);
    cursor.release(0, consumers.taken.token, 0, RELEASE_COUNTED);
  }
  assert.deepEqual(consumers.takeMany(1), [1]);
  assert.equal(cursor.isSettled(0), true);
  assert.equal(cursor.stats().dropped, 1);
});

test('cursor, Kafka share: locks that time out count, and no more than the limit are held', () => {
  const cursor = createCursor({ deliveriesMax: 2, keepsRejected: true, heldMax: 2 });
  const consumers = new Consumers(cursor);
  consumers.leaseMs = 30;
  cursor.append(3);
  assert.deepEqual(consumers.takeMany(9), [0, 1]);
  assert.equal(consumers.take(), 'full');
  const timedOut: number[] = [];
  assert.equal(
    cursor.expire(1030, 1, (offset) => timedOut.push(offset), ignore),
    1,
  );
  assert.equal(
    cursor.expire(1030, 9, (offset) => timedOut.push(offset), ignore),
    1,
  );
  assert.deepEqual(timedOut, [0, 1]);
  consumers.now = 1030;
  assert.deepEqual(consumers.takeMany(9), [0, 1]);
  consumers.wait(30);
  const rejected = newRejected();
  assert.equal(cursor.nextRejected(rejected), true);
  assert.deepEqual(rejected, { offset: 0, count: 2, reason: 'limit' });
  assert.deepEqual(consumers.takeMany(9), [2]);
});

test('cursor, JetStream: a negative acknowledgement with a delay is not seen before that', () => {
  const cursor = createCursor({ redelivery: 'release' });
  const consumers = new Consumers(cursor);
  cursor.append(2);
  consumers.take();
  cursor.release(0, consumers.taken.token, consumers.now, { delayMs: 500, counts: true, position: 'order' });
  assert.deepEqual([cursor.stats().ready, cursor.stats().unacked, cursor.stats().delayed, cursor.nextDeadline], [1, 0, 1, 1500]);
  assert.deepEqual(consumers.takeMany(9), [1]);
  consumers.wait(499);
  assert.equal(consumers.take(), 'empty');
  consumers.wait(1);
  assert.deepEqual(consumers.takeMany(9), [0]);
  assert.equal(consumers.taken.count, 2);
});

test('cursor, JetStream: an acknowledgement of all settles a range, whoever holds it', () => {
  const cursor = createCursor({ keepsRejected: true });
  const consumers = new Consumers(cursor);
  cursor.append(6);
  consumers.takeMany(4);
  cursor.release(1, ANY_TOKEN, 0, RELEASE);
  cursor.reject(2, ANY_TOKEN, 'rejected');
  assert.equal(cursor.settleRange(0, 4), 3, 'the dead letter of 2 is still due');
  assert.equal(cursor.floor, 2);
  assert.equal(cursor.settleRange(3, 100), 2);
  assert.equal(cursor.settleRange(-1, 100), 0);
});

test('cursor, JetStream: a batch request takes all it asked for in one turn, and goes when its time is up', () => {
  const cursor = createCursor();
  const batch = new Waiter({ consumer: 1, messages: 3, turn: 3 });
  const other = new Waiter({ consumer: 2, messages: 9 });
  const late = new Waiter({ consumer: 3, messages: 1, deadline: 500 });
  for (const waiter of [batch, other, late]) cursor.addWaiter(waiter);
  cursor.append(5);
  const takers: number[] = [];
  assert.equal(
    cursor.dispatch(0, new FakeLog(), 4, (waiter) => takers.push(waiter.consumer)),
    'more',
  );
  assert.deepEqual(takers, [1, 1, 1, 2]);
  const gone: Waiter[] = [];
  assert.equal(cursor.nextDeadline, 500);
  cursor.expire(500, 9, ignore, (waiter) => gone.push(waiter));
  assert.deepEqual(gone, [late]);
  assert.equal(cursor.nextDeadline, Number.POSITIVE_INFINITY);
});
