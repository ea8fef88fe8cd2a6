import { copyBlock, encodeBlock } from '../../src/transport/node/block.js';
import type { BlockShape } from '../../src/transport/ports.js';
import { publishFrames } from './frames.js';
import type { MicroSuite, MicroTask } from './suite.js';

const FRAMES = 64;

/** A run of PUBLISH frames encoded for a class of receivers, and copied for one of them with its packet ids. */
export const suite: MicroSuite = {
  name: 'encode',
  open: () => [
    encoding('block of QoS 1 as it came', 4, { version: 4, qos: 1, retain: 0, duplicate: 0 }),
    encoding('block from QoS 1 to QoS 0', 4, { version: 4, qos: 0, retain: 0, duplicate: 0 }),
    encoding('block from version 3.1.1 to 5', 4, { version: 5, qos: 1, retain: 0, duplicate: 0 }),
    encoding('block from version 5 to 3.1.1', 5, { version: 4, qos: 1, retain: 0, duplicate: 0 }),
    copying(),
  ],
};

function encoding(name: string, sourceVersion: 4 | 5, shape: BlockShape): MicroTask {
  const source = publishFrames(FRAMES, sourceVersion, 1);
  return { name, operations: FRAMES, run: () => void encodeBlock(source, 0, source.length, FRAMES, sourceVersion, shape, null, false) };
}

function copying(): MicroTask {
  const source = publishFrames(FRAMES, 4, 1);
  const block = encodeBlock(source, 0, source.length, FRAMES, 4, { version: 4, qos: 1, retain: 0, duplicate: 0 }, null, false);
  const target = new Uint8Array(block.length);
  let packetId = 1;
  return {
    name: 'copy of a block, with packet ids',
    operations: FRAMES,
    run: () => {
      copyBlock(block, packetId, target, 0);
      packetId = packetId > 60_000 ? 1 : packetId + FRAMES;
    },
  };
}
