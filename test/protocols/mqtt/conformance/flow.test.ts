import assert from 'node:assert/strict';
import { frame, props, raw, text, u16 } from './frame.js';
import type { Peer } from './peer.js';
import { connectPacket, type Stage, startProving } from './prove.js';

/* Receive Maximum, Maximum Packet Size, Request Problem Information: §3.1.2.11, §3.2.2.3, §4.9. */

const RECEIVE_MAX = 20;
const PACKET_MAX = 4096;
const prove = startProving({ receive_max: RECEIVE_MAX, packet_bytes_max: PACKET_MAX });

async function publish(stage: Stage, count: number, qos: 0 | 1 | 2, topic = stage.name('a')): Promise<void> {
  const publisher = await stage.connect();
  for (let i = 0; i < count; i += 1) await publisher.publish(topic, String(i), { qos });
  await publisher.leave();
}

async function hearIds(peer: Peer, count: number): Promise<number[]> {
  const ids: number[] = [];
  for (let i = 0; i < count; i += 1) ids.push((await peer.hear('publish')).messageId as number);
  return ids;
}

prove(
  '5.0 MQTT-3.3.4-9 MQTT-4.9.0-1 MQTT-4.9.0-2: no more than Receive Maximum messages are in flight; the others wait, and none is lost',
  async (stage) => {
    for (const qos of [1, 2] as const) {
      const peer = await stage.connect({ properties: { receiveMaximum: 3 } });
      await peer.subscribe(stage.name('a'), { qos });
      await publish(stage, 10, qos);
      const seen: number[] = [];
      let ids = await hearIds(peer, 3);
      await peer.quiet();
      while (seen.length < 10) {
        const messageId = ids.shift() as number;
        seen.push(messageId);
        if (qos === 1) peer.say({ cmd: 'puback', messageId });
        else {
          peer.say({ cmd: 'pubrec', messageId });
          await peer.hear('pubrel', { messageId });
          await peer.quiet(); // The quota comes back with PUBCOMP, and not before.
          peer.say({ cmd: 'pubcomp', messageId });
        }
        if (seen.length + ids.length < 10) ids = [...ids, ...(await hearIds(peer, 1))];
        await peer.quiet();
      }
      await peer.leave();
    }
  },
);

prove(
  '5.0 MQTT-3.3.4-9 MQTT-4.4.0-2: a refusing PUBREC or PUBACK gives the quota back, and its message is not sent again',
  async (stage) => {
    const peer = await stage.keep('client', { properties: { receiveMaximum: 1 } });
    await peer.subscribe(stage.name('a'), { qos: 2 });
    await publish(stage, 3, 2);
    const [first] = await hearIds(peer, 1);
    peer.say({ cmd: 'pubrec', messageId: first, reasonCode: 0x83 });
    const [second] = await hearIds(peer, 1);
    peer.drop();
    const back = await stage.keep('client', { properties: { receiveMaximum: 1 } });
    await back.hear('publish', { messageId: second, dup: true });
    back.say({ cmd: 'pubrec', messageId: second, reasonCode: 0x97 });
    const [third] = await hearIds(back, 1);
    back.say({ cmd: 'pubrec', messageId: third, reasonCode: 0x80 });
    await back.quiet();
    await publish(stage, 1, 1);
    const [fourth] = await hearIds(back, 1);
    back.say({ cmd: 'puback', messageId: fourth, reasonCode: 0x87 });
    await back.quiet();
    back.drop();
    await (await stage.keep('client')).quiet();
  },
);

prove(
  '5.0 MQTT-3.3.4-10 MQTT-4.9.0-3: at a quota of zero everything else goes on: QoS 0, acknowledgements, PINGRESP, SUBACK, UNSUBACK',
  async (stage) => {
    const peer = await stage.connect({ properties: { receiveMaximum: 1 } });
    await peer.subscribe(stage.name('a'), { qos: 1 });
    await peer.subscribe(stage.name('zero'), { qos: 0 });
    await publish(stage, 2, 1);
    const [messageId] = await hearIds(peer, 1);
    await publish(stage, 1, 1, stage.name('zero'));
    await peer.hear('publish', { qos: 0, topic: stage.name('zero') });
    await peer.publish(stage.name('b'), 'x', { qos: 1 });
    await peer.publish(stage.name('b'), 'x', { qos: 2 });
    await peer.subscribe(stage.name('c'));
    await peer.unsubscribe(stage.name('c'));
    await peer.quiet();
    peer.say({ cmd: 'puback', messageId });
    await hearIds(peer, 1);
  },
);

prove('5.0 MQTT-3.3.4-7: more unacknowledged messages than our Receive Maximum end the connection with 0x93', async (stage) => {
  const peer = await stage.connect();
  assert.equal(peer.connack?.properties?.receiveMaximum, RECEIVE_MAX);
  for (let i = 1; i <= RECEIVE_MAX; i += 1) {
    peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 2, messageId: i, dup: false, retain: false });
    await peer.hear('pubrec', { messageId: i });
  }
  await peer.quiet();
  peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 2, messageId: 1000, dup: false, retain: false });
  await peer.end(0x93);
});

prove('5.0 MQTT-3.3.4-7: as many messages as the Receive Maximum allows, again and again, are welcome', async (stage) => {
  const peer = await stage.connect();
  for (let round = 0; round < 3; round += 1) {
    for (let i = 1; i <= RECEIVE_MAX; i += 1)
      peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 1, messageId: i, dup: false, retain: false });
    for (let i = 1; i <= RECEIVE_MAX; i += 1) await peer.hear('puback', { messageId: i });
  }
  await peer.quiet();
});

prove(
  '5.0 MQTT-3.1.2-24 MQTT-3.1.2-25: a message larger than the Maximum Packet Size of the client counts as delivered; smaller ones arrive, and no packet identifier is lost',
  async (stage) => {
    for (const qos of [0, 1, 2] as const) {
      const topic = stage.name('a');
      const overhead = 1 + 1 + 2 + topic.length + (qos > 0 ? 2 : 0) + 1;
      const limit = 100;
      const peer = await stage.connect({ properties: { maximumPacketSize: limit, receiveMaximum: 2 } });
      await peer.subscribe(topic, { qos });
      const publisher = await stage.connect();
      for (let i = 0; i < 5; i += 1) await publisher.publish(topic, 'x'.repeat(limit - overhead + 1), { qos });
      await peer.quiet();
      await publisher.publish(topic, 'x'.repeat(limit - overhead), { qos });
      const { bytes, packet } = await peer.hearBytes('publish');
      assert.equal(bytes.length, limit, 'the limit counts the whole packet');
      assert.ok(packet.cmd === 'publish' && (qos === 0 || packet.messageId === 1));
      await peer.leave();
    }
  },
);

prove(
  '5.0 MQTT-3.1.2-25: what waited and is too large for a client that comes back with a smaller limit is dropped, and what was in flight with it',
  async (stage) => {
    const topic = stage.name('a');
    const first = await stage.keep('client');
    await first.subscribe(topic, { qos: 1 });
    const publisher = await stage.connect();
    await publisher.publish(topic, 'x'.repeat(500));
    await first.hear('publish');
    first.drop();
    await publisher.publish(topic, 'y'.repeat(500));
    await publisher.publish(topic, 'small');
    const back = await stage.keep('client', { properties: { maximumPacketSize: 100 } });
    assert.equal((await back.message()).payload.toString(), 'small');
    await back.quiet();
    await back.leave();
    await (await stage.keep('client')).quiet();
  },
);

prove('5.0 MQTT-3.1.2-24 MQTT-3.2.2-19: a reason string that would make CONNACK too large is left out', async (stage) => {
  const peer = await stage.open();
  peer.say(connectPacket(5, { clientId: stage.name('x'), properties: { maximumPacketSize: 20, authenticationMethod: 'NO-SUCH-METHOD' } }));
  const { bytes, packet } = await peer.hearBytes('connack');
  assert.ok(bytes.length <= 20 && packet.cmd === 'connack');
  assert.equal(packet.reasonCode, 0x8c);
  assert.equal(packet.properties?.reasonString, undefined);
  await peer.close();
});

prove('5.0 MQTT-3.14.2-3 MQTT-3.1.2-24: a reason string that would make DISCONNECT too large is left out', async (stage) => {
  for (const [maximumPacketSize, isTold] of [
    [24, false],
    [1000, true],
  ] as const) {
    const peer = await stage.connect({ properties: { maximumPacketSize } });
    peer.send(raw('c00100'));
    const { bytes, packet } = await peer.hearBytes('disconnect');
    assert.ok(packet.cmd === 'disconnect' && packet.reasonCode === 0x81 && bytes.length <= maximumPacketSize);
    assert.equal(packet.properties?.reasonString !== undefined, isTold);
    await peer.close();
  }
});

prove(
  '5.0 MQTT-3.2.2-20 MQTT-3.4.2-3 MQTT-3.5.2-3 MQTT-3.6.2-3 MQTT-3.7.2-3 MQTT-3.9.2-2 MQTT-3.11.2-2 MQTT-3.14.2-4 MQTT-3.15.2-3: the broker sends no user properties of its own',
  async (stage) => {
    const peer = await stage.connect();
    assert.equal(peer.connack?.properties?.userProperties, undefined);
    peer.say({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: stage.name('').concat('/x'.repeat(500)), qos: 1 },
        { topic: stage.name('a'), qos: 2 },
      ],
    });
    const heard = [await peer.hear('suback')];
    assert.equal(heard[0].properties?.userProperties, undefined);
    peer.say({ cmd: 'publish', topic: stage.name('b'), payload: 'x', qos: 1, messageId: 2, dup: false, retain: false });
    assert.equal((await peer.hear('puback')).properties?.userProperties, undefined);
    peer.say({ cmd: 'publish', topic: '$SYS/x', payload: 'x', qos: 2, messageId: 3, dup: false, retain: false });
    assert.equal((await peer.hear('pubrec')).properties?.userProperties, undefined);
    peer.say({ cmd: 'pubrel', messageId: 99 });
    assert.equal((await peer.hear('pubcomp')).properties?.userProperties, undefined);
    peer.say({ cmd: 'pubrec', messageId: 98 });
    assert.equal((await peer.hear('pubrel')).properties?.userProperties, undefined);
    peer.say({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: [stage.name('none')] });
    assert.equal((await peer.hear('unsuback')).properties?.userProperties, undefined);
    peer.send(raw('c00100'));
    assert.equal((await peer.hear('disconnect')).properties?.userProperties, undefined);
  },
);

prove(
  '5.0 MQTT-3.1.2-29 MQTT-3.4.2-2 MQTT-3.5.2-2 MQTT-3.6.2-2 MQTT-3.7.2-2 MQTT-3.9.2-1 MQTT-3.11.2-1: who asked for no problem information gets no reason strings, and acknowledgements stay within a tiny Maximum Packet Size',
  async (stage) => {
    const peer = await stage.connect({ properties: { requestProblemInformation: false, maximumPacketSize: 40 } });
    const deep = stage.name('').concat('/x'.repeat(500));
    const properties = props();
    const asks: [Uint8Array, 'suback' | 'puback' | 'pubrec' | 'pubcomp' | 'pubrel' | 'unsuback'][] = [
      [frame(0x82, u16(1), properties, text(deep), 1), 'suback'],
      [frame(0x32, text('$SYS/x'), u16(2), properties), 'puback'],
      [frame(0x34, text('$SYS/x'), u16(3), properties), 'pubrec'],
      [raw('62020063'), 'pubcomp'],
      [raw('50020063'), 'pubrel'],
      [frame(0xa2, u16(4), properties, text('none')), 'unsuback'],
    ];
    for (const [ask, kind] of asks) {
      peer.send(ask);
      const { bytes, packet } = await peer.hearBytes(kind);
      assert.ok(bytes.length <= 40);
      assert.equal(
        'properties' in packet ? (packet.properties as { reasonString?: string } | undefined)?.reasonString : undefined,
        undefined,
      );
    }
  },
);

prove('5.0 MQTT-3.1.2-29: a message has its user properties whatever the client asked for', async (stage) => {
  const peer = await stage.connect({ properties: { requestProblemInformation: false } });
  await peer.subscribe(stage.name('a'));
  const publisher = await stage.connect();
  await publisher.publish(stage.name('a'), 'x', { properties: { userProperties: { name: 'value' } } });
  assert.deepEqual({ ...(await peer.message()).properties?.userProperties }, { name: 'value' });
});

prove(
  '5.0 MQTT-3.2.2-15 MQTT-4.13.1-1 | 3.1.1 MQTT-4.8.0-1: a packet larger than ours may be ends the connection, in MQTT 5 with 0x95, before its bytes have come',
  async (stage) => {
    const peer = await stage.connect();
    if (stage.version === 5) assert.equal(peer.connack?.properties?.maximumPacketSize, PACKET_MAX);
    peer.send(raw('30ffff7f'), text('a'));
    await peer.end(0x95);
  },
);

prove('5.0 MQTT-3.2.2-15: a packet of just our Maximum Packet Size is taken', async (stage) => {
  const peer = await stage.connect();
  const bytes = frame(0x30, text('a'), props(), new Uint8Array(PACKET_MAX - 7));
  assert.equal(bytes.length, PACKET_MAX);
  peer.send(bytes);
  await peer.quiet();
});

prove('5.0: a Receive Maximum or Maximum Packet Size of 0 refuses CONNECT with 0x82', async (stage) => {
  for (const properties of [props(0x21, u16(0)), props(0x27, raw('00000000'))]) {
    const peer = await stage.open();
    peer.send(frame(0x10, text('MQTT'), 5, 2, u16(0), properties, text('x')));
    await peer.refused(0x82, -1);
  }
});
