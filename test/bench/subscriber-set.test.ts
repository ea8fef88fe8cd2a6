import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generate } from 'mqtt-packet';
import { summarizeLatency } from '../../bench/robust-bench/latency-cells.js';
import type { LoadPlan } from '../../bench/robust-bench/load-plan.js';
import { SubscriberSet } from '../../bench/robust-bench/subscriber-set.js';
import { createTallyMemory, TALLY, Tally } from '../../bench/robust-bench/tally.js';
import { planWith } from './plans.js';

const RUN = 0x12345678;

class Stage {
  readonly plan: LoadPlan;
  readonly tally: Tally = new Tally(createTallyMemory());
  readonly set: SubscriberSet;

  constructor(plan: LoadPlan) {
    this.plan = plan;
    this.set = new SubscriberSet(plan, RUN, 0, { fromUs: 0, toUs: plan.durationMs * 1_000 }, this.tally);
  }

  /** One run of messages of publisher 0 (or another) reaches subscriber 0. */
  receive(sequences: readonly number[], { publisher = 0, run = RUN, sentUs = 100, nowUs = 100, properties = false } = {}): void {
    const frames = sequences.map((sequence) => {
      const payload = Buffer.alloc(this.plan.size);
      payload.writeUInt32LE(run, 0);
      payload.writeUInt32LE(publisher, 4);
      payload.writeUInt32LE(sequence, 8);
      payload.writeUInt32LE(sentUs, 12);
      return generate(
        {
          cmd: 'publish',
          topic: 'bench/0',
          qos: this.plan.qos,
          messageId: 1,
          dup: false,
          retain: false,
          payload,
          ...(properties ? { properties: { userProperties: { a: 'b' } } } : {}),
        },
        { protocolVersion: this.plan.version },
      );
    });
    const arena = new Uint8Array(Buffer.concat(frames));
    this.set.beginTurn(arena);
    this.set.onRun(0, 0, arena.length, sequences.length, arena[0], nowUs);
    this.set.endTurn(nowUs);
  }

  counts(): Record<'received' | 'duplicates' | 'reordered' | 'foreign', number> {
    const { counters } = this.tally;
    return {
      received: counters[TALLY.received],
      duplicates: counters[TALLY.duplicates],
      reordered: counters[TALLY.reordered],
      foreign: counters[TALLY.foreign],
    };
  }
}

for (const version of [4, 5] as const) {
  for (const qos of [0, 1] as const) {
    for (const size of [16, 128, 20_000]) {
      test(`subscribers: a run of version ${version}, QoS ${qos}, ${size} bytes is read frame by frame`, () => {
        const stage = new Stage(planWith({ version, qos, size }));
        stage.receive([0, 1, 2, 3], { nowUs: 350 });
        if (version === 5) stage.receive([4], { nowUs: 350, properties: true });
        const received = version === 5 ? 5 : 4;
        assert.deepEqual(stage.counts(), { received, duplicates: 0, reordered: 0, foreign: 0 });
        assert.deepEqual(summarizeLatency([stage.tally.deliverLatency]), {
          count: received,
          p50: 250,
          p90: 250,
          p99: 250,
          p999: 250,
          max: 250,
        });
      });
    }
  }
}

test('subscribers: a number that comes again is a duplicate', () => {
  const stage = new Stage(planWith({}));
  stage.receive([0, 1, 2, 1, 2, 3]);
  assert.deepEqual(stage.counts(), { received: 6, duplicates: 2, reordered: 0, foreign: 0 });
});

test('subscribers: a number that was passed over and comes later is out of order, once', () => {
  const stage = new Stage(planWith({}));
  stage.receive([0, 3, 1, 2, 1, 4]);
  assert.deepEqual(stage.counts(), { received: 6, duplicates: 1, reordered: 2, foreign: 0 });
});

test('subscribers: far behind, a number is out of order while something is missing, else a duplicate', () => {
  const stage = new Stage(planWith({}));
  stage.receive([0, 100, 1, 100]);
  assert.deepEqual(stage.counts(), { received: 4, duplicates: 1, reordered: 1, foreign: 0 });
  const whole = new Stage(planWith({}));
  whole.receive(Array.from({ length: 100 }, (_, i) => i));
  whole.receive([3]);
  assert.deepEqual(whole.counts(), { received: 101, duplicates: 1, reordered: 0, foreign: 0 });
});

test('subscribers: messages of other runs, other publishers and other topics are foreign', () => {
  const stage = new Stage(planWith({ publishers: 2, topics: 2 }));
  stage.receive([0], { run: 1 });
  stage.receive([0], { publisher: 1 });
  stage.receive([0], { publisher: 99 });
  assert.deepEqual(stage.counts(), { received: 0, duplicates: 0, reordered: 0, foreign: 3 });
});

test('subscribers: messages meant for a time outside the window are counted, but not timed', () => {
  const stage = new Stage(planWith({ durationMs: 1 }));
  stage.receive([0], { sentUs: 1_000, nowUs: 1_200 });
  assert.equal(stage.counts().received, 1);
  assert.equal(summarizeLatency([stage.tally.deliverLatency]).count, 0);
});
