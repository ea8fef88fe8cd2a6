import { FrameBatch } from '../robust-bench/frame-batch.js';
import { planOfScenario } from '../robust-bench/load-plan.js';
import { SubscriberSet } from '../robust-bench/subscriber-set.js';
import { createTallyMemory, Tally } from '../robust-bench/tally.js';
import { nullSink } from './null-sink.js';
import type { MicroSuite } from './suite.js';

const FRAMES = 64;

const WINDOW = { fromUs: 0, toUs: 60e6 };

/** The generator's own hot loops: what it costs per message bounds what it can measure. */
export const suite: MicroSuite = {
  name: 'load generator',
  open: () => {
    const batch = new FrameBatch(planOfScenario('fanin', { qos: 1 }), 1);
    batch.attach(2);
    const plan = planOfScenario('fanin', {});
    const source = new FrameBatch(plan, 1);
    source.attach(2);
    const subscribers = new SubscriberSet(plan, 1, 0, WINDOW, new Tally(createTallyMemory()));
    subscribers.beginTurn(source.bytes);
    let sequence = 0;
    let next = 0;
    return [
      {
        name: 'build PUBLISH, QoS 1',
        operations: FRAMES,
        run: () => {
          batch.reset();
          batch.send(nullSink, 1, 7, 0, sequence, 1, 1_000, 0, FRAMES);
          sequence += FRAMES;
        },
      },
      {
        name: 'build, read, follow and time PUBLISH, QoS 0',
        operations: FRAMES,
        run: () => {
          source.reset();
          source.send(nullSink, 1, 7, 0, next, 0, 1_000, 0, FRAMES);
          next += FRAMES;
          subscribers.onRun(0, 0, FRAMES * source.frameBytes, FRAMES, 0x30, 1_500);
          subscribers.endTurn(1_500);
        },
      },
    ];
  },
};
