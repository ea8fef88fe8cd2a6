import assert from 'node:assert/strict';
import { until } from '../../../runtime/running-node.js';
import { binary, frame, props, raw, text, u16, u32 } from './frame.js';
import type { Peer } from './peer.js';
import { connectPacket, type Stage, startProving } from './prove.js';

/* Wills: §3.1.2.5, §3.1.3.2, §3.14.4 of 5.0, §3.1.2.5 of 3.1.1. */

const prove = startProving();

/** Somebody who hears wills of this test, and publishers of them. */
async function watch(stage: Stage): Promise<Peer> {
  const watcher = await stage.connect();
  await watcher.subscribe(stage.name('will/#'), { qos: 2 });
  return watcher;
}

function will(stage: Stage, more: Record<string, unknown> = {}) {
  return { topic: stage.name('will/x'), payload: Buffer.from('gone'), qos: 1 as const, retain: false, ...more };
}

async function pass(ms: number): Promise<void> {
  const startMs = performance.now();
  await until(`${ms} ms have passed`, () => performance.now() - startMs > ms);
}

prove(
  '5.0 MQTT-3.1.2-7 MQTT-3.1.2-8 MQTT-3.1.2-10 | 3.1.1 MQTT-3.1.2-8 MQTT-3.1.2-10: a client that goes without a word leaves its will, once, of the QoS it had',
  async (stage) => {
    const watcher = await watch(stage);
    for (const qos of [0, 1, 2] as const) {
      const peer = await stage.connect({ will: will(stage, { qos }) });
      peer.drop();
      const message = await watcher.message();
      assert.deepEqual([message.payload.toString(), message.qos, message.retain], ['gone', qos, false]);
    }
    await watcher.quiet();
  },
);

prove(
  '5.0 MQTT-3.14.4-3 MQTT-3.1.2-8 MQTT-3.1.2-10 | 3.1.1 MQTT-3.14.4-3 MQTT-3.1.2-8 MQTT-3.1.2-10: DISCONNECT takes the will back',
  async (stage) => {
    const watcher = await watch(stage);
    const peer = await stage.connect({ will: will(stage) });
    await peer.leave();
    await pass(150);
    await watcher.quiet();
  },
);

prove('3.1.1 MQTT-3.1.2-12: a connection without a will leaves none, also where the one before had one', async (stage) => {
  const watcher = await watch(stage);
  const first = await stage.connect({ clientId: stage.name('client'), will: will(stage) });
  await first.leave();
  const second = await stage.connect({ clientId: stage.name('client') });
  second.drop();
  await pass(150);
  await watcher.quiet();
});

prove('5.0 MQTT-3.1.2-8: DISCONNECT with another code than 0x00 leaves the will', async (stage) => {
  const watcher = await watch(stage);
  for (const code of [0x04, 0x80]) {
    const peer = await stage.connect({ will: will(stage) });
    await peer.leave(code);
    assert.equal((await watcher.message()).payload.toString(), 'gone');
  }
});

prove('5.0 MQTT-3.1.2-8 | 3.1.1 MQTT-3.1.2-8: a client that breaks the protocol leaves its will', async (stage) => {
  const watcher = await watch(stage);
  const peer = await stage.connect({ will: will(stage) });
  peer.send(raw('c00100'));
  await peer.end(0x81);
  await watcher.message();
});

prove(
  '5.0 MQTT-3.1.2-14 MQTT-3.1.2-15 | 3.1.1 MQTT-3.1.2-16 MQTT-3.1.2-17: a will is retained if it says so, and else is not',
  async (stage) => {
    const watcher = await watch(stage);
    for (const retain of [false, true]) {
      const peer = await stage.connect({ will: will(stage, { retain }) });
      peer.drop();
      await watcher.message();
      const late = await stage.connect();
      await late.subscribe(stage.name('will/x'), { qos: 1 });
      if (retain) assert.deepEqual([(await late.message()).retain], [true]);
      await late.quiet();
    }
  },
);

prove(
  '5.0 MQTT-3.1.3-10 MQTT-3.3.2-18: the properties of a will go with it, user properties in their order, and the delay does not',
  async (stage) => {
    const watcher = await watch(stage);
    const list = props(
      ...[0x18, u32(0), 0x01, 1, 0x03, text('kind'), 0x08, text('answer'), 0x09, binary(raw('0102'))],
      ...[0x26, text('z'), text('1'), 0x26, text('a'), text('2'), 0x26, text('z'), text('3')],
    );
    const peer = await stage.open();
    peer.send(frame(0x10, text('MQTT'), 5, 0x06, u16(0), props(), text(stage.name('w')), list, text(stage.name('will/x')), text('gone')));
    await peer.hear('connack', { reasonCode: 0 });
    peer.drop();
    const { bytes, packet } = await watcher.hearBytes('publish');
    assert.ok(packet.cmd === 'publish');
    const { payloadFormatIndicator, contentType, responseTopic, correlationData } = packet.properties ?? {};
    assert.deepEqual([payloadFormatIndicator, contentType, responseTopic, correlationData], [true, 'kind', 'answer', Buffer.from([1, 2])]);
    const pairs = Buffer.concat([raw('26'), text('z'), text('1'), raw('26'), text('a'), text('2'), raw('26'), text('z'), text('3')]);
    assert.ok(Buffer.from(bytes).includes(pairs), 'as they were given');
    assert.ok(!Buffer.from(bytes).includes(Buffer.from(raw('1800000000'))), 'the delay is between the client and us');
  },
);

prove('5.0 MQTT-3.1.3-9 MQTT-3.1.2-8: a client that is back before its will delay has passed keeps its will unsent', async (stage) => {
  const watcher = await watch(stage);
  const first = await stage.keep('client', { will: will(stage, { properties: { willDelayInterval: 1 } }) });
  first.drop();
  const second = await stage.keep('client');
  await pass(1500);
  await watcher.quiet();
  await second.quiet();
});

prove('5.0 MQTT-3.1.2-8: a will goes out when its delay has passed, and not before', async (stage) => {
  const watcher = await watch(stage);
  const peer = await stage.keep('client', { will: will(stage, { properties: { willDelayInterval: 1 } }) });
  peer.drop();
  const startMs = performance.now();
  await watcher.quiet();
  assert.equal((await watcher.message()).payload.toString(), 'gone');
  assert.ok(performance.now() - startMs > 800);
});

prove('5.0 MQTT-3.1.2-8: a will does not wait longer than its session', async (stage) => {
  const watcher = await watch(stage);
  const peer = await stage.connect({
    will: will(stage, { properties: { willDelayInterval: 3600 } }),
    properties: { sessionExpiryInterval: 1 },
  });
  peer.drop();
  await watcher.message();
  const shortLived = await stage.connect({ will: will(stage, { properties: { willDelayInterval: 3600 } }) });
  shortLived.drop();
  await watcher.message();
});

prove('5.0 MQTT-3.1.2-8 MQTT-3.1.2-4: a clean start ends the session, and the will that waited goes out', async (stage) => {
  const watcher = await watch(stage);
  const peer = await stage.keep('client', { will: will(stage, { properties: { willDelayInterval: 3600 } }) });
  peer.drop();
  await watcher.quiet();
  await stage.keep('client', { clean: true });
  await watcher.message();
  await watcher.quiet();
});

prove(
  '5.0 MQTT-3.1.2-8 MQTT-3.1.4-3 | 3.1.1 MQTT-3.1.2-8 MQTT-3.1.4-2: a client that is taken over leaves its will, in MQTT 5 unless a delay keeps it and the session goes on',
  async (stage) => {
    const watcher = await watch(stage);
    const clientId = stage.name('client');
    const first = await stage.connect({ clientId, will: will(stage) });
    const second = await stage.connect({
      clientId,
      will: will(stage, stage.version === 5 ? { properties: { willDelayInterval: 60 } } : {}),
    });
    await first.end(0x8e);
    await watcher.message();
    if (stage.version === 4) return;
    await second.leave();
    const kept = await stage.keep('kept', { will: will(stage, { properties: { willDelayInterval: 60 } }) });
    await stage.keep('kept');
    await kept.end(0x8e);
    await watcher.quiet();
  },
);

prove(
  '5.0 MQTT-3.1.2-10 | 3.1.1 MQTT-3.1.2-10: a will that was published is not published again when the session is opened and lost once more',
  async (stage) => {
    const watcher = await watch(stage);
    const first = await stage.keep('client', { will: will(stage) });
    first.drop();
    await watcher.message();
    const second = await stage.keep('client');
    second.drop();
    await pass(150);
    await watcher.quiet();
  },
);

prove('5.0 MQTT-3.3.2-6: the expiry of a will counts from its publication', async (stage) => {
  const watcher = await watch(stage);
  const peer = await stage.keep('client', { will: will(stage, { properties: { willDelayInterval: 1, messageExpiryInterval: 30 } }) });
  peer.drop();
  assert.ok([29, 30].includes((await watcher.message()).properties?.messageExpiryInterval ?? 0));
});

prove(
  '5.0 MQTT-3.1.2-8 MQTT-3.1.2-22 | 3.1.1 MQTT-3.1.2-8 MQTT-3.1.2-24: silence beyond one and a half times the keep-alive ends the connection as if the network had failed: with the will',
  async (stage) => {
    const watcher = await watch(stage);
    const peer = await stage.open();
    peer.say(connectPacket(stage.version, { clientId: stage.name('client'), keepalive: 1, will: will(stage) }));
    await peer.hear('connack');
    const startMs = performance.now();
    await peer.end(0x8d);
    assert.ok(performance.now() - startMs >= 1400);
    await watcher.message();
  },
);

prove(
  '5.0 MQTT-3.1.2-22 | 3.1.1 MQTT-3.1.2-24: any packet counts as a sign of life, and a keep-alive of 0 asks for none',
  async (stage) => {
    const silent = await stage.connect({ keepalive: 0 });
    const talker = await stage.connect({ keepalive: 1 });
    for (let i = 0; i < 5; i += 1) {
      await pass(700);
      if (i % 2 === 0) await talker.publish(stage.name('a'), 'x', { qos: 1 });
      else await talker.unsubscribe(stage.name('none'));
    }
    await talker.quiet();
    await silent.quiet();
  },
);

prove('5.0 MQTT-3.2.2-22: where the broker says no keep-alive, that of the client holds', async (stage) => {
  const peer = await stage.connect({ keepalive: 1 });
  assert.equal(peer.connack?.properties?.serverKeepAlive, undefined);
  const startMs = performance.now();
  await peer.end(0x8d);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 1400 && tookMs < 9000, `${tookMs} ms`);
});
