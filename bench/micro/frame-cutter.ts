import { assert } from '../../src/base/assert.js';
import { Connection } from '../../src/transport/node/connection.js';
import { Cutter } from '../../src/transport/node/cutter.js';
import { RowBatch } from '../../src/transport/node/row-batch.js';
import { TopicTable } from '../../src/transport/node/topic-table.js';
import { COUNTERS_COUNT, FRAMING } from '../../src/transport/ports.js';
import { pubackFrames, publishFrames } from './frames.js';
import type { MicroSuite, MicroTask } from './suite.js';

const FRAMES = 256;

/** Cutting what one read brought, in the transport on node:net. */
export const suite: MicroSuite = {
  name: 'frame cutter',
  open: () => [
    cutting('PUBLISH, QoS 0, one topic', publishFrames(FRAMES, 4, 0)),
    cutting('PUBLISH, QoS 1, one topic', publishFrames(FRAMES, 4, 1)),
    cutting(
      'PUBLISH, QoS 1, topics in turn',
      Buffer.concat(Array.from({ length: FRAMES }, (_, i) => publishFrames(1, 4, 1, `bench/device/${i}/temperature`))),
    ),
    cutting('PUBACK', pubackFrames(FRAMES)),
  ],
};

function cutting(name: string, bytes: Buffer): MicroTask {
  const batch = new RowBatch(2 * FRAMES);
  const topics = new TopicTable(4 * FRAMES, 1);
  const cutter = new Cutter(bytes, batch, topics, new Float64Array(COUNTERS_COUNT));
  const connection = new Connection(0, {
    framing: FRAMING.mqtt,
    frameBytesMax: 1 << 20,
    highMarkBytes: 2,
    lowMarkBytes: 1,
    gated: false,
    outputBytesMax: 3,
  });
  connection.version = 4;
  return {
    name,
    operations: FRAMES,
    run: () => {
      batch.count = 0;
      topics.beginBatch();
      assert(cutter.cut(connection, 0, bytes.length) === bytes.length, 'everything is cut');
    },
  };
}
