import assert from 'node:assert/strict';
import { binary, frame, join, props, raw, text, u16, u32 } from './frame.js';
import type { Peer } from './peer.js';
import { type Stage, startProving } from './prove.js';

/* Text, integers, flags and properties of packets behind CONNECT: §1.5, §2.1, §2.2 of both versions. */

const prove = startProving();
/** No text: broken sequences, surrogates, an overlong form, beyond U+10FFFF. */
const NO_TEXT = ['c328', 'ff', 'e282', 'eda080', 'edbfbf', 'c080', 'e08080', 'f4908080', 'e2'].map(raw);
const NUL = raw('610062');

/** MQTT 5 packets have properties where MQTT 3 has nothing. */
function plainProps({ version }: { version: 4 | 5 }): Uint8Array[] {
  return version === 5 ? [props()] : [];
}

/** Each of these packets, on a connection of its own, ends it with this code. */
async function eachEnds(stage: Stage, reasonCode: number, packets: readonly Uint8Array[]): Promise<void> {
  for (const packet of packets) {
    const peer = await stage.connect();
    peer.send(packet);
    await peer.end(reasonCode);
  }
}

function publish(stage: Stage, topic: Uint8Array): Uint8Array {
  return frame(0x30, topic, ...plainProps(stage), raw('01'));
}

function subscribe(stage: Stage, filter: Uint8Array): Uint8Array {
  return frame(0x82, u16(1), ...plainProps(stage), filter, 0);
}

function unsubscribe(stage: Stage, filter: Uint8Array): Uint8Array {
  return frame(0xa2, u16(1), ...plainProps(stage), filter);
}

prove(
  '5.0 MQTT-1.5.4-1 MQTT-3.3.2-1 MQTT-3.8.3-1 MQTT-3.10.3-1 MQTT-4.13.1-1 | 3.1.1 MQTT-1.5.3-1 MQTT-3.3.2-1 MQTT-3.8.3-1 MQTT-3.10.3-1 MQTT-4.8.0-1: a topic or filter that is no text ends the connection',
  async (stage) => {
    for (const bytes of NO_TEXT) {
      const name = binary(bytes);
      await eachEnds(stage, 0x81, [publish(stage, name), subscribe(stage, name), unsubscribe(stage, name)]);
    }
  },
);

prove(
  '5.0 MQTT-1.5.4-2 MQTT-4.7.3-2 | 3.1.1 MQTT-1.5.3-2 MQTT-4.7.3-2: a topic or filter with U+0000 ends the connection',
  async (stage) => {
    const name = binary(NUL);
    await eachEnds(stage, 0x81, [publish(stage, name), subscribe(stage, name), unsubscribe(stage, name)]);
  },
);

prove(
  '5.0 MQTT-1.5.4-1 MQTT-1.5.4-2 MQTT-1.5.7-1 MQTT-3.3.2-13 MQTT-3.3.2-19: text in properties of PUBLISH, SUBSCRIBE and DISCONNECT is checked as well',
  async (stage) => {
    for (const bytes of [...NO_TEXT, NUL]) {
      const bad = binary(bytes);
      const lists = [props(0x26, bad, text('v')), props(0x26, text('k'), bad)];
      const ofPublish = [...lists, props(0x08, bad), props(0x03, bad)];
      await eachEnds(stage, 0x81, [
        ...ofPublish.map((list) => frame(0x30, text('a'), list, raw('01'))),
        ...lists.map((list) => frame(0x82, u16(1), list, text('a'), 0)),
        ...lists.map((list) => frame(0xa2, u16(1), list, text('a'))),
        frame(0xe0, 0, props(0x1f, bad)),
        frame(0x40, u16(1), 0, props(0x1f, bad)),
      ]);
    }
  },
);

prove('5.0 MQTT-1.5.4-3 | 3.1.1 MQTT-1.5.3-3: EF BB BF in a topic is a character like any other, at its beginning too', async (stage) => {
  const topic = `\ufeff${stage.name('a')}\ufeff`;
  const other = await stage.connect();
  await other.subscribe(stage.name('a'));
  await other.subscribe(topic);
  const publisher = await stage.connect();
  publisher.send(frame(0x30, text(topic), ...plainProps(stage), raw('01')));
  await publisher.quiet();
  const { bytes } = await other.hearBytes('publish');
  assert.ok(Buffer.from(bytes).includes(Buffer.from(topic)), 'all three characters are there');
});

prove('5.0 MQTT-1.5.5-1 MQTT-4.13.1-1: a variable byte integer that is longer than it needs to be ends the connection', async (stage) => {
  await eachEnds(stage, 0x81, [
    join([0xc0, raw('8000')]),
    frame(0x30, text('a'), raw('8000'), raw('01')),
    frame(0x82, u16(1), props(0x0b, raw('8100')), text('a'), 0),
    join([0x30, raw('8080808001')]),
  ]);
});

prove('5.0 MQTT-2.2.2-1: a packet without property length is malformed', async (stage) => {
  await eachEnds(stage, 0x81, [frame(0x30, text('a')), frame(0x82, u16(1)), frame(0xa2, u16(1))]);
});

prove('5.0 MQTT-2.2.2-1: where the broker has no properties it says a property length of 0', async (stage) => {
  const peer = await stage.connect();
  peer.send(subscribe(stage, text(stage.name('a'))));
  assert.deepEqual([...(await peer.hearBytes('suback')).bytes], [0x90, 4, 0, 1, 0, 0]);
  peer.send(unsubscribe(stage, text(stage.name('a'))));
  assert.deepEqual([...(await peer.hearBytes('unsuback')).bytes], [0xb0, 4, 0, 1, 0, 0]);
});

prove('5.0 MQTT-4.13.1-1: properties that run beyond the packet, repeat or do not belong there end the connection', async (stage) => {
  const ofPublish = (list: Uint8Array): Uint8Array => frame(0x30, text('a'), list);
  await eachEnds(stage, 0x81, [
    ofPublish(raw('05 01 01')),
    ofPublish(props(0x11, u32(1))),
    ofPublish(props(0x7f, 0)),
    ofPublish(props(0x02, u16(1))),
    frame(0x82, u16(1), props(0x01, 1), text('a'), 0),
    frame(0xe0, 0, props(0x21, u16(1))),
    frame(0xe0, 0, props(), 0),
    frame(0x40, u16(1), 0, props(0x11, u32(1))),
    raw('c00100'),
  ]);
  await eachEnds(stage, 0x82, [
    ofPublish(props(0x01, 1, 0x01, 1)),
    ofPublish(props(0x02, u32(1), 0x02, u32(1))),
    ofPublish(props(0x03, text('a'), 0x03, text('a'))),
    ofPublish(props(0x08, text('a'), 0x08, text('a'))),
    ofPublish(props(0x09, binary(raw('01')), 0x09, binary(raw('01')))),
    ofPublish(props(0x01, 2)),
    frame(0x82, u16(1), props(0x0b, 1, 0x0b, 1), text('a'), 0),
    frame(0x82, u16(1), props(0x0b, 0), text('a'), 0),
    frame(0xe0, 0, props(0x11, u32(1), 0x11, u32(1))),
  ]);
});

prove(
  '5.0 MQTT-2.1.3-1 MQTT-3.6.1-1 MQTT-3.8.1-1 MQTT-3.10.1-1 MQTT-3.14.1-1 MQTT-3.15.1-1 | 3.1.1 MQTT-2.2.2-1 MQTT-2.2.2-2 MQTT-3.6.1-1 MQTT-3.8.1-1 MQTT-3.10.1-1 MQTT-3.14.1-1: reserved flags of the first byte end the connection',
  async (stage) => {
    const body = subscribe(stage, text('a')).subarray(1);
    const away = unsubscribe(stage, text('a')).subarray(1);
    const wrong: Uint8Array[] = [];
    for (const flags of [0x0, 0x1, 0x3, 0x6, 0xa]) {
      wrong.push(join([0x80 | flags, body]), join([0xa0 | flags, away]), join([0x60 | flags, raw('020001')]));
    }
    for (const flags of [0x1, 0x2, 0x4, 0x8]) {
      for (const type of [0x40, 0x50, 0x70]) wrong.push(join([type | flags, raw('020001')]));
      wrong.push(join([0xc0 | flags, raw('00')]), join([0xe0 | flags, raw('00')]));
      if (stage.version === 5) wrong.push(frame(0xf0 | flags, 0x19, props(0x15, text('x'))));
    }
    await eachEnds(stage, 0x81, wrong);
  },
);

prove(
  '5.0 MQTT-4.13.1-1 | 3.1.1 MQTT-4.8.0-1: packets that only a server sends, and the reserved type, end the connection',
  async (stage) => {
    await eachEnds(stage, 0x82, ['20020000', '9003000100', 'b0020001', 'd000'].map(raw));
    await eachEnds(stage, 0x81, [raw('0000')]);
  },
);

prove(
  '5.0 MQTT-2.2.1-3 MQTT-2.2.1-2 | 3.1.1 MQTT-2.3.1-1 MQTT-2.3.1-5: SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 with packet identifier 0 end the connection',
  async (stage) => {
    await eachEnds(stage, 0x82, [
      frame(0x82, u16(0), ...plainProps(stage), text('a'), 0),
      frame(0xa2, u16(0), ...plainProps(stage), text('a')),
    ]);
    await eachEnds(stage, 0x81, [
      frame(0x32, text('a'), u16(0), ...plainProps(stage)),
      frame(0x34, text('a'), u16(0), ...plainProps(stage)),
    ]);
  },
);

prove(
  '5.0 MQTT-2.2.1-2 MQTT-4.3.1-1 MQTT-3.3.1-2 | 3.1.1 MQTT-2.3.1-5 MQTT-4.3.1-1 MQTT-3.3.1-2: QoS 0 goes out without packet identifier and without DUP',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: 2 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'xyz', { qos: 0 });
    const { bytes } = await peer.hearBytes('publish');
    assert.deepEqual(Buffer.from(bytes), Buffer.from(frame(0x30, text(stage.name('a')), ...plainProps(stage), raw('78797a'))));
  },
);

prove('5.0 MQTT-3.3.1-2 MQTT-3.3.1-4 | 3.1.1 MQTT-3.3.1-2 MQTT-3.3.1-4: QoS 3, and DUP with QoS 0, end the connection', async (stage) => {
  await eachEnds(stage, 0x81, [
    frame(0x36, text('a'), u16(1), ...plainProps(stage)),
    frame(0x3e, text('a'), u16(1), ...plainProps(stage)),
    frame(0x38, text('a'), ...plainProps(stage)),
  ]);
});

prove(
  '5.0 MQTT-3.4.2-1 MQTT-3.5.2-1 MQTT-3.6.2-1 MQTT-3.7.2-1: acknowledgements with codes that are not theirs end the connection',
  async (stage) => {
    await eachEnds(stage, 0x82, ['4003000111', '5003000104', '6203000181', '7003000110', '40030001ff'].map(raw));
  },
);

prove(
  '5.0 MQTT-3.8.3-5 | 3.1.1 MQTT-3.8.3-4 MQTT-2.2.2-2: reserved bits of subscription options make SUBSCRIBE malformed',
  async (stage) => {
    const withOptions = (options: number): Uint8Array => frame(0x82, u16(1), ...plainProps(stage), text('a'), options);
    await eachEnds(stage, 0x81, (stage.version === 5 ? [0x40, 0x80, 0xc1] : [0x04, 0x08, 0x10, 0x80]).map(withOptions));
  },
);

prove(
  '5.0 MQTT-4.13.1-1 | 3.1.1 MQTT-3.8.3-4: a subscription with QoS 3, or in MQTT 5 Retain Handling 3, ends the connection',
  async (stage) => {
    const withOptions = (options: number): Uint8Array => frame(0x82, u16(1), ...plainProps(stage), text('a'), options);
    await eachEnds(stage, 0x82, (stage.version === 5 ? [0x03, 0x30] : [0x03]).map(withOptions));
  },
);

prove(
  '5.0 MQTT-3.8.3-2 MQTT-3.10.3-2 | 3.1.1 MQTT-3.8.3-3 MQTT-3.10.3-2: SUBSCRIBE and UNSUBSCRIBE without a filter end the connection',
  async (stage) => {
    await eachEnds(stage, 0x82, [frame(0x82, u16(1), ...plainProps(stage)), frame(0xa2, u16(1), ...plainProps(stage))]);
  },
);

prove('5.0 MQTT-3.15.2-1: AUTH with a code that a client may not send ends the connection', async (stage) => {
  await eachEnds(stage, 0x82, [frame(0xf0, 0x00, props(0x15, text('x'))), raw('f000'), frame(0xf0, 0x17, props(0x15, text('x')))]);
});

prove(
  '5.0 MQTT-4.13.2-1 MQTT-3.14.2-1 MQTT-3.14.2-2 MQTT-3.14.0-1: a DISCONNECT of the broker has a code of its list, no session expiry, and the close behind it',
  async (stage) => {
    const peer: Peer = await stage.keep('client');
    peer.send(raw('c00100'));
    const { packet } = await peer.hearBytes('disconnect');
    assert.ok(packet.cmd === 'disconnect' && packet.reasonCode === 0x81);
    assert.equal(packet.properties?.sessionExpiryInterval, undefined);
    await peer.close();
  },
);

prove('5.0 MQTT-4.7.3-3 | 3.1.1 MQTT-4.7.3-3: a topic of 65,535 bytes arrives', async (stage) => {
  const topic = stage.name('').concat('x'.repeat(65_535)).slice(0, 65_535);
  const peer = await stage.connect();
  assert.equal(await peer.subscribe(topic), 0);
  const publisher = await stage.connect();
  await publisher.publish(topic, 'long', { qos: 0 });
  assert.equal((await peer.message()).topic.length, 65_535);
});
