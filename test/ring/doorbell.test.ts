import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SeededRandom } from '../../src/base/random.js';
import { Doorbell, ringDoorbell } from '../../src/ring/doorbell.js';
import { createRing } from '../../src/ring/layout.js';
import { RingConsumer } from '../../src/ring/ring-consumer.js';
import { RingProducer } from '../../src/ring/ring-producer.js';
import type { EchoHandOver } from './echo-worker.js';

const DEADLINE_MS = 10_000;

function cellsOf(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(count * 4));
}

test('doorbell: does not sleep while there is work', () => {
  const doorbell = new Doorbell(
    cellsOf(1),
    0,
    () => true,
    () => assert.fail('nobody rang'),
  );
  assert.equal(doorbell.sleep(), false);
});

test('doorbell: a ring wakes the sleeper, once', async () => {
  const cells = cellsOf(1);
  let rung = 0;
  const rings = new EventEmitter();
  const doorbell = new Doorbell(
    cells,
    0,
    () => false,
    () => {
      rung += 1;
      rings.emit('rung');
    },
  );
  assert.equal(doorbell.sleep(), true);
  assert.equal(doorbell.sleep(), true, 'sleeping twice is one sleep');
  ringDoorbell(cells, 0);
  ringDoorbell(cells, 0);
  const keepAlive = setTimeout(() => {}, DEADLINE_MS);
  await once(rings, 'rung');
  clearTimeout(keepAlive);
  assert.equal(rung, 1);
});

test('doorbell: a ring between the last look and the wait is not lost', () => {
  const cells = cellsOf(1);
  const doorbell = new Doorbell(
    cells,
    0,
    () => {
      ringDoorbell(cells, 0); // Published too late for this look.
      return false;
    },
    () => assert.fail('the answer of sleep told already'),
  );
  assert.equal(doorbell.sleep(), false);
});

test('doorbell: nothing is called after close', async () => {
  const cells = cellsOf(1);
  const doorbell = new Doorbell(
    cells,
    0,
    () => false,
    () => assert.fail('closed'),
  );
  doorbell.sleep();
  doorbell.close();
  ringDoorbell(cells, 0);
  await new Promise(setImmediate);
  assert.equal(doorbell.sleep(), true);
});

test('doorbell: two threads that sleep after every burst lose no wake-up', { timeout: DEADLINE_MS }, async () => {
  const seed = Date.now() >>> 0;
  const random = new SeededRandom(seed);
  const cells = cellsOf(64);
  const handOver: EchoHandOver = { cells, ownCell: 32, peerCell: 0, incoming: createRing(65_536), outgoing: createRing(65_536) };
  const producer = new RingProducer(handOver.incoming);
  const consumer = new RingConsumer(handOver.outgoing);
  const worker = new Worker(new URL('./echo-worker.js', import.meta.url), { workerData: handOver });
  const end = new EventEmitter();
  worker.on('error', (error) => end.emit('error', error));
  const rounds = 15_000;
  let sent = 0;
  let received = 0;
  let round = 0;

  const sendBurst = (): void => {
    const count = 1 + random.below(6);
    for (let index = 0; index < count; index += 1) {
      const at = producer.claim(1, 8);
      producer.words[at >> 2] = sent;
      producer.commit();
      sent += 1;
      if (random.below(2) === 0) ringDoorbell(cells, handOver.ownCell);
    }
    ringDoorbell(cells, handOver.ownCell);
  };
  const onRecord = (_type: number, offset: number): void => {
    assert.equal(consumer.words[offset >> 2], received, `records in order, seed ${seed}`);
    received += 1;
  };
  const work = (): void => {
    do {
      consumer.read(1000, 65_536, onRecord);
      consumer.release();
      if (received === sent) {
        round += 1;
        if (round > rounds) {
          end.emit('done');
          return;
        }
        sendBurst();
      }
    } while (!doorbell.sleep());
  };
  const doorbell = new Doorbell(cells, 0, () => consumer.hasRecords, work);
  const isDone = once(end, 'done');
  work();
  await isDone;
  worker.postMessage('end');
  await once(worker, 'exit');
  assert.equal(received, sent);
});
