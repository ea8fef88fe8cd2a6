import assert from 'node:assert/strict';
import type { IPublishPacket } from 'mqtt-packet';
import { frame, props, raw, text, u16 } from './frame.js';
import type { Peer } from './peer.js';
import { startProving } from './prove.js';

/* Topic aliases in both directions: §3.3.2.3.4. */

const ALIAS_MAX = 10;
const prove = startProving({ topic_alias_max: ALIAS_MAX });

function aliased(topic: string, alias: number, payload = '01'): Uint8Array {
  return frame(0x30, text(topic), props(0x23, u16(alias)), raw(payload));
}

/** The topic of what came, learning aliases as a client has to. */
class AliasReader {
  readonly known = new Map<number, string>();
  highest = 0;

  topicOf({ topic, properties }: IPublishPacket): string {
    const alias = properties?.topicAlias;
    if (alias === undefined) return topic;
    this.highest = Math.max(this.highest, alias);
    if (topic !== '') this.known.set(alias, topic);
    return this.known.get(alias) ?? assert.fail('an alias that was never told');
  }
}

async function hearAll(peer: Peer, reader: AliasReader, count: number): Promise<string[]> {
  const topics: string[] = [];
  for (let i = 0; i < count; i += 1) topics.push(reader.topicOf(await peer.message()));
  return topics;
}

prove(
  '5.0 MQTT-3.3.2-12 MQTT-3.2.2-17: every alias from 1 to the maximum that CONNACK tells is taken, set anew at will, and stands for its topic',
  async (stage) => {
    const watcher = await stage.connect();
    for (let i = 1; i <= ALIAS_MAX; i += 1) await watcher.subscribe(stage.name(`${i}`));
    await watcher.subscribe(stage.name('other'));
    const peer = await stage.connect();
    assert.equal(peer.connack?.properties?.topicAliasMaximum, ALIAS_MAX);
    for (let i = 1; i <= ALIAS_MAX; i += 1) peer.send(aliased(stage.name(`${i}`), i), aliased('', i));
    for (let i = 1; i <= ALIAS_MAX; i += 1)
      for (let n = 0; n < 2; n += 1) assert.equal((await watcher.message()).topic, stage.name(`${i}`));
    peer.send(aliased(stage.name('other'), 3), aliased('', 3));
    for (let n = 0; n < 2; n += 1) assert.equal((await watcher.message()).topic, stage.name('other'));
    await peer.quiet();
  },
);

prove(
  '5.0 MQTT-3.3.2-7 MQTT-3.3.2-11 MQTT-3.1.2-27: the alias of a publisher is its own: receivers see the topic and no alias',
  async (stage) => {
    const watcher = await stage.connect();
    await watcher.subscribe(stage.name('a'), { qos: 2 });
    const peer = await stage.connect();
    for (const first of [0x30, 0x32, 0x34]) {
      const id = first === 0x30 ? [] : [u16(first)];
      peer.send(frame(first, text(stage.name('a')), ...id, props(0x23, u16(1)), raw('01')));
      if (first === 0x32) await peer.hear('puback');
      if (first === 0x34) await peer.hear('pubrec');
      const message = await watcher.message();
      assert.deepEqual([message.topic, message.properties?.topicAlias], [stage.name('a'), undefined]);
    }
  },
);

prove('5.0 MQTT-3.3.2-8 MQTT-3.3.2-9: alias 0, and one above the maximum, end the connection with 0x94', async (stage) => {
  for (const alias of [0, ALIAS_MAX + 1, 65_535]) {
    const peer = await stage.connect();
    peer.send(aliased(stage.name('a'), alias));
    await peer.end(0x94);
  }
});

prove(
  '5.0 MQTT-3.3.2-7 MQTT-3.3.2-1: an alias that was never set, or was set on an earlier connection of the session, ends the connection with 0x82',
  async (stage) => {
    const first = await stage.keep('client');
    first.send(aliased(stage.name('a'), 1));
    await first.quiet();
    first.drop();
    for (const alias of [1, 2]) {
      const peer = await stage.keep('client');
      peer.send(aliased('', alias));
      await peer.end(0x82);
    }
  },
);

prove(
  '5.0 MQTT-3.1.2-26 MQTT-3.3.2-11: the broker uses aliases up to the maximum of the client, tells each before it stands alone, and writes the others out',
  async (stage) => {
    const peer = await stage.connect({ properties: { topicAliasMaximum: 2 } });
    const names = ['x', 'y', 'z'].map((name) => stage.name(name));
    for (const name of names) await peer.subscribe(name, { qos: 1 });
    const publisher = await stage.connect();
    for (const qos of [0, 1] as const) for (let i = 0; i < 3; i += 1) for (const name of names) await publisher.publish(name, 'x', { qos });
    const reader = new AliasReader();
    const expected = Array.from({ length: 6 }, () => names).flat();
    assert.deepEqual(await hearAll(peer, reader, 18), expected);
    assert.equal(reader.highest, 2);
  },
);

prove('5.0 MQTT-3.1.2-27 MQTT-3.3.2-8: a client that takes no aliases gets none', async (stage) => {
  for (const properties of [{}, { topicAliasMaximum: 0 }]) {
    const peer = await stage.connect({ properties });
    await peer.subscribe(stage.name('a'));
    const publisher = await stage.connect();
    for (let i = 0; i < 3; i += 1) {
      await publisher.publish(stage.name('a'), 'x');
      assert.equal((await peer.message()).properties?.topicAlias, undefined);
    }
  }
});

prove('5.0 MQTT-3.3.2-7: a client that comes back is told its aliases anew, also for what is sent again', async (stage) => {
  const first = await stage.keep('client', { properties: { topicAliasMaximum: 5 } });
  await first.subscribe(stage.name('a'), { qos: 1 });
  const publisher = await stage.connect();
  for (let i = 0; i < 3; i += 1) await publisher.publish(stage.name('a'), 'x');
  for (let i = 0; i < 3; i += 1) await first.hear('publish');
  first.drop();
  const back = await stage.keep('client', { properties: { topicAliasMaximum: 5 } });
  await publisher.publish(stage.name('a'), 'x');
  assert.deepEqual(
    await hearAll(back, new AliasReader(), 4),
    Array.from({ length: 4 }, () => stage.name('a')),
  );
});

prove(
  '5.0 MQTT-3.1.2-25 MQTT-3.1.2-26: an alias is told only by a packet that goes out: what is dropped as too large tells nothing',
  async (stage) => {
    const topic = stage.name('a');
    const peer = await stage.connect({ properties: { topicAliasMaximum: 5, maximumPacketSize: 60 } });
    await peer.subscribe(topic, { qos: 1 });
    const publisher = await stage.connect();
    await publisher.publish(topic, 'x'.repeat(100));
    await publisher.publish(topic, 'small');
    const message = await peer.message();
    assert.equal(message.topic, topic);
    const reader = new AliasReader();
    reader.topicOf(message);
    await publisher.publish(topic, 'again');
    assert.equal(reader.topicOf(await peer.message()), topic);
  },
);
