import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadPlan } from '../../bench/robust-bench/load-plan.js';
import { PublisherSet } from '../../bench/robust-bench/publisher-set.js';
import { createTallyMemory, TALLY, Tally } from '../../bench/robust-bench/tally.js';
import type { ConnectionOptions } from '../../src/transport/ports.js';
import { FakeTransport } from './fake-transport.js';
import { planWith } from './plans.js';

const OPTIONS: ConnectionOptions = { framing: 1, frameBytesMax: 0, highMarkBytes: 0, lowMarkBytes: 0, gated: false, outputBytesMax: 0 };

class Stage {
  readonly transport: FakeTransport = new FakeTransport();
  readonly tally: Tally = new Tally(createTallyMemory());
  readonly set: PublisherSet;

  constructor(plan: LoadPlan) {
    this.set = new PublisherSet(plan, 1, 0, { fromUs: plan.warmupMs * 1_000, toUs: (plan.warmupMs + plan.durationMs) * 1_000 }, this.tally);
    this.set.batch.attach(this.transport.registerSpace(this.set.batch.bytes));
    for (let i = 0; i < plan.publishers; i++) this.set.bind(i, this.transport.connect('', 0, '', OPTIONS));
    this.set.begin();
  }

  pump(nowUs: number): boolean {
    this.set.batch.reset();
    return this.set.pump(nowUs, this.transport.commands);
  }

  /** Frames sent to a connection since the last call. */
  frames(connection: number): number {
    return this.transport.take(connection).length / this.set.batch.frameBytes;
  }

  count(counter: number): number {
    return this.tally.counters[counter];
  }
}

test('publishers: at QoS 1 no more than the window is in flight, and acknowledgements make room', () => {
  const stage = new Stage(planWith({ qos: 1, window: 8, subscribers: 3 }));
  assert.equal(stage.pump(10), false);
  assert.equal(stage.frames(0), 8);
  stage.pump(20);
  assert.equal(stage.frames(0), 0);
  stage.set.onAcknowledged(0, 1, 3, 1_010);
  stage.pump(1_010);
  assert.equal(stage.frames(0), 3);
  assert.equal(stage.count(TALLY.sent), 11);
  assert.equal(stage.count(TALLY.acked), 3);
  assert.equal(stage.count(TALLY.expected), 33, 'each message owes one delivery per subscriber');
});

test('publishers: a Receive Maximum below the window is kept', () => {
  const plan = planWith({ qos: 1, window: 8 });
  const stage = new Stage(plan);
  stage.set.limitInflight(0, 2);
  stage.pump(10);
  assert.equal(stage.frames(0), 2);
});

test('publishers: a congested socket gets nothing until it is relieved', () => {
  const stage = new Stage(planWith({ publishers: 2 }));
  stage.set.onCongested(0);
  assert.equal(stage.pump(10), true);
  assert.equal(stage.frames(0), 0);
  assert.ok(stage.frames(1) > 0);
  stage.set.onRelieved(0);
  stage.pump(20);
  assert.ok(stage.frames(0) > 0);
});

test('publishers: with a rate each message goes out once it is due, in the turn of its publisher', () => {
  const stage = new Stage(planWith({ publishers: 2, rate: 1_000 }));
  stage.pump(0);
  assert.deepEqual([stage.frames(0), stage.frames(1)], [1, 0]);
  assert.equal(stage.set.nextDueUs(), 1_000);
  stage.pump(999);
  assert.deepEqual([stage.frames(0), stage.frames(1)], [0, 0]);
  stage.pump(5_000);
  assert.deepEqual([stage.frames(0), stage.frames(1)], [2, 3]);
});

test('publishers: a message that could not leave in time carries the time it was due, not the time it left', () => {
  const stage = new Stage(planWith({ rate: 1_000, qos: 1, window: 1 }));
  stage.pump(0);
  stage.transport.take(0);
  stage.pump(50_000); // The broker stalls: 50 messages are due and the window is full.
  assert.equal(stage.frames(0), 0);
  stage.set.onAcknowledged(0, 1, 1, 50_000);
  stage.pump(50_000);
  const frame = stage.transport.take(0);
  assert.equal(frame.readUInt32LE(frame.length - 64 + 12), 1_000);
});

test('publishers: nothing becomes due after the window, what was due is still sent, and the rest is counted as unsent', () => {
  const stage = new Stage(planWith({ rate: 1_000, qos: 1, window: 10, durationMs: 100 }));
  stage.pump(200_000);
  assert.equal(stage.frames(0), 10);
  assert.equal(stage.set.nextDueUs(), Number.POSITIVE_INFINITY);
  stage.set.onAcknowledged(0, 1, 10, 200_000);
  stage.pump(200_000);
  assert.equal(stage.frames(0), 10);
  stage.set.abandon();
  assert.equal(stage.count(TALLY.unsent), 80);
});

test('publishers: packet ids go round without 0 and acknowledgement times stay with their messages', () => {
  const stage = new Stage(planWith({ qos: 1, window: 31, durationMs: 1_000_000 }));
  let next = 1;
  for (let sent = 0; sent < 70_000; ) {
    stage.pump(sent);
    sent = stage.count(TALLY.sent);
    const count = Math.min(31, 65_535 - next + 1);
    stage.set.onAcknowledged(0, next, count, sent + 5);
    next = next + count > 65_535 ? 1 : next + count;
  }
  stage.transport.take(0);
  assert.ok(stage.count(TALLY.acked) > 65_535);
});
