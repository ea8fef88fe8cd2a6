import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import {
  FrameBatch,
  PAYLOAD_PUBLISHER,
  PAYLOAD_RUN,
  PAYLOAD_SENT,
  PAYLOAD_SEQUENCE,
  topicOf,
} from '../../bench/robust-bench/frame-batch.js';
import type { LoadPlan } from '../../bench/robust-bench/load-plan.js';
import { FakeTransport } from './fake-transport.js';
import { planWith } from './plans.js';

function framesOf(plan: LoadPlan, bytes: Buffer): IPublishPacket[] {
  const packets: IPublishPacket[] = [];
  const decoder = parser({ protocolVersion: plan.version });
  decoder.on('packet', (packet: Packet) => {
    assert.equal(packet.cmd, 'publish');
    packets.push(packet);
  });
  decoder.on('error', (error: Error) => assert.fail(error));
  decoder.parse(bytes);
  return packets;
}

function sendOne(plan: LoadPlan, send: (batch: FrameBatch, transport: FakeTransport) => void): IPublishPacket[] {
  const transport = new FakeTransport();
  const connection = transport.connect('', 0, '', {
    framing: 1,
    frameBytesMax: 0,
    highMarkBytes: 0,
    lowMarkBytes: 0,
    gated: false,
    outputBytesMax: 0,
  });
  const batch = new FrameBatch(plan, 0xabcdef01);
  batch.attach(transport.registerSpace(batch.bytes));
  send(batch, transport);
  return framesOf(plan, transport.take(connection));
}

for (const version of [4, 5] as const) {
  for (const qos of [0, 1, 2] as const) {
    for (const size of [16, 128, 20_000]) {
      test(`frame batch: another decoder reads version ${version}, QoS ${qos}, ${size} bytes as we meant them`, () => {
        const plan = planWith({ version, qos, size, topics: 12, publishers: 12 });
        const packets = sendOne(plan, (batch, transport) => batch.send(transport.commands, 0, 10, 10, 7, 65_534, 2 ** 32 + 5, 100, 4));
        assert.equal(packets.length, 4);
        packets.forEach((packet, i) => {
          const payload = Buffer.from(packet.payload);
          assert.equal(packet.topic, 'bench/10');
          assert.equal(packet.qos, qos);
          assert.equal(packet.retain || packet.dup, false);
          if (qos > 0) assert.equal(packet.messageId, [65_534, 65_535, 1, 2][i]);
          assert.equal(payload.length, size);
          assert.equal(payload.readUInt32LE(PAYLOAD_RUN), 0xabcdef01);
          assert.equal(payload.readUInt32LE(PAYLOAD_PUBLISHER), 10);
          assert.equal(payload.readUInt32LE(PAYLOAD_SEQUENCE), 7 + i);
          assert.equal(payload.readUInt32LE(PAYLOAD_SENT), 5 + i * 100);
        });
      });
    }
  }
}

test('frame batch: a slot used again for another topic carries that topic', () => {
  const packets = sendOne(planWith({ topics: 100, publishers: 100 }), (batch, transport) => {
    batch.send(transport.commands, 0, 42, 42, 0, 1, 0, 0, 2);
    batch.reset();
    batch.send(transport.commands, 0, 7, 7, 0, 1, 0, 0, 1);
    batch.send(transport.commands, 0, 42, 42, 2, 1, 0, 0, 1);
  });
  assert.deepEqual(
    packets.map((packet) => packet.topic),
    ['bench/42', 'bench/42', 'bench/07', 'bench/42'],
  );
});

test('topics of one load have one length', () => {
  assert.equal(topicOf('a/b', 0, 1), 'a/b/0');
  assert.equal(topicOf('a/b', 7, 1000), 'a/b/007');
});
