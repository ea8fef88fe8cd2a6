import assert from 'node:assert/strict';
import { until } from '../../../runtime/running-node.js';
import { binary, frame, props, raw, text, u16, u32 } from './frame.js';
import { startProving } from './prove.js';

/* PUBLISH and its acknowledgements in both directions, and what a message carries: §3.3 to §3.7, §4.3, §4.5, §4.6. */

const prove = startProving();

prove(
  '5.0 MQTT-3.3.4-1 MQTT-2.2.1-5 MQTT-4.3.2-4 MQTT-4.3.3-8 MQTT-4.3.3-11 MQTT-3.4.2-1 MQTT-3.5.2-1 MQTT-3.7.2-1 | 3.1.1 MQTT-3.3.4-1 MQTT-2.3.1-6 MQTT-4.3.2-2 MQTT-4.3.3-2: QoS 0 is not answered, QoS 1 by PUBACK, QoS 2 by PUBREC and PUBCOMP, with the packet identifier it had',
  async (stage) => {
    const peer = await stage.connect();
    await peer.publish(stage.name('a'), 'x', { qos: 0 });
    peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 1, messageId: 0xfffe, dup: false, retain: false });
    await peer.hear('puback', { messageId: 0xfffe });
    peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 2, messageId: 0xffff, dup: false, retain: false });
    await peer.hear('pubrec', { messageId: 0xffff });
    peer.say({ cmd: 'pubrel', messageId: 0xffff });
    await peer.hear('pubcomp', { messageId: 0xffff });
    await peer.quiet();
  },
);

prove('5.0 MQTT-3.4.2-1 MQTT-3.5.2-1: acknowledgements say whether anybody subscribed', async (stage) => {
  const peer = await stage.connect();
  for (const qos of [1, 2] as const) assert.equal(await peer.publish(stage.name('a'), 'x', { qos }), 0x10);
  const other = await stage.connect();
  await other.subscribe(stage.name('a'));
  for (const qos of [1, 2] as const) assert.equal(await peer.publish(stage.name('a'), 'x', { qos }), 0);
});

prove(
  '5.0 MQTT-4.3.2-5 MQTT-3.3.1-3 | 3.1.1 MQTT-4.3.2-2 MQTT-3.3.1-3: after PUBACK the same packet identifier is a new message, also with DUP, and DUP is not passed on',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: 1 });
    const publisher = await stage.connect();
    for (const dup of [false, true, true]) {
      publisher.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 1, messageId: 5, dup, retain: false });
      await publisher.hear('puback', { messageId: 5 });
      assert.equal((await peer.message()).dup, false);
    }
    await peer.quiet();
  },
);

prove(
  '5.0 MQTT-4.3.3-10 MQTT-4.3.3-12 MQTT-3.3.1-3 | 3.1.1 MQTT-4.3.3-2 MQTT-3.3.1-3: until PUBREL a repetition is answered by PUBREC and given to nobody, even with another payload; after PUBCOMP it is a new message',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    const say = async (payload: string, dup: boolean): Promise<void> => {
      publisher.say({ cmd: 'publish', topic: stage.name('a'), payload, qos: 2, messageId: 7, dup, retain: false });
      await publisher.hear('pubrec', { messageId: 7 });
    };
    await say('one', false);
    await say('one', true);
    await say('other', true);
    assert.equal((await peer.message()).payload.toString(), 'one');
    await peer.quiet();
    publisher.say({ cmd: 'pubrel', messageId: 7 });
    await publisher.hear('pubcomp', { messageId: 7 });
    await say('two', false);
    const message = await peer.message();
    assert.deepEqual([message.payload.toString(), message.dup], ['two', false]);
    await peer.quiet();
  },
);

prove('5.0 MQTT-4.3.3-10 | 3.1.1 MQTT-4.3.3-2: a repetition after a reconnect is known as well', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { qos: 2 });
  const publisher = await stage.keep('publisher');
  publisher.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 2, messageId: 7, dup: false, retain: false });
  await publisher.hear('pubrec', { messageId: 7 });
  publisher.drop();
  const again = await stage.keep('publisher');
  again.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 2, messageId: 7, dup: true, retain: false });
  await again.hear('pubrec', { messageId: 7 });
  await peer.message();
  await peer.quiet();
  again.say({ cmd: 'pubrel', messageId: 7 });
  await again.hear('pubcomp', { messageId: 7 });
});

prove(
  '5.0 MQTT-4.3.3-11 MQTT-3.7.2-1 MQTT-3.6.2-1: PUBREL and PUBREC for packet identifiers that nobody knows hear 0x92',
  async (stage) => {
    const peer = await stage.connect();
    peer.say({ cmd: 'pubrel', messageId: 77 });
    await peer.hear('pubcomp', { messageId: 77, reasonCode: 0x92 });
    peer.say({ cmd: 'pubrec', messageId: 78 });
    await peer.hear('pubrel', { messageId: 78, reasonCode: 0x92 });
    peer.say({ cmd: 'puback', messageId: 79 }, { cmd: 'pubcomp', messageId: 80 });
    await peer.quiet();
  },
);

prove('3.1.1 MQTT-4.3.3-2: PUBREL for a packet identifier that nobody knows is completed', async (stage) => {
  const peer = await stage.connect();
  peer.say({ cmd: 'pubrel', messageId: 77 });
  await peer.hear('pubcomp', { messageId: 77 });
});

prove('5.0 MQTT-4.3.3-9: a refused PUBLISH leaves its packet identifier free', async (stage) => {
  const publisher = await stage.connect();
  for (let i = 0; i < 3; i += 1) {
    publisher.say({ cmd: 'publish', topic: '$SYS/x', payload: 'x', qos: 2, messageId: 7, dup: i > 0, retain: false });
    await publisher.hear('pubrec', { messageId: 7, reasonCode: 0x87 });
  }
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { qos: 2 });
  publisher.say({ cmd: 'publish', topic: stage.name('a'), payload: 'new', qos: 2, messageId: 7, dup: false, retain: false });
  await publisher.hear('pubrec', { messageId: 7, reasonCode: 0 });
  assert.equal((await peer.message()).payload.toString(), 'new');
});

prove('3.1.1 MQTT-3.3.5-2: a PUBLISH that is not allowed is acknowledged and given to nobody', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe('$SYS/not/yours', { qos: 2 });
  const publisher = await stage.connect();
  for (const qos of [0, 1, 2] as const) await publisher.publish('$SYS/not/yours', 'x', { qos });
  await peer.quiet();
});

prove(
  '5.0 MQTT-2.2.1-4 MQTT-4.3.2-1 MQTT-4.3.2-2 MQTT-4.3.3-1 MQTT-4.3.3-2 MQTT-3.3.4-1 | 3.1.1 MQTT-2.3.1-4 MQTT-4.3.2-1 MQTT-4.3.3-1: the broker gives each message in flight a packet identifier of its own, not 0, and DUP 0',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    const seen = new Set<number>();
    for (let i = 0; i < 40; i += 1) {
      await publisher.publish(stage.name('a'), 'x', { qos: i % 2 === 0 ? 1 : 2 });
      const { messageId, dup } = await peer.hear('publish');
      assert.ok(typeof messageId === 'number' && messageId > 0 && !seen.has(messageId) && !dup);
      seen.add(messageId);
    }
  },
);

prove(
  '5.0 MQTT-2.2.1-4 | 3.1.1 MQTT-2.3.1-4: a packet identifier that is still in flight is passed over when the numbers begin anew',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: 1 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'stays in flight');
    const stuck = await peer.hear('publish');
    await publisher.publish(stage.name('a'), 'next');
    const next = await peer.hear('publish');
    assert.notEqual(next.messageId, stuck.messageId);
    peer.say({ cmd: 'puback', messageId: next.messageId ?? 0 });
    await peer.quiet();
  },
);

prove(
  '5.0 MQTT-4.3.3-4 MQTT-4.3.3-5 MQTT-4.3.3-6 MQTT-3.6.2-1 MQTT-2.2.1-5 | 3.1.1 MQTT-4.3.3-1 MQTT-2.3.1-6: PUBREC is answered by PUBREL; what is not completed goes on with PUBREL after a reconnect, and never with PUBLISH',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'x', { qos: 2 });
    const messageId = (await peer.hear('publish', { qos: 2 })).messageId as number;
    peer.say({ cmd: 'pubrec', messageId });
    await peer.hear('pubrel', { messageId });
    peer.drop();
    const again = await stage.keep('client');
    await again.hear('pubrel', { messageId });
    again.say({ cmd: 'pubcomp', messageId });
    await again.quiet();
    again.drop();
    await (await stage.keep('client')).quiet();
  },
);

prove(
  '5.0 MQTT-4.5.0-1 MQTT-4.6.0-5 MQTT-4.6.0-6 | 3.1.1 MQTT-4.5.0-1 MQTT-4.6.0-5 MQTT-4.6.0-6: messages of one client, topic and QoS keep their order, for those who are there and those who were away',
  async (stage) => {
    const count = 150;
    const topic = stage.name('a');
    const here = await stage.connect();
    await here.subscribe(topic, { qos: 2 });
    const away = await stage.keep('away');
    await away.subscribe(topic, { qos: 2 });
    await away.leave();
    const publishers = [await stage.connect(), await stage.connect()];
    await Promise.all(
      publishers.map(async (publisher, who) => {
        for (let i = 0; i < count; i += 1) await publisher.publish(topic, `${who} ${i}`, { qos: i % 2 === 0 ? 1 : 2 });
      }),
    );
    for (const peer of [here, await stage.keep('away')]) {
      const last = [-1, -1, -1, -1];
      for (let i = 0; i < count * publishers.length; i += 1) {
        const { payload, qos } = await peer.message();
        const [who, sequence] = payload.toString().split(' ').map(Number);
        assert.ok(sequence > last[who * 2 + qos - 1], 'in the order of its publisher');
        last[who * 2 + qos - 1] = sequence;
      }
      await peer.quiet();
    }
  },
);

prove(
  '5.0 MQTT-3.3.2-4 MQTT-3.3.2-15 MQTT-3.3.2-16 MQTT-3.3.2-17 MQTT-3.3.2-18 MQTT-3.3.2-20 MQTT-1.5.7-1: all properties of a message are passed on unaltered, user properties in their order with repetitions, to those who are there, those who were away, and later subscribers',
  async (stage) => {
    const list = props(
      ...[0x01, 1, 0x08, text('answer/here'), 0x09, binary(raw('00ff10'))],
      ...[0x26, text('b'), text('1'), 0x26, text('a'), text('2'), 0x26, text('b'), text('1'), 0x26, text(''), text('')],
      ...[0x03, text('text/plain; é')],
    );
    const topic = stage.name('a');
    const away = await stage.keep('away');
    await away.subscribe(topic, { qos: 1 });
    await away.leave();
    const here = await stage.connect();
    await here.subscribe(topic, { qos: 0 });
    const publisher = await stage.connect();
    publisher.send(frame(0x33, text(topic), u16(1), list, raw('c328')));
    await publisher.hear('puback', { messageId: 1, reasonCode: 0 });
    const late = await stage.connect();
    await late.subscribe(topic, { qos: 0 });
    const back = await stage.keep('away');
    for (const [peer, order] of [
      [here, true],
      [back, false],
      [late, true],
    ] as const) {
      const { bytes, packet } = await peer.hearBytes('publish');
      assert.ok(packet.cmd === 'publish');
      assert.deepEqual([...(packet.payload as Buffer)], [0xc3, 0x28], 'the format indicator does not touch the payload');
      const { payloadFormatIndicator, responseTopic, correlationData, contentType } = packet.properties ?? {};
      assert.deepEqual(
        [payloadFormatIndicator, responseTopic, correlationData, contentType],
        [true, 'answer/here', Buffer.from('00ff10', 'hex'), 'text/plain; é'],
      );
      const pairs = userProperties(bytes, packet.qos > 0);
      assert.deepEqual(pairs, ['b=1', 'a=2', 'b=1', '='], order ? 'as it passes' : 'from the log');
    }
  },
);

/** User properties of a PUBLISH of MQTT 5 in their order, read by nothing of ours. */
function userProperties(bytes: Uint8Array, hasId: boolean): string[] {
  const view = Buffer.from(bytes);
  let at = view[1] < 0x80 ? 2 : 3;
  at += 2 + view.readUInt16BE(at) + (hasId ? 2 : 0);
  const end = at + 1 + view[at];
  at += 1;
  const pairs: string[] = [];
  const string = (): string => {
    const length = view.readUInt16BE(at);
    at += 2 + length;
    return view.toString('utf8', at - length, at);
  };
  while (at < end) {
    const identifier = view[at];
    at += 1;
    if (identifier === 0x26) pairs.push(`${string()}=${string()}`);
    else if (identifier === 0x01) at += 1;
    else if (identifier === 0x02) at += 4;
    else string();
  }
  return pairs;
}

prove(
  '5.0 MQTT-3.3.2-5 MQTT-3.3.2-6: a message that waited has the rest of its expiry, and one whose expiry passed is not there any more, queued or retained',
  async (stage) => {
    const away = await stage.keep('away');
    for (const name of ['short', 'long']) await away.subscribe(stage.name(name), { qos: 2 });
    await away.leave();
    const publisher = await stage.connect();
    for (const retain of [false, true]) {
      for (const qos of [1, 2] as const) {
        await publisher.publish(stage.name('short'), 'x', { qos, retain, properties: { messageExpiryInterval: 1 } });
        await publisher.publish(stage.name('long'), 'x', { qos, retain, properties: { messageExpiryInterval: 100 } });
      }
    }
    const startMs = performance.now();
    await until('the short ones have expired', () => performance.now() - startMs > 2100);
    const back = await stage.keep('away');
    for (let i = 0; i < 4; i += 1) {
      const { topic, properties } = await back.message();
      assert.equal(topic, stage.name('long'));
      assert.ok((properties?.messageExpiryInterval ?? 0) <= 98 && (properties?.messageExpiryInterval ?? 0) >= 60);
    }
    await back.quiet();
    const late = await stage.connect();
    await late.subscribe(stage.name('short'));
    await late.quiet();
    await late.subscribe(stage.name('long'));
    assert.ok(((await late.message()).properties?.messageExpiryInterval ?? 0) <= 98);
  },
);

prove('5.0 MQTT-3.3.2-6: a message that does not wait keeps its expiry', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { qos: 1 });
  const publisher = await stage.connect();
  await publisher.publish(stage.name('a'), 'x', { properties: { messageExpiryInterval: 50 } });
  const { properties } = await peer.message();
  assert.ok([49, 50].includes(properties?.messageExpiryInterval ?? 0));
});

prove(
  '5.0 MQTT-4.3.3-7 MQTT-4.3.3-13 MQTT-4.4.0-1: what was sent does not expire: it is sent again after a reconnect, and its exchange completed',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'x', { qos: 2, properties: { messageExpiryInterval: 1 } });
    const messageId = (await peer.hear('publish')).messageId as number;
    peer.drop();
    const startMs = performance.now();
    await until('it has expired', () => performance.now() - startMs > 1500);
    const again = await stage.keep('client');
    await again.hear('publish', { messageId, dup: true });
    again.say({ cmd: 'pubrec', messageId });
    await again.hear('pubrel', { messageId });
    again.say({ cmd: 'pubcomp', messageId });
    await again.quiet();
  },
);

prove('5.0 MQTT-3.3.2-1: a PUBLISH without topic and without alias ends the connection', async (stage) => {
  const peer = await stage.connect();
  peer.send(frame(0x30, text(''), props(0x02, u32(5))));
  await peer.end(0x82);
});

prove(
  '5.0 MQTT-4.2-1 | 3.1.1 MQTT-7.1.1-1 MQTT-7.0.0-2: a packet that comes byte by byte is a packet, and a plain client needs no extension',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: 1 });
    const properties = stage.version === 5 ? [props()] : [];
    for (const byte of frame(0x32, text(stage.name('a')), u16(3), ...properties, raw('010203'))) peer.send(Uint8Array.of(byte));
    const kinds = [await peer.hearAny(), await peer.hearAny()].map(({ cmd }) => cmd);
    assert.deepEqual(kinds.sort(), ['puback', 'publish']);
  },
);

prove('5.0 MQTT-3.12.4-1 | 3.1.1 MQTT-3.12.4-1: PINGREQ is answered by PINGRESP, each of them', async (stage) => {
  const peer = await stage.connect();
  peer.send(raw('c000c000c000'));
  for (let i = 0; i < 3; i += 1) assert.deepEqual([...(await peer.hearBytes('pingresp')).bytes], [0xd0, 0]);
  await peer.quiet();
});
