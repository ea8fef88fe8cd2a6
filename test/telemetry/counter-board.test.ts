import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterBoard } from '../../src/telemetry/counter-board.js';

test('counter board: shards count on their own, the board adds up', () => {
  const board = CounterBoard.create(['in', 'out'], 3);
  board.blockOf(0)[board.indexOf('in')] += 5;
  board.blockOf(2)[board.indexOf('in')] += 7;
  board.blockOf(1)[board.indexOf('out')] = 2 ** 40;
  assert.equal(board.totalOf('in'), 12);
  assert.deepEqual(board.totals(), { in: 12, out: 2 ** 40 });
});

test('counter board: another thread opens the same memory', () => {
  const board = CounterBoard.create(['a'], 2);
  const other = new CounterBoard(board.handOver);
  other.blockOf(1)[0] = 9;
  assert.equal(board.totalOf('a'), 9);
});

test('counter board: blocks of two shards share no cache line', () => {
  const board = CounterBoard.create(['a', 'b', 'c'], 2);
  assert.ok(board.blockOf(1).byteOffset - board.blockOf(0).byteOffset >= 128);
});

test('counter board: memory of another shape is a bug', () => {
  const { handOver } = CounterBoard.create(['a'], 2);
  assert.throws(() => new CounterBoard({ ...handOver, shardCount: 3 }), /memory/);
  assert.throws(() => CounterBoard.create(['a', 'a'], 1), /distinct/);
});
