import assert from 'node:assert/strict';
import { until } from '../../../runtime/running-node.js';
import type { Peer } from './peer.js';
import { connectPacket, type Stage, startProving } from './prove.js';

/* Sessions: §3.1.2.4, §3.1.2.11.2, §3.1.4, §4.1 of 5.0, §3.1.2.4 and §4.1 of 3.1.1. */

const prove = startProving();

/** Publishes as nobody in particular, with the QoS given. */
async function publish(stage: Stage, topic: string, payload: string, qos: 0 | 1 | 2 = 1): Promise<void> {
  const publisher = await stage.connect();
  await publisher.publish(topic, payload, { qos });
  await publisher.leave();
}

function present({ connack }: Peer): boolean | undefined {
  return connack?.sessionPresent;
}

prove(
  '5.0 MQTT-3.1.2-6 MQTT-3.1.2-5 MQTT-3.1.2-23 MQTT-3.1.3-2 MQTT-3.2.2-3 MQTT-4.5.0-1 | 3.1.1 MQTT-3.1.2-4 MQTT-3.1.2-5 MQTT-3.1.3-2 MQTT-3.2.2-2 MQTT-3.2.2-3 MQTT-4.1.0-1 MQTT-4.5.0-1: a session that is not clean is made once, keeps subscriptions and messages while its client is away, and is resumed',
  async (stage) => {
    const first = await stage.keep('client');
    assert.equal(present(first), false);
    await first.subscribe(stage.name('a'), { qos: 2 });
    await first.leave();
    for (const qos of [1, 2] as const) await publish(stage, stage.name('a'), `QoS ${qos}`, qos);
    const second = await stage.keep('client');
    assert.equal(present(second), true);
    assert.deepEqual([(await second.message()).payload.toString(), (await second.message()).payload.toString()].sort(), ['QoS 1', 'QoS 2']);
    await publish(stage, stage.name('a'), 'live');
    assert.equal((await second.message()).payload.toString(), 'live');
    await second.quiet();
  },
);

prove(
  '5.0 MQTT-3.1.2-4 MQTT-3.1.4-4 MQTT-3.2.2-2 | 3.1.1 MQTT-3.1.2-6 MQTT-3.1.4-3 MQTT-3.2.2-1: a clean start throws the earlier session away, with its subscriptions and messages',
  async (stage) => {
    const first = await stage.keep('client');
    await first.subscribe(stage.name('a'), { qos: 1 });
    await first.leave();
    await publish(stage, stage.name('a'), 'lost');
    const clean = await stage.keep('client', { clean: true });
    assert.equal(present(clean), false);
    await publish(stage, stage.name('a'), 'lost, too');
    await clean.quiet();
  },
);

prove('3.1.1 MQTT-3.1.2-6 MQTT-3.2.2-3: a clean session ends with its connection', async (stage) => {
  const clean = await stage.connect({ clientId: stage.name('client') });
  await clean.subscribe(stage.name('a'), { qos: 1 });
  await clean.leave();
  const next = await stage.keep('client');
  assert.equal(present(next), false);
  await publish(stage, stage.name('a'), 'for nobody');
  await next.quiet();
});

prove(
  '5.0 MQTT-4.1.0-2 MQTT-3.2.2-3: a session without expiry ends with its connection, also when it does not start clean',
  async (stage) => {
    const clientId = stage.name('client');
    const first = await stage.connect({ clientId, clean: false });
    await first.subscribe(stage.name('a'), { qos: 1 });
    first.drop();
    const second = await stage.connect({ clientId, clean: false });
    assert.equal(present(second), false);
  },
);

prove('5.0 MQTT-4.1.0-2: a session whose expiry has passed is not there any more', async (stage) => {
  const clientId = stage.name('client');
  const first = await stage.connect({ clientId, clean: false, properties: { sessionExpiryInterval: 1 } });
  await first.leave();
  const leftMs = performance.now();
  await until('the expiry has passed', () => performance.now() - leftMs > 1500);
  const second = await stage.connect({ clientId, clean: false });
  assert.equal(present(second), false);
});

prove('5.0 MQTT-4.1.0-1 | 3.1.1 MQTT-4.1.0-2: a session lasts while its connection is open, whatever its expiry', async (stage) => {
  const peer = await stage.connect(stage.version === 5 ? { properties: { sessionExpiryInterval: 1 } } : {});
  await peer.subscribe(stage.name('a'), { qos: 1 });
  const startMs = performance.now();
  await until('the expiry has passed', () => performance.now() - startMs > 1500);
  await publish(stage, stage.name('a'), 'still here');
  assert.equal((await peer.message()).payload.toString(), 'still here');
});

prove('5.0: DISCONNECT may shorten the life of a session, or end it at once', async (stage) => {
  const first = await stage.keep('client');
  await first.leave(0, 0);
  const second = await stage.keep('client');
  assert.equal(present(second), false);
  await second.leave(0, 1800);
  assert.equal(present(await stage.keep('client')), true);
});

prove('5.0 MQTT-4.13.1-1: DISCONNECT may not give life to a session that had none: 0x82', async (stage) => {
  const peer = await stage.connect();
  peer.say({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 60 } });
  await peer.end(0x82);
});

prove('5.0: 0xFFFFFFFF is the longest life there is, and CONNACK says what was granted', async (stage) => {
  const peer = await stage.keep('client', { properties: { sessionExpiryInterval: 0xffffffff } });
  const granted = peer.connack?.properties?.sessionExpiryInterval ?? 0xffffffff;
  assert.ok(granted >= 86_400);
  await peer.leave();
  assert.equal(present(await stage.keep('client')), true);
});

prove(
  '5.0 MQTT-3.1.4-3 MQTT-3.14.4-1 MQTT-3.14.4-2 | 3.1.1 MQTT-3.1.4-2: a second connection of a client takes over: the first one is closed, in MQTT 5 with 0x8E, and the session goes on',
  async (stage) => {
    const first = await stage.keep('client');
    await first.subscribe(stage.name('a'), { qos: 1 });
    const second = await stage.keep('client');
    await first.end(0x8e);
    assert.equal(present(second), true);
    await publish(stage, stage.name('a'), 'for the second');
    assert.equal((await second.message()).payload.toString(), 'for the second');
  },
);

prove('5.0 MQTT-3.1.4-3 | 3.1.1 MQTT-3.1.4-2: of many connections of a client at once one is left', async (stage) => {
  const peers = await Promise.all(Array.from({ length: 20 }, () => stage.open()));
  const clientId = stage.name('client');
  for (const peer of peers) peer.say(connectPacket(stage.version, { clientId, clean: false }));
  await until('all but one are closed', () => peers.filter(({ isClosed }) => !isClosed).length === 1);
  const left = peers.find(({ isClosed }) => !isClosed);
  await left?.hear('connack');
  await left?.quiet();
});

prove('5.0 | 3.1.1: a session that one version opened is resumed by the other', async (stage) => {
  const other = stage.version === 5 ? 4 : 5;
  const first = await stage.keep('client');
  await first.subscribe(stage.name('a'), { qos: 1 });
  await first.leave();
  await publish(stage, stage.name('a'), 'waits');
  const second = await stage.keep('client', {}, other);
  assert.equal(present(second), true);
  assert.equal((await second.message()).payload.toString(), 'waits');
});

prove(
  '5.0 MQTT-4.5.0-1: a session that is resumed by a connection without expiry still gets what waited for it, of QoS 1 and 2',
  async (stage) => {
    const first = await stage.keep('client');
    await first.subscribe(stage.name('a'), { qos: 2 });
    await first.leave();
    for (const qos of [1, 2] as const) await publish(stage, stage.name('a'), `QoS ${qos}`, qos);
    const second = await stage.connect({ clientId: first.clientId, clean: false });
    assert.equal(present(second), true);
    assert.deepEqual([(await second.message()).payload.toString(), (await second.message()).payload.toString()].sort(), ['QoS 1', 'QoS 2']);
    await second.leave();
    assert.equal(present(await stage.keep('client')), false);
  },
);

prove('3.1.1 MQTT-3.1.2-7: a retained message is there after the session of its publisher ended', async (stage) => {
  const publisher = await stage.connect();
  await publisher.publish(stage.name('a'), 'stays', { retain: true });
  await publisher.leave();
  const peer = await stage.connect();
  await peer.subscribe(stage.name('a'));
  assert.equal((await peer.message()).payload.toString(), 'stays');
});
