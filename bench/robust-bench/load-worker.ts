import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../src/base/assert.js';
import type { FromLoadThread, LoadHandOver, ToLoadThread } from './load-messages.js';
import { LoadThread } from './load-thread.js';
import { MonotonicMicros } from './monotonic-micros.js';
import { openTransport } from './open-transport.js';
import { Tally } from './tally.js';

/* Entry of a load thread. */

const port = parentPort;
assert(port !== null, 'a load thread is a worker');
const handOver: LoadHandOver = workerData;
const { plan, target, run, thread } = handOver;

const tell = (message: FromLoadThread): void => port.postMessage(message);
const load = new LoadThread(
  { plan, target, run, thread, transport: openTransport(plan), tally: new Tally(handOver.tallyMemory), clock: new MonotonicMicros() },
  {
    onDialed: (failure) => tell({ kind: 'dialed', failure }),
    onEnded: () => {
      tell({ kind: 'ended' });
      port.close();
    },
  },
);
port.on('message', (message: ToLoadThread) => {
  if (message.kind === 'begin') load.begin(message.startUs);
  else load.end();
});
load.start();
