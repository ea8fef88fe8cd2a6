import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPublish } from '../../../src/protocols/mqtt/encode-publish.js';
import { FrameSink } from '../../../src/protocols/mqtt/frame-sink.js';

const NO_PROPERTIES = new Uint8Array(0);

function built(topic: Uint8Array, payload: Uint8Array): Uint8Array {
  const plain = { version: 5, qos: 1, isRetained: false, isDuplicate: false, packetId: 1, properties: NO_PROPERTIES } as const;
  return buildPublish({ ...plain, topic, payload });
}

test('frame sink: plain frames are those of the encoder, byte for byte, for every length of the remaining length', () => {
  const sink = new FrameSink();
  const frames: Uint8Array[] = [];
  for (const size of [0, 1, 119, 120, 16_370, 16_376, 70_000, 2_097_140, 2_097_160]) {
    const topic = Buffer.from(`site/${size}`);
    const payload = Buffer.alloc(size, size & 0xff);
    const source = Buffer.concat([Buffer.from('xx'), topic, payload, Buffer.from('yy')]);
    assert.ok(sink.addPlain(0x32, source, 2, topic.length, source, 2 + topic.length, size));
    frames.push(built(topic, payload));
  }
  sink.add(frames[1]);
  assert.deepEqual(Buffer.from(sink.bytes.subarray(0, sink.length)), Buffer.concat([...frames, frames[1]]));
});

test('frame sink: a topic that is too long for its field is not written', () => {
  const sink = new FrameSink();
  const topic = Buffer.alloc(65_536, 0x61);
  assert.equal(sink.addPlain(0x32, topic, 0, topic.length, topic, 0, 1), false);
  assert.equal(sink.length, 0);
});
