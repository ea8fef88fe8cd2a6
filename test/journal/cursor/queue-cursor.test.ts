import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY_TOKEN, newRejected, RELEASE, RELEASE_COUNTED } from '../../../src/journal/cursor/cursor-options.js';
import { createCursor } from '../../../src/journal/cursor/queue-cursor.js';
import { Waiter } from '../../../src/journal/cursor/waiter.js';
import { Consumers, FakeLog } from './fake-log.js';

test('cursor: a backlog of a hundred million records costs nothing', () => {
  const cursor = createCursor();
  const before = cursor.stats().bytes;
  cursor.append(100_000_000);
  assert.equal(cursor.stats().bytes, before);
  assert.equal(cursor.stats().ready, 100_000_000);
  assert.equal(cursor.purge(), 100_000_000);
  assert.equal(cursor.stats().bytes, before);
});

test('cursor: a million records settled out of order cost about a bit each, and nothing when the holes are filled', () => {
  const cursor = createCursor({ isJournaled: false });
  const log = new FakeLog();
  const waiter = new Waiter({ consumer: 1, messages: Number.POSITIVE_INFINITY });
  const taken = { offset: 0, token: 0, count: 0, isRedelivered: false };
  const total = 1_000_000 + 250;
  cursor.append(total);
  const memoryBefore = process.memoryUsage().arrayBuffers;
  const holes: number[] = [];
  let block: number[] = [];
  for (let i = 0; i < total; i += 1) {
    assert.equal(cursor.take(0, waiter, log, taken), 'taken');
    if (taken.offset % 4000 === 0) holes.push(taken.offset);
    else block.push(taken.offset);
    if (block.length < 1000 && i < total - 1) continue;
    for (let at = 0; at < block.length; at += 1) cursor.settle(block[(at * 7) % block.length], ANY_TOKEN); // 7 and 1000: in another order.
    for (const offset of block) cursor.settle(offset, ANY_TOKEN); // Where 7 divides the length, some were left.
    block = [];
  }
  assert.equal(cursor.floor, 0);
  assert.equal(cursor.stats().unacked, holes.length);
  const { bytes } = cursor.stats();
  assert.ok(bytes < (total / 8) * 2 + 100_000, `${bytes} bytes`);
  const grown = process.memoryUsage().arrayBuffers - memoryBefore;
  assert.ok(grown < 2 * bytes + 1_000_000, `${grown} bytes of arrays`); // What the estimate says is about so.
  for (const offset of holes) cursor.settle(offset, ANY_TOKEN);
  assert.equal(cursor.floor, total);
  assert.ok(cursor.stats().bytes < 150_000, `${cursor.stats().bytes} bytes`);
});

test('cursor: purge takes what waits and leaves what consumers hold and what is rejected', () => {
  const cursor = createCursor({ keepsRejected: true });
  const consumers = new Consumers(cursor);
  cursor.append(10);
  consumers.takeMany(5);
  cursor.release(1, ANY_TOKEN, 0, RELEASE);
  cursor.release(2, ANY_TOKEN, 0, { ...RELEASE, delayMs: 99 });
  cursor.reject(3, ANY_TOKEN, 'rejected');
  assert.equal(cursor.purge(), 7);
  const { ready, unacked, delayed, rejected, floor } = cursor.stats();
  assert.deepEqual({ ready, unacked, delayed, rejected, floor }, { ready: 0, unacked: 2, delayed: 0, rejected: 1, floor: 0 });
  cursor.append(11);
  assert.deepEqual(consumers.takeMany(9), [10]);
});

test('cursor: drop-head drops the oldest ready records and skips what is held', () => {
  const cursor = createCursor({ lengthMax: 3, keepsRejected: true });
  const consumers = new Consumers(cursor);
  cursor.append(3);
  assert.deepEqual(consumers.takeMany(2), [0, 1]);
  cursor.release(1, ANY_TOKEN, 0, RELEASE);
  cursor.append(6);
  assert.equal(cursor.admits(99), true);
  assert.equal(cursor.dropExcess(1), 1);
  assert.equal(cursor.dropExcess(99), 1);
  const rejected = newRejected();
  assert.equal(cursor.nextRejected(rejected), true);
  assert.deepEqual(rejected, { offset: 1, count: 0, reason: 'length' });
  assert.equal(cursor.nextRejected(rejected), true);
  assert.equal(rejected.offset, 2);
  assert.equal(cursor.holderOf(0), 1);
  assert.deepEqual(consumers.takeMany(9), [3, 4, 5]);
});

test('cursor: reject-publish counts what is ready, not what is held', () => {
  const cursor = createCursor({ lengthMax: 3, overflow: 'reject-publish' });
  const consumers = new Consumers(cursor);
  cursor.append(3);
  assert.equal(cursor.admits(1), false);
  consumers.takeMany(2);
  assert.equal(cursor.admits(2), true);
  assert.equal(cursor.admits(3), false);
  assert.equal(cursor.dropExcess(9), 0);
});

test('cursor: seek makes records unread again, and what was held is nobody`s', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(6);
  consumers.takeMany(5);
  for (const offset of [0, 1, 3]) cursor.settle(offset, ANY_TOKEN);
  const { token } = consumers.taken;
  assert.equal(cursor.seek(7), 'unknown');
  assert.equal(cursor.seek(1), 'done');
  assert.equal(cursor.settle(4, token), 'stale');
  assert.deepEqual(consumers.takeMany(9), [1, 2, 3, 4, 5]);
  assert.equal(cursor.seek(6), 'done');
  assert.deepEqual([cursor.floor, cursor.stats().unacked, consumers.take()], [6, 0, 'empty']);
});

test('cursor: what retention took is settled, held or not', () => {
  const cursor = createCursor({ keepsRejected: true });
  const consumers = new Consumers(cursor);
  cursor.append(10);
  consumers.takeMany(4);
  cursor.settle(1, ANY_TOKEN);
  cursor.reject(2, ANY_TOKEN, 'rejected');
  assert.equal(cursor.clamp(6), 5);
  assert.equal(cursor.clamp(6), 0);
  assert.equal(cursor.settle(0, ANY_TOKEN), 'settled');
  assert.deepEqual(consumers.takeMany(9), [6, 7, 8, 9]);
  assert.equal(cursor.clamp(20), 4);
  assert.deepEqual([cursor.floor, cursor.stats().tail], [20, 20]);
});

test('cursor: the highest priority of those looked at is first, the oldest of it before others', () => {
  const cursor = createCursor({ priorities: 10, scanAhead: 4 });
  const consumers = new Consumers(cursor);
  [0, 3, 3, 99, 9, 0].forEach((priority, offset) => {
    consumers.log.facts.set(offset, { priority });
  });
  cursor.append(6);
  assert.deepEqual(consumers.takeMany(2), [3, 4]);
  cursor.release(4, ANY_TOKEN, 0, RELEASE);
  assert.deepEqual(consumers.takeMany(9), [4, 1, 2, 0, 5]);
});

test('cursor: 256 priorities are kept apart', () => {
  const cursor = createCursor({ priorities: 256, scanAhead: 1000 });
  const consumers = new Consumers(cursor);
  for (let offset = 0; offset < 512; offset += 1) consumers.log.facts.set(offset, { priority: (offset * 37) % 256 });
  cursor.append(512);
  const priorities = consumers.takeMany(999).map((offset) => (offset * 37) % 256);
  assert.equal(priorities.length, 512);
  assert.deepEqual(
    priorities,
    priorities.toSorted((a, b) => b - a),
  );
});

test('cursor: what is too old goes to the dead letters when its turn comes, or before at the head', () => {
  const cursor = createCursor({ keepsRejected: true });
  const consumers = new Consumers(cursor);
  for (const [offset, expiresAt] of [1050, 1060, 0, 1050, 2000].entries()) consumers.log.facts.set(offset, { expiresAt });
  cursor.append(5);
  assert.equal(cursor.dropExpired(1050, consumers.log, 99), 1);
  assert.deepEqual(consumers.takeMany(1), [1]);
  cursor.release(1, consumers.taken.token, 0, RELEASE);
  consumers.wait(60);
  assert.deepEqual(consumers.takeMany(9), [2, 4]);
  const offsets: number[] = [];
  const rejected = newRejected();
  while (cursor.nextRejected(rejected)) offsets.push(rejected.offset);
  assert.deepEqual(offsets, [0, 1, 3]);
  assert.equal(rejected.reason, 'expired');
});

test('cursor: records that are filtered out or gone are settled in passing, a bounded number in one call', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  for (let offset = 0; offset < 3000; offset += 1) consumers.log.skipped.add(offset);
  cursor.append(3001);
  assert.equal(consumers.take(), 'more');
  assert.equal(consumers.take(), 'more');
  assert.deepEqual(consumers.takeMany(9), [3000]);
  assert.deepEqual([cursor.floor, cursor.stats().dropped], [3000, 3000]);
});

test('cursor: a record that is not in memory is waited for', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(3);
  consumers.log.absent.add(1);
  assert.deepEqual(consumers.takeMany(9), [0]);
  assert.equal(consumers.take(), 'later');
  assert.deepEqual([consumers.taken.offset, cursor.wanted], [1, 1]);
  consumers.log.absent.clear();
  assert.deepEqual(consumers.takeMany(9), [1, 2]);
});

test('cursor: bytes of credit are spent, the last record may go over', () => {
  const cursor = createCursor();
  const log = new FakeLog();
  for (let offset = 0; offset < 5; offset += 1) log.facts.set(offset, { size: 60 });
  cursor.append(5);
  const waiter = new Waiter({ consumer: 1, messages: 9, bytes: 100 });
  cursor.addWaiter(waiter);
  let given = 0;
  const count = (): void => {
    given += 1;
  };
  cursor.dispatch(0, log, 99, count);
  assert.deepEqual([given, waiter.bytes, waiter.messages], [2, -20, 7]);
  cursor.grant(waiter, 0, 60);
  cursor.dispatch(0, log, 99, count);
  assert.deepEqual([given, waiter.bytes], [3, -20]);
});

test('cursor: waiters of a higher priority are served first, others in turn', () => {
  const cursor = createCursor();
  const takers: number[] = [];
  for (const [consumer, priority, messages] of [
    [1, 0, 2],
    [2, 5, 2],
    [3, 0, 9],
    [4, 5, 1],
  ]) {
    cursor.addWaiter(new Waiter({ consumer, priority, messages }));
  }
  cursor.append(8);
  assert.equal(
    cursor.dispatch(0, new FakeLog(), 99, (waiter) => takers.push(waiter.consumer)),
    'idle',
  );
  assert.deepEqual(takers, [2, 4, 2, 1, 3, 1, 3, 3]);
});

test('cursor: a waiter that a filter leaves without work does not keep others from theirs', () => {
  const cursor = createCursor();
  const takers: string[] = [];
  cursor.addWaiter(new Waiter({ consumer: 1, priority: 1, messages: 9, accepts: () => false }));
  cursor.addWaiter(new Waiter({ consumer: 2, messages: 9, accepts: (offset) => offset > 1 }));
  cursor.addWaiter(new Waiter({ consumer: 3, messages: 1 }));
  cursor.append(4);
  cursor.dispatch(0, new FakeLog(), 99, (waiter, taken) => takers.push(`${waiter.consumer}:${taken.offset}`));
  assert.deepEqual(takers, ['2:2', '3:0', '2:3']);
});

test('cursor: released records come back in front, at the back, or in the order of their release', () => {
  const cursor = createCursor({ redelivery: 'release' });
  const consumers = new Consumers(cursor);
  cursor.append(6);
  consumers.takeMany(5);
  for (const offset of [3, 1]) cursor.release(offset, ANY_TOKEN, 0, RELEASE);
  for (const offset of [4, 2]) cursor.release(offset, ANY_TOKEN, 0, { ...RELEASE, position: 'front' });
  assert.deepEqual(consumers.takeMany(4), [2, 4, 3, 1]);

  const byOffset = createCursor();
  const others = new Consumers(byOffset);
  byOffset.append(6);
  others.takeMany(5);
  byOffset.release(0, ANY_TOKEN, 0, { ...RELEASE, position: 'back' });
  for (const offset of [3, 1]) byOffset.release(offset, ANY_TOKEN, 0, RELEASE);
  assert.deepEqual(others.takeMany(9), [1, 3, 0, 5]);
});

test('cursor: nothing new is delivered while too many records are remembered', () => {
  const cursor = createCursor({ recordsMax: 2, keepsRejected: true });
  const consumers = new Consumers(cursor);
  cursor.append(4);
  assert.deepEqual(consumers.takeMany(9), [0, 1]);
  cursor.release(0, ANY_TOKEN, consumers.now, { ...RELEASE, delayMs: 50 });
  assert.equal(consumers.take(), 'full');
  assert.equal(cursor.reject(2, ANY_TOKEN, 'rejected'), 'full');
  consumers.wait(50);
  assert.deepEqual(consumers.takeMany(9), [0], 'what is remembered is delivered');
  cursor.settle(0, ANY_TOKEN);
  assert.deepEqual(consumers.takeMany(9), [2]);
});

test('cursor: a record that pins the log is moved to its end, with its deliveries', () => {
  const cursor = createCursor();
  const consumers = new Consumers(cursor);
  cursor.append(5);
  consumers.takeMany(3);
  cursor.settle(2, ANY_TOKEN);
  cursor.release(0, ANY_TOKEN, 0, RELEASE_COUNTED);
  const pinning = new Float64Array(2);
  assert.equal(cursor.unsettledBelow(3, pinning), 2);
  assert.deepEqual([...pinning], [0, 1]);
  cursor.append(6);
  assert.equal(cursor.relocate(1, 5), 'stale', 'it is held');
  assert.equal(cursor.relocate(0, 0), 'invalid');
  assert.equal(cursor.relocate(0, 9), 'invalid');
  assert.equal(cursor.relocate(0, 5), 'done');
  assert.equal(cursor.floor, 1);
  assert.deepEqual(consumers.takeMany(1), [5]);
  assert.equal(consumers.taken.count, 2);
  assert.deepEqual(consumers.takeMany(9), [3, 4]);
});
