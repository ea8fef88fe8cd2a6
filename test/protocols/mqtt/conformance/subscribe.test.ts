import assert from 'node:assert/strict';
import { frame, props, text, u16 } from './frame.js';
import type { Peer } from './peer.js';
import { type Stage, startProving } from './prove.js';

/* SUBSCRIBE and UNSUBSCRIBE, topics and filters: §3.8 to §3.11, §4.7 of both versions, §3.3.5 of 3.1.1. */

const prove = startProving();

const MISSED = { cmd: 'publish', payload: 'missed', qos: 1, dup: false, retain: false } as const;

async function publishAll(stage: Stage, ...topics: readonly string[]): Promise<void> {
  const publisher = await stage.connect();
  for (const topic of topics) await publisher.publish(topic, topic);
  await publisher.leave();
}

/** Topics of messages that came, in their order; nothing else came. */
async function heardTopics(peer: Peer, count: number): Promise<string[]> {
  const topics: string[] = [];
  for (let i = 0; i < count; i += 1) topics.push((await peer.message()).topic);
  await peer.quiet();
  return topics;
}

prove(
  '5.0 MQTT-2.2.1-6 MQTT-3.8.4-1 MQTT-3.8.4-2 MQTT-3.8.4-5 MQTT-3.8.4-6 MQTT-3.8.4-7 MQTT-3.9.3-1 MQTT-3.9.3-2 | 3.1.1 MQTT-2.3.1-7 MQTT-3.8.4-1 MQTT-3.8.4-2 MQTT-3.8.4-4 MQTT-3.8.4-5 MQTT-3.9.3-1 MQTT-3.9.3-2: one SUBACK with the packet identifier has a code for each filter, in their order',
  async (stage) => {
    const peer = await stage.connect();
    const topics = [2, 0, 1].map((qos) => ({ topic: stage.name(`q${qos}`), qos: qos as 0 | 1 | 2 }));
    const tooDeep = { topic: stage.name('').concat('/x'.repeat(1000)), qos: 1 as const };
    peer.say({ cmd: 'subscribe', messageId: 0xabcd, subscriptions: [topics[0], tooDeep, topics[1], topics[2]] });
    await peer.hear('suback', { messageId: 0xabcd, granted: [2, stage.version === 5 ? 0x97 : 0x80, 0, 1] });
    await publishAll(stage, ...topics.map(({ topic }) => topic));
    assert.deepEqual(
      await heardTopics(peer, 3),
      topics.map(({ topic }) => topic),
    );
  },
);

prove(
  '5.0 MQTT-2.2.1-6 MQTT-3.10.4-4 MQTT-3.10.4-5 MQTT-3.10.4-6 MQTT-3.11.3-1 MQTT-3.11.3-2 | 3.1.1 MQTT-2.3.1-7 MQTT-3.10.4-4 MQTT-3.10.4-5 MQTT-3.10.4-6: one UNSUBACK with the packet identifier answers each filter, also those that nobody subscribed',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('b'));
    await peer.subscribe(stage.name('c'));
    peer.say({ cmd: 'unsubscribe', messageId: 0x1234, unsubscriptions: ['a', 'b', 'd', 'c'].map((name) => stage.name(name)) });
    await peer.hear('unsuback', { messageId: 0x1234, ...(stage.version === 5 ? { granted: [0x11, 0, 0x11, 0] } : {}) });
    await publishAll(stage, stage.name('b'), stage.name('c'));
    await peer.quiet();
  },
);

prove(
  '5.0 MQTT-3.10.4-1 MQTT-3.10.4-2 MQTT-4.7.3-4 | 3.1.1 MQTT-3.10.4-1 MQTT-3.10.4-2 MQTT-4.7.3-4: UNSUBSCRIBE ends the subscription of the very same filter and no other',
  async (stage) => {
    const peer = await stage.connect();
    const filters = ['a/+', 'a/#', 'a/b', 'A/b'].map((name) => stage.name(name));
    for (const filter of filters) await peer.subscribe(filter, { qos: 1 });
    for (const filter of [stage.name('a/b/'), stage.name('a/B'), `${stage.name('a')}/+/+`]) await peer.unsubscribe(filter);
    await publishAll(stage, stage.name('a/b'));
    assert.equal((await heardTopics(peer, 1)).length, 1);
    await peer.unsubscribe(filters[0]);
    await peer.unsubscribe(filters[2]);
    await publishAll(stage, stage.name('a/b'));
    assert.equal((await heardTopics(peer, 1)).length, 1);
    await peer.unsubscribe(filters[1]);
    await publishAll(stage, stage.name('a/b'));
    await peer.quiet();
  },
);

prove(
  '5.0 MQTT-3.10.4-3 | 3.1.1 MQTT-3.10.4-3: a delivery that began is completed after UNSUBSCRIBE, and sent again after a reconnect',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 2 });
    await publishAll(stage, stage.name('a'));
    const one = await peer.hear('publish', { qos: 1 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'two', { qos: 2 });
    const two = await peer.hear('publish', { qos: 2 });
    await peer.unsubscribe(stage.name('a'));
    peer.drop();
    const again = await stage.keep('client');
    await again.hear('publish', { messageId: one.messageId as number, dup: true });
    await again.hear('publish', { messageId: two.messageId as number, dup: true });
    again.say({ cmd: 'puback', messageId: one.messageId as number }, { cmd: 'pubrec', messageId: two.messageId as number });
    await again.hear('pubrel', { messageId: two.messageId as number });
    again.say({ cmd: 'pubcomp', messageId: two.messageId as number });
    await again.quiet();
  },
);

prove(
  '5.0 MQTT-3.8.4-3 MQTT-3.8.4-4 MQTT-3.8.4-8 | 3.1.1 MQTT-3.8.4-3 MQTT-3.8.4-6: a filter that is subscribed again replaces its subscription: one copy, of the new QoS, and the retained message again',
  async (stage) => {
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a'), 'kept', { retain: true });
    const peer = await stage.connect();
    for (const qos of [2, 0, 1] as const) {
      assert.equal(await peer.subscribe(stage.name('a'), { qos }), qos);
      assert.deepEqual([(await peer.message()).retain], [true]);
    }
    await publisher.publish(stage.name('a'), 'live', { qos: 2 });
    assert.equal((await peer.message()).qos, 1);
    await peer.quiet();
  },
);

prove('5.0 MQTT-3.8.4-4 | 3.1.1 MQTT-3.8.4-3: while a subscription is replaced again and again no message is lost', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { qos: 0 });
  const publisher = await stage.connect();
  const count = 200;
  const properties = stage.version === 5 ? [props()] : [];
  for (let i = 0; i < count; i += 1) {
    publisher.say({ cmd: 'publish', topic: stage.name('a'), payload: String(i), qos: 0, retain: false, dup: false });
    peer.send(frame(0x82, u16(i + 10), ...properties, text(stage.name('a')), i % 2));
  }
  let messages = 0;
  let subacks = 0;
  while (messages < count || subacks < count) {
    const packet = await peer.hearAny();
    if (packet.cmd === 'suback') subacks += 1;
    else {
      assert.ok(packet.cmd === 'publish' && packet.payload.toString() === String(messages), 'in their order, each once');
      messages += 1;
    }
  }
});

prove('5.0 MQTT-3.8.4-8 | 3.1.1 MQTT-3.8.4-6: a delivery has the lower of the QoS published and granted', async (stage) => {
  const publisher = await stage.connect();
  for (const granted of [0, 1, 2] as const) {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a'), { qos: granted });
    for (const published of [0, 1, 2] as const) {
      await publisher.publish(stage.name('a'), 'x', { qos: published });
      assert.equal((await peer.message()).qos, Math.min(granted, published));
    }
    await peer.leave();
  }
});

prove(
  '5.0 MQTT-3.3.4-2 MQTT-3.3.2-3 | 3.1.1 MQTT-3.3.5-1 MQTT-3.3.2-3: where subscriptions overlap the message comes with the highest of their QoS',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a/+'), { qos: 0 });
    await peer.subscribe(stage.name('a/#'), { qos: 2 });
    await peer.subscribe(stage.name('a/b'), { qos: 1 });
    const publisher = await stage.connect();
    await publisher.publish(stage.name('a/b'), 'x', { qos: 2 });
    const message = await peer.message();
    assert.equal(message.qos, 2);
    assert.equal(message.topic, stage.name('a/b'));
    await peer.quiet();
  },
);

prove(
  '5.0 MQTT-3.3.4-3 MQTT-3.3.4-4 MQTT-3.3.4-5: the single copy of overlapping subscriptions has the identifiers of all that match, and of no other',
  async (stage) => {
    const peer = await stage.connect();
    await peer.subscribe(stage.name('a/+'), { qos: 1, identifier: 7 });
    await peer.subscribe(stage.name('a/#'), { qos: 0, identifier: 268_435_455 });
    await peer.subscribe(stage.name('a/b'), { qos: 2 });
    await peer.subscribe(stage.name('x'), { qos: 2, identifier: 99 });
    await publishAll(stage, stage.name('a/b'));
    const { properties } = await peer.message();
    const identifiers = properties?.subscriptionIdentifier;
    assert.deepEqual(Array.isArray(identifiers) ? identifiers.toSorted((a, b) => a - b) : identifiers, [7, 268_435_455]);
    await peer.quiet();
  },
);

prove('5.0 MQTT-3.3.4-3: a subscription that is replaced without an identifier has none', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { identifier: 5 });
  await publishAll(stage, stage.name('a'));
  assert.equal((await peer.message()).properties?.subscriptionIdentifier, 5);
  await peer.subscribe(stage.name('a'));
  await publishAll(stage, stage.name('a'));
  assert.equal((await peer.message()).properties?.subscriptionIdentifier, undefined);
});

prove('5.0 MQTT-3.3.4-6 MQTT-4.13.1-1: a PUBLISH of a client with a Subscription Identifier ends the connection', async (stage) => {
  const peer = await stage.connect();
  peer.send(frame(0x30, text('a'), props(0x0b, 1)));
  await peer.end(0x82);
});

prove(
  '5.0 MQTT-3.8.3-3: No Local keeps what a client publishes from itself, after a reconnect too, and from nobody else',
  async (stage) => {
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { qos: 1, nl: true });
    const other = await stage.connect();
    await other.subscribe(stage.name('a'), { qos: 1 });
    for (const qos of [0, 1, 2] as const) await peer.publish(stage.name('a'), 'own', { qos });
    await peer.quiet();
    for (let i = 0; i < 3; i += 1) await other.message();
    await peer.leave();
    const again = await stage.keep('client');
    await again.publish(stage.name('a'), 'own');
    await again.quiet();
    await other.message();
    await (await stage.connect()).publish(stage.name('a'), 'foreign');
    assert.equal((await again.message()).payload.toString(), 'foreign');
  },
);

prove(
  '5.0 MQTT-3.8.3-3: what a client publishes while it still catches up with what it missed does not come to it from the log',
  async (stage) => {
    const topic = stage.name('a');
    const first = await stage.keep('client', { properties: { receiveMaximum: 2 } });
    await first.subscribe(topic, { qos: 2, nl: true });
    await first.leave();
    const publisher = await stage.connect();
    // More than a session takes from the log at once: its cursor stays behind while nothing is acknowledged.
    const count = 1500;
    for (let i = 0; i < count; i += 500) {
      const burst = Array.from({ length: 500 }, (_, n) => ({ ...MISSED, topic, messageId: n + 1 }));
      publisher.say(...burst);
      for (const { messageId } of burst) await publisher.hear('puback', { messageId });
    }
    const back = await stage.keep('client', { properties: { receiveMaximum: 2 } });
    const held = [await back.hear('publish'), await back.hear('publish')];
    for (const qos of [1, 2, 1] as const) await back.publish(topic, 'own', { qos });
    await back.publish(topic, 'own', { properties: { contentType: 'x' } });
    for (const { messageId } of held) back.say({ cmd: 'puback', messageId: messageId as number });
    for (let i = 2; i < count; i += 1) assert.equal((await back.message()).payload.toString(), 'missed');
    await publisher.publish(topic, 'last');
    assert.equal((await back.message()).payload.toString(), 'last');
    await back.quiet();
    back.drop();
    const again = await stage.keep('client');
    await again.quiet();
  },
);

prove('5.0 MQTT-3.8.3-4: No Local on a shared subscription is a protocol error', async (stage) => {
  const peer = await stage.connect();
  peer.send(frame(0x82, u16(1), props(), text('$share/g/a'), 0x05));
  await peer.end(0x82);
});

prove(
  '5.0 MQTT-4.7.1-1 MQTT-4.7.1-2 MQTT-4.7.3-1 | 3.1.1 MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-4.7.3-1: filters with wildcards inside a level, or # before the end, or none at all, end the connection',
  async (stage) => {
    const properties = stage.version === 5 ? [props()] : [];
    for (const filter of ['a#', '#a', 'a/#/b', '#/', 'a+', '+a', 'a/+b/c', 'a/b+/c', '++', '']) {
      for (const first of [0x82, 0xa2]) {
        const peer = await stage.connect();
        peer.send(frame(first, u16(1), ...properties, text(filter), ...(first === 0x82 ? [0] : [])));
        await peer.end(0x81);
      }
    }
  },
);

prove(
  '5.0 MQTT-4.7.0-1 MQTT-3.3.2-2 MQTT-4.7.3-1 | 3.1.1 MQTT-4.7.1-1 MQTT-3.3.2-2 MQTT-4.7.3-1: a PUBLISH to a topic with wildcards, or to none, ends the connection',
  async (stage) => {
    const properties = stage.version === 5 ? [props()] : [];
    for (const [topic, code] of [
      ['a/+', 0x90],
      ['#', 0x90],
      ['a#b', 0x90],
      ['', 0x82],
    ] as const) {
      const peer = await stage.connect();
      peer.send(frame(0x30, text(topic), ...properties));
      if (stage.version === 5) {
        const { reasonCode } = await peer.hear('disconnect');
        assert.ok(reasonCode === code || reasonCode === 0x81, `${topic}: ${reasonCode}`);
      }
      await peer.close();
    }
  },
);

prove('5.0 MQTT-3.3.2-14: a Response Topic with wildcards ends the connection', async (stage) => {
  for (const topic of ['a/+', '#', 'a#']) {
    const peer = await stage.connect();
    peer.send(frame(0x30, text('a'), props(0x08, text(topic))));
    const { reasonCode } = await peer.hear('disconnect');
    assert.ok(reasonCode === 0x81 || reasonCode === 0x82);
    await peer.close();
  }
});

prove(
  '5.0 MQTT-4.7.1-1 MQTT-4.7.1-2 MQTT-4.7.3-4 MQTT-3.3.2-3 | 3.1.1 MQTT-4.7.1-2 MQTT-4.7.1-3 MQTT-4.7.3-4 MQTT-3.3.2-3: what filters match, empty levels, parents and case included',
  async (stage) => {
    const base = stage.name('');
    const cases: [filter: string, matching: string[], others: string[]][] = [
      [`${base}/a/#`, [`${base}/a`, `${base}/a/`, `${base}/a/b/c`], [`${base}/ab`, `${base}/A/b`]],
      [`${base}/a/+`, [`${base}/a/b`, `${base}/a/`], [`${base}/a`, `${base}/a/b/c`]],
      [`${base}/+/c`, [`${base}//c`, `${base}/x/c`], [`${base}/c`, `${base}/x/y/c`]],
      [`${base}//`, [`${base}//`], [`${base}/`, `${base}///`]],
      [`+/+`, [`/${base}`, `${base}/`], [`${base}`, `/${base}/`]],
      [`/+`, [`/${base}`], [`${base}`, `x/${base}`]],
      [`${base}/\u00e9`, [`${base}/\u00e9`], [`${base}/e\u0301`]],
      [`${base}/ b `, [`${base}/ b `], [`${base}/b`]],
    ];
    for (const [filter, matching, others] of cases) {
      const peer = await stage.connect();
      await peer.subscribe(filter, { qos: 1 });
      await publishAll(stage, ...others, ...matching);
      assert.deepEqual(await heardTopics(peer, matching.length), matching, filter);
      await peer.leave();
    }
  },
);

prove(
  '5.0 MQTT-4.7.2-1 | 3.1.1 MQTT-4.7.2-1: filters that begin with a wildcard match no topic that begins with $, retained or live',
  async (stage) => {
    const topic = `$${stage.name('hidden')}/x`;
    const publisher = await stage.connect();
    await publisher.publish(topic, 'kept', { retain: true });
    const blind = await stage.connect();
    const subscriptions = ['#', '+/x', '+/#', '+/+'].map((filter) => ({ topic: filter, qos: 0 as const }));
    blind.say({ cmd: 'subscribe', messageId: 1, subscriptions });
    await blind.hear('suback', { messageId: 1 });
    while (await blind.hasMore()) assert.ok(!(await blind.message()).topic.startsWith('$'), 'what other tests retained');
    const seeing = await stage.connect();
    await seeing.subscribe(`$${stage.name('hidden')}/#`);
    assert.equal((await seeing.message()).payload.toString(), 'kept');
    await publisher.publish(topic, 'live');
    assert.equal((await seeing.message()).payload.toString(), 'live');
    await blind.quiet();
  },
);

prove('5.0 | 3.1.1: a filter of a hundred levels matches', async (stage) => {
  const levels = Array.from({ length: 100 }, (_, i) => `l${i}`);
  const topic = [stage.name('deep'), ...levels].join('/');
  const peer = await stage.connect();
  await peer.subscribe([stage.name('deep'), ...levels.map(() => '+')].join('/'), { qos: 1 });
  await publishAll(stage, topic);
  assert.deepEqual(await heardTopics(peer, 1), [topic]);
});
