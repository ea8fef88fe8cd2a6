import { createRing } from '../../src/ring/layout.js';
import { RingConsumer } from '../../src/ring/ring-consumer.js';
import { NO_SPACE, RingProducer } from '../../src/ring/ring-producer.js';
import type { MicroSuite, MicroTask } from './suite.js';

const RECORDS = 256;
const RECORD_TYPE = 1;

/** Records through a ring, producer and consumer on one thread: the cost of the ring without that of moving memory between cores. */
export const suite: MicroSuite = { name: 'ring', open: () => [passing(16), passing(160), passing(4096)] };

function passing(bytes: number): MicroTask {
  const memory = createRing();
  const [producer, consumer] = [new RingProducer(memory), new RingConsumer(memory)];
  const payload = new Uint8Array(bytes).fill(7);
  let seen = 0;
  const onRecord = (_type: number, offset: number): void => {
    seen += consumer.bytes[offset];
  };
  return {
    name: `${bytes} B in and out`,
    operations: RECORDS,
    run: () => {
      for (let i = 0; i < RECORDS; i += 1) {
        const at = producer.claim(RECORD_TYPE, bytes);
        if (at === NO_SPACE) throw new Error('the ring is empty at the start of each run');
        producer.bytes.set(payload, at);
        producer.commit();
      }
      consumer.read(RECORDS, memory.byteLength, onRecord);
      consumer.release();
      if (seen === 0) throw new Error('nothing came out');
    },
  };
}
