import assert from 'node:assert/strict';
import type { Peer } from './peer.js';
import { type Stage, startProving } from './prove.js';

/* Retained messages: §3.3.1.3 and §3.8.3.1 of 5.0, §3.3.1.3 of 3.1.1. */

const prove = startProving();

/** What a new subscriber is sent at once, as `payload`, with RETAIN. */
async function retainedAt(stage: Stage, filter: string): Promise<string[]> {
  const peer = await stage.connect();
  await peer.subscribe(filter, { qos: 2 });
  const payloads: string[] = [];
  while (await peer.hasMore()) {
    const { payload, retain } = await peer.message();
    assert.equal(retain, true, 'MQTT-3.3.1-8 of 3.1.1');
    payloads.push(payload.toString());
  }
  await peer.leave();
  return payloads.sort();
}

function setRetained(publisher: Peer, topic: string, payload: string, qos: 0 | 1 | 2 = 1): Promise<number> {
  return publisher.publish(topic, payload, { qos, retain: true });
}

prove(
  '5.0 MQTT-3.3.1-5 | 3.1.1 MQTT-3.3.1-5 MQTT-3.3.1-6 MQTT-3.3.1-7 MQTT-3.3.1-8: the last retained message of each topic goes to every new subscriber, of whatever QoS it was',
  async (stage) => {
    const publisher = await stage.connect();
    for (const qos of [0, 1, 2] as const) {
      await setRetained(publisher, stage.name('a'), `old ${qos}`, 1);
      await setRetained(publisher, stage.name('a'), `new ${qos}`, qos);
      await setRetained(publisher, stage.name('b'), 'other', qos);
      assert.deepEqual(await retainedAt(stage, stage.name('a')), [`new ${qos}`]);
    }
    await setRetained(publisher, stage.name('x/1'), '1');
    await setRetained(publisher, stage.name('x/2'), '2');
    assert.deepEqual(await retainedAt(stage, stage.name('x/+')), ['1', '2']);
    assert.deepEqual(await retainedAt(stage, stage.name('x/#')), ['1', '2']);
  },
);

prove(
  '5.0 MQTT-3.3.1-6 MQTT-3.3.1-7 | 3.1.1 MQTT-3.3.1-10 MQTT-3.3.1-11: an empty retained message is passed on, removes the retained one and is not retained',
  async (stage) => {
    const publisher = await stage.connect();
    for (const qos of [0, 1, 2] as const) {
      await setRetained(publisher, stage.name('a'), 'kept');
      const peer = await stage.connect();
      await peer.subscribe(stage.name('a'), { qos: 2 });
      await peer.message();
      await setRetained(publisher, stage.name('a'), '', qos);
      const message = await peer.message();
      assert.deepEqual([message.payload.length, message.retain, message.qos], [0, false, qos]);
      assert.deepEqual(await retainedAt(stage, stage.name('a')), []);
      await peer.leave();
    }
  },
);

prove('5.0 MQTT-3.3.1-8 | 3.1.1 MQTT-3.3.1-12: a message without RETAIN, empty or not, leaves the retained one as it is', async (stage) => {
  const publisher = await stage.connect();
  await publisher.publish(stage.name('a'), 'never kept');
  assert.deepEqual(await retainedAt(stage, stage.name('a')), []);
  await setRetained(publisher, stage.name('a'), 'kept');
  for (const payload of ['passing', '']) for (const qos of [0, 1, 2] as const) await publisher.publish(stage.name('a'), payload, { qos });
  assert.deepEqual(await retainedAt(stage, stage.name('a')), ['kept']);
});

prove('5.0 MQTT-3.3.1-12 | 3.1.1 MQTT-3.3.1-9: what is forwarded to a subscription that was there before has RETAIN 0', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { qos: 2 });
  const publisher = await stage.connect();
  for (const qos of [0, 1, 2] as const) {
    await setRetained(publisher, stage.name('a'), 'x', qos);
    assert.equal((await peer.message()).retain, false);
  }
});

prove('5.0 MQTT-3.3.1-13: with Retain As Published RETAIN is as it was published, also from the queue of who was away', async (stage) => {
  const peer = await stage.keep('client');
  await peer.subscribe(stage.name('a'), { qos: 1, rap: true });
  const publisher = await stage.connect();
  for (const retain of [true, false]) {
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish(stage.name('a'), 'x', { qos, retain });
      assert.equal((await peer.message()).retain, retain);
    }
  }
  await peer.leave();
  await publisher.publish(stage.name('a'), 'one', { retain: true });
  await publisher.publish(stage.name('a'), 'two');
  const back = await stage.keep('client');
  assert.deepEqual([(await back.message()).retain, (await back.message()).retain], [true, false]);
});

prove('5.0 MQTT-3.3.1-9 MQTT-3.8.4-4: Retain Handling 0 sends retained messages at every SUBSCRIBE', async (stage) => {
  await setRetained(await stage.connect(), stage.name('a'), 'kept');
  const peer = await stage.connect();
  for (let i = 0; i < 3; i += 1) {
    await peer.subscribe(stage.name('a'), { rh: 0 });
    assert.equal((await peer.message()).retain, true);
  }
});

prove(
  '5.0 MQTT-3.3.1-10: Retain Handling 1 sends retained messages where the subscription is new, and after a session was resumed it is not',
  async (stage) => {
    await setRetained(await stage.connect(), stage.name('a'), 'kept');
    const peer = await stage.keep('client');
    await peer.subscribe(stage.name('a'), { rh: 1 });
    await peer.message();
    await peer.subscribe(stage.name('a'), { rh: 1, qos: 2 });
    await peer.quiet();
    await peer.leave();
    const back = await stage.keep('client');
    await back.subscribe(stage.name('a'), { rh: 1 });
    await back.quiet();
    await back.unsubscribe(stage.name('a'));
    await back.subscribe(stage.name('a'), { rh: 1 });
    await back.message();
  },
);

prove('5.0 MQTT-3.3.1-11: Retain Handling 2 sends no retained messages', async (stage) => {
  await setRetained(await stage.connect(), stage.name('a'), 'kept');
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { rh: 2 });
  await peer.quiet();
});

prove('5.0: a shared subscription gets no retained messages', async (stage) => {
  await setRetained(await stage.connect(), stage.name('a'), 'kept');
  const peer = await stage.connect();
  await peer.subscribe(`$share/g/${stage.name('a')}`, { qos: 1 });
  await peer.quiet();
});

prove(
  '5.0 MQTT-3.8.4-8 | 3.1.1 MQTT-3.8.4-6: a retained message comes with the lower of its QoS and that of the subscription',
  async (stage) => {
    const publisher = await stage.connect();
    for (const published of [0, 1, 2] as const) {
      await setRetained(publisher, stage.name('a'), 'x', published);
      for (const granted of [0, 1, 2] as const) {
        const peer = await stage.connect();
        await peer.subscribe(stage.name('a'), { qos: granted });
        assert.equal((await peer.message()).qos, Math.min(published, granted));
        await peer.leave();
      }
    }
  },
);

prove('5.0 MQTT-3.3.4-3: a retained message carries the identifier of the subscription that asked for it', async (stage) => {
  await setRetained(await stage.connect(), stage.name('a'), 'kept');
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'), { identifier: 42 });
  assert.equal((await peer.message()).properties?.subscriptionIdentifier, 42);
});
