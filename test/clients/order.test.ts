import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawClient } from './raw-client.js';
import { startBroker, urlOf } from './running-broker.js';

const MESSAGES = 3_000;
const WINDOW = 50;

/*
  Sequence numbers through two shards: publishers and subscribers are dealt to both, so about half of the messages cross a ring.
*/
for (const qos of [1, 2] as const) {
  test(`order: QoS ${qos} at saturation loses nothing, repeats nothing and keeps the order of every publisher`, async (context) => {
    const broker = await startBroker(context, 'runtime.shards=2');
    const url = urlOf(broker);
    const receivers = await Promise.all([0, 1, 2].map(() => RawClient.connect(context, url, {}, 4)));
    const publishers = await Promise.all([0, 1, 2].map(() => RawClient.connect(context, url, {}, 4)));
    const last = receivers.map(() => publishers.map(() => -1));
    const all = MESSAGES * publishers.length * receivers.length;
    let received = 0;
    let onAll = (): void => {};
    const everything = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${received} of ${all} messages after 20 s`)), 20_000);
      onAll = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    for (const [index, receiver] of receivers.entries()) {
      await receiver.subscribe('seq/+', qos);
      receiver.onPacket = (packet) => {
        if (packet.cmd === 'publish') {
          const [publisher, sequence] = packet.payload.toString().split(' ').map(Number);
          assert.equal(sequence, last[index][publisher] + 1, 'neither lost, repeated nor out of order');
          last[index][publisher] = sequence;
          received += 1;
          if (received === all) onAll();
          receiver.say({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId: packet.messageId as number });
        } else if (packet.cmd === 'pubrel') receiver.say({ cmd: 'pubcomp', messageId: packet.messageId as number });
        receiver.packets.length = 0;
      };
    }
    for (const [index, publisher] of publishers.entries()) {
      let sequence = 0;
      const publish = (): void => {
        if (sequence === MESSAGES) return;
        const messageId = (sequence % 65535) + 1;
        publisher.say({
          cmd: 'publish',
          topic: `seq/${index}`,
          payload: `${index} ${sequence}`,
          qos,
          messageId,
          dup: false,
          retain: false,
        });
        sequence += 1;
      };
      publisher.onPacket = (packet) => {
        if (packet.cmd === 'pubrec') publisher.say({ cmd: 'pubrel', messageId: packet.messageId as number });
        if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') publish();
        publisher.packets.length = 0;
      };
      for (let i = 0; i < WINDOW; i += 1) publish();
    }
    await everything;
    assert.equal(received, all);
  });
}
