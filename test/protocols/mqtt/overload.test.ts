import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overload, SHED } from '../../../src/protocols/mqtt/overload.js';

const GIB = 2 ** 30;

function open(): { overload: Overload; tick(lateMs?: number): number; memory: { bytes: number } } {
  const memory = { bytes: GIB };
  let nowMs = 5000;
  const overload = new Overload({ lagMaxMs: 1000, memoryMaxBytes: 2 * GIB, memoryBytes: () => memory.bytes }, nowMs);
  const tick = (lateMs = 0): number => {
    nowMs += 100 + lateMs;
    overload.onTick(nowMs);
    return overload.level;
  };
  return { overload, tick, memory };
}

test('overload: a shard in time sheds nothing, one that is late sheds in the stated order', () => {
  const { tick } = open();
  assert.equal(tick(), SHED.nothing);
  assert.equal(tick(999), SHED.nothing);
  assert.equal(tick(1000), SHED.nothing);
  assert.equal(tick(1500), SHED.connections);
  assert.equal(tick(1500), SHED.qos0);
  assert.equal(tick(5000), SHED.qos0);
  assert.equal(tick(2000), SHED.publishers);
});

test('overload: a process that was stopped for a while is not late', () => {
  const { tick } = open();
  tick();
  assert.equal(tick(30_000), SHED.nothing);
  assert.equal(tick(), SHED.nothing);
});

test('overload: it ends step by step, each after five seconds of calm', () => {
  const { tick } = open();
  tick(2000);
  tick(2000);
  const levels = Array.from({ length: 200 }, () => tick());
  assert.deepEqual([levels[48], levels[49], levels[98], levels[99], levels[148], levels[149]], [3, 2, 2, 1, 1, 0]);
});

test('overload: a need in between begins the calm anew', () => {
  const { tick } = open();
  tick(1000);
  tick(1000);
  for (let i = 0; i < 48; i += 1) tick();
  tick(1000);
  assert.equal(tick(1000), SHED.connections);
  for (let i = 0; i < 49; i += 1) assert.equal(tick(), SHED.connections);
  assert.equal(tick(), SHED.nothing);
});

test('overload: memory sheds by itself, as long as it is short', () => {
  const { tick, memory } = open();
  memory.bytes = 2.2 * GIB;
  let level = 0;
  for (let i = 0; i < 10; i += 1) level = tick();
  assert.equal(level, SHED.publishers);
  for (let i = 0; i < 300; i += 1) level = tick();
  assert.equal(level, SHED.publishers);
});

test('overload: switched off it sheds nothing', () => {
  const limits = { lagMaxMs: Number.POSITIVE_INFINITY, memoryMaxBytes: 1, memoryBytes: () => GIB };
  const overload = new Overload(limits, 0);
  assert.equal(overload.onTick(60_000), false);
  assert.equal(overload.level, SHED.nothing);
});
