import { parentPort, workerData } from 'node:worker_threads';
import { Doorbell, ringDoorbell } from '../../src/ring/doorbell.js';
import { RingConsumer } from '../../src/ring/ring-consumer.js';
import { NO_SPACE, RingProducer } from '../../src/ring/ring-producer.js';

/** Sends every record back, and sleeps whenever there is none. */
export interface EchoHandOver {
  readonly cells: Int32Array;
  readonly ownCell: number;
  readonly peerCell: number;
  readonly incoming: SharedArrayBuffer;
  readonly outgoing: SharedArrayBuffer;
}

if (parentPort !== null) {
  const { cells, ownCell, peerCell, incoming, outgoing }: EchoHandOver = workerData;
  const consumer = new RingConsumer(incoming);
  const producer = new RingProducer(outgoing);

  const echo = (type: number, offset: number, length: number): void => {
    const at = producer.claim(type, length);
    if (at === NO_SPACE) throw new Error('the test sends less than a ring at a time');
    producer.bytes.set(consumer.bytes.subarray(offset, offset + length), at);
    producer.commit();
  };
  const work = (): void => {
    do {
      if (consumer.read(100, 65_536, echo) > 0) ringDoorbell(cells, peerCell);
      consumer.release();
    } while (!doorbell.sleep());
  };
  const doorbell = new Doorbell(cells, ownCell, () => consumer.hasRecords, work);
  parentPort.on('message', () => process.exit(0));
  work();
}
