import assert from 'node:assert/strict';
import { until } from '../../../runtime/running-node.js';
import { startProving } from './prove.js';

/* What is sent again, and when: §4.4 of both versions. */

const prove = startProving();

prove(
  '5.0 MQTT-4.4.0-1 MQTT-3.3.1-1 MQTT-4.3.2-3 MQTT-4.3.3-3 MQTT-2.2.1-4 | 3.1.1 MQTT-4.4.0-1 MQTT-3.3.1-1 MQTT-2.3.1-4 MQTT-4.3.2-1 MQTT-4.3.3-1: what is unacknowledged is sent again after a reconnect, with DUP, its packet identifier and in its order, and what is new has new numbers',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    const sent: [number, string, number][] = [];
    for (let i = 0; i < 6; i += 1) {
      await publisher.publish(stage.name('a'), String(i), { qos: i % 2 === 0 ? 1 : 2 });
      const { messageId, payload, qos, dup } = await peer.hear('publish');
      assert.equal(dup, false);
      sent.push([messageId as number, payload.toString(), qos]);
    }
    peer.say({ cmd: 'puback', messageId: sent[0][0] });
    await peer.quiet();
    peer.drop();
    await publisher.publish(stage.name('a'), 'while away', { qos: 1 });
    const back = await stage.keep('client');
    for (const [messageId, payload, qos] of sent.slice(1)) {
      const again = await back.hear('publish', { messageId, dup: true });
      assert.deepEqual([again.payload.toString(), again.qos], [payload, qos]);
    }
    const fresh = await back.hear('publish', { dup: false });
    assert.equal(fresh.payload.toString(), 'while away');
    assert.ok(!sent.slice(1).some(([messageId]) => messageId === fresh.messageId));
    await back.quiet();
  },
);

prove(
  '5.0 MQTT-4.4.0-1 MQTT-4.3.2-3 MQTT-4.3.3-3 MQTT-4.3.3-5 | 3.1.1 MQTT-4.4.0-1: on a connection that lasts nothing is sent again, however long the client says nothing',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'one', { qos: 1 });
    await publisher.publish(stage.name('a'), 'two', { qos: 2 });
    await publisher.publish(stage.name('a'), 'three', { qos: 2 });
    for (let i = 0; i < 2; i += 1) await peer.hear('publish', { dup: false });
    const { messageId = 0 } = await peer.hear('publish');
    peer.say({ cmd: 'pubrec', messageId });
    await peer.hear('pubrel', { messageId });
    const startMs = performance.now();
    await until('some seconds have passed', () => performance.now() - startMs > 3000);
    await peer.quiet();
  },
);

prove('5.0 MQTT-4.4.0-1 | 3.1.1 MQTT-4.4.0-1: a clean start gets nothing of what was in flight', async (stage) => {
  const peer = await stage.keep('client');
  await peer.subscribe(stage.name('a'), { qos: 2 });
  const publisher = await stage.connect();
  for (const qos of [1, 2] as const) await publisher.publish(stage.name('a'), 'x', { qos });
  for (let i = 0; i < 2; i += 1) await peer.hear('publish');
  peer.drop();
  const clean = await stage.connect({ clientId: peer.clientId });
  await clean.quiet();
});

prove(
  '5.0 MQTT-4.4.0-1 | 3.1.1 MQTT-4.4.0-1: a repeated PUBREC on one connection is answered by PUBREL again and delivers nothing twice',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'x', { qos: 2 });
    const { messageId = 0 } = await peer.hear('publish');
    for (let i = 0; i < 2; i += 1) {
      peer.say({ cmd: 'pubrec', messageId });
      await peer.hear('pubrel', { messageId });
    }
    peer.say({ cmd: 'pubcomp', messageId });
    await peer.quiet();
  },
);

prove('5.0 MQTT-4.4.0-2: a refused message is not sent again after a reconnect', async (stage) => {
  const peer = await stage.keep('client');
  await peer.subscribe(stage.name('a'), { qos: 2 });
  const publisher = await stage.connect();
  await publisher.publish(stage.name('a'), 'x', { qos: 1 });
  peer.say({ cmd: 'puback', messageId: (await peer.hear('publish')).messageId as number, reasonCode: 0x80 });
  await publisher.publish(stage.name('a'), 'x', { qos: 2 });
  peer.say({ cmd: 'pubrec', messageId: (await peer.hear('publish')).messageId as number, reasonCode: 0x99 });
  await peer.quiet();
  peer.drop();
  await (await stage.keep('client')).quiet();
});

prove(
  '5.0 MQTT-3.1.2-23 | 3.1.1 MQTT-4.1.0-1: what was in flight is sent again by the twentieth connection as by the second',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 1 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'x');
    const { messageId = 0 } = await peer.hear('publish', { dup: false });
    peer.drop();
    for (let i = 0; i < 19; i += 1) {
      const again = await stage.keep('client');
      await again.hear('publish', { messageId, dup: true });
      again.drop();
    }
  },
);
