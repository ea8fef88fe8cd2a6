import { parentPort, workerData } from 'node:worker_threads';
import { NativeTransport } from '../../src/transport/native/native-transport.js';
import { FRAMING } from '../../src/transport/ports.js';

/** Adopts the descriptors it is sent, says what it reads, and ends as it is told: by the parent, by an exception, or never. */
const { ending }: { ending: 'terminate' | 'throw' | 'exit' | 'close' } = workerData;
const transport = NativeTransport.open({ connectionsMax: 64, topicsMax: 16, frameBytesMax: 4096 });
transport.start((rowCount) => {
  parentPort?.postMessage({ rows: rowCount });
  if (ending === 'throw') throw new Error('asked for');
  if (ending === 'exit') process.exit(3);
  if (ending === 'close') {
    transport.close();
    parentPort?.close();
  }
});
parentPort?.on('message', (descriptor: number) => {
  const connection = transport.adopt(descriptor, {
    framing: FRAMING.raw,
    frameBytesMax: 4096,
    highMarkBytes: 4096,
    lowMarkBytes: 1024,
    gated: false,
    outputBytesMax: 8192,
  });
  parentPort?.postMessage({ connection });
});
