import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupCursor } from '../../../../src/protocols/mqtt/durable/group-cursor.js';

function settledOf(cursor: GroupCursor): number[] {
  const settled: number[] = [];
  cursor.forEach((sequence, isSettled) => {
    if (isSettled) settled.push(sequence);
  });
  return settled;
}

test('group cursor: what is settled in another order than it was taken raises the floor when the gap closes', () => {
  const cursor = new GroupCursor(0, 0, 10);
  for (const sequence of [10, 12, 15]) cursor.take(sequence);
  cursor.settle(12);
  assert.equal(cursor.floor, 10);
  assert.deepEqual(settledOf(cursor), [12]);
  cursor.settle(10);
  assert.equal(cursor.floor, 15);
  cursor.settle(15);
  assert.equal(cursor.floor, 16);
  assert.equal(cursor.length, 0);
});

test('group cursor: what an earlier process settled ahead of the floor is remembered until the session has passed it', () => {
  const cursor = new GroupCursor(0, 0, 10);
  cursor.takeAhead(12, true);
  assert.equal(cursor.next, 10);
  assert.equal(cursor.floor, 10);
  cursor.take(10);
  cursor.settle(10);
  assert.ok(cursor.has(12), 'it would be delivered twice');
  cursor.take(11);
  cursor.settle(11);
  assert.equal(cursor.floor, 12);
  cursor.passTo(20);
  assert.equal(cursor.floor, 20);
  assert.equal(cursor.length, 0);
});

test('group cursor: a delivery of an earlier process that is completed before the session has pulled is not taken again', () => {
  const cursor = new GroupCursor(0, 0, 10);
  cursor.takeAhead(10, false);
  cursor.takeAhead(11, false);
  cursor.settle(10);
  cursor.settle(11);
  assert.ok(cursor.has(10) && cursor.has(11));
  cursor.take(12);
  assert.equal(cursor.floor, 12);
});

test('group cursor: what was given back is next again, and what was settled beyond it stays settled', () => {
  const cursor = new GroupCursor(0, 0, 1);
  cursor.isLive = true;
  for (const sequence of [1, 2, 3, 4]) cursor.take(sequence);
  cursor.settle(3);
  for (const sequence of [4, 3, 2]) cursor.giveBack(sequence);
  assert.equal(cursor.next, 2);
  assert.equal(cursor.isLive, false);
  assert.deepEqual(
    [2, 3, 4].map((sequence) => cursor.has(sequence)),
    [false, true, false],
  );
  assert.equal(cursor.floor, 1);
  cursor.settle(1);
  assert.equal(cursor.floor, 2);
});
