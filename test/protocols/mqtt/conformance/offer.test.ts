import assert from 'node:assert/strict';
import { connectPacket, type Stage, startProving } from './prove.js';

/* A server that does less than it could: Maximum QoS and Retain Available, and a longest keep-alive (§3.2.2.3). */

const KEEP_ALIVE_MAX = 60;
const prove = startProving({
  qos_max: 1,
  retain_available: false,
  keep_alive_max: KEEP_ALIVE_MAX * 1000,
  client_id_bytes_max: 30,
  reveal_denials: false,
  response_information: 'reply/${clientid}',
});

function will(stage: Stage, more: { qos?: 0 | 1 | 2; retain?: boolean }) {
  return { topic: stage.name('will'), payload: Buffer.from('x'), qos: 0 as const, retain: false, ...more };
}

prove('5.0 MQTT-3.2.2-9: CONNACK says the Maximum QoS, and that nothing is retained', async (stage) => {
  const { connack } = await stage.connect();
  assert.equal(connack?.properties?.maximumQoS, 1);
  assert.equal(connack?.properties?.retainAvailable, false);
});

prove(
  '5.0 MQTT-3.2.2-10 MQTT-3.8.4-7 | 3.1.1 MQTT-3.8.4-5: subscriptions of any QoS are taken, and granted as much as there is',
  async (stage) => {
    const peer = await stage.connect();
    for (const qos of [0, 1, 2] as const) assert.equal(await peer.subscribe(stage.name(`q${qos}`), { qos }), Math.min(qos, 1));
    await (await stage.connect()).publish(stage.name('q2'), 'x', { qos: 1 });
    assert.equal((await peer.message()).qos, 1);
  },
);

prove(
  '5.0 MQTT-3.2.2-12 MQTT-3.2.2-7 | 3.1.1 MQTT-3.2.2-6: a will above the Maximum QoS refuses CONNECT, in MQTT 5 with 0x9B',
  async (stage) => {
    const peer = await stage.open();
    peer.say(connectPacket(stage.version, { clientId: stage.name('x'), will: will(stage, { qos: 2 }) }));
    await peer.refused(0x9b, -1);
  },
);

prove(
  '5.0 MQTT-3.2.2-13 | 3.1.1 MQTT-3.2.2-6: a retained will where nothing is retained refuses CONNECT, in MQTT 5 with 0x9A',
  async (stage) => {
    const peer = await stage.open();
    peer.say(connectPacket(stage.version, { clientId: stage.name('x'), will: will(stage, { retain: true }) }));
    await peer.refused(0x9a, -1);
  },
);

prove(
  '5.0 MQTT-3.2.2-11 MQTT-3.2.2-14 | 3.1.1: who publishes above the Maximum QoS, or with RETAIN, is closed, in MQTT 5 with 0x9B or 0x9A, and nobody gets the message',
  async (stage) => {
    const watcher = await stage.connect();
    await watcher.subscribe(stage.name('a'), { qos: 1 });
    const properties = stage.version === 5 ? { properties: { contentType: 'x' } } : {};
    for (const more of [{}, properties]) {
      const plain = { cmd: 'publish' as const, topic: stage.name('a'), payload: 'x', messageId: 1, dup: false, ...more };
      const high = await stage.connect();
      high.say({ ...plain, qos: 2, retain: false });
      await high.end(0x9b);
      const retained = await stage.connect();
      retained.say({ ...plain, qos: 0, retain: true });
      await retained.end(0x9a);
    }
    await watcher.quiet();
  },
);

prove('5.0 MQTT-3.2.2-21 MQTT-3.1.2-21: a Server Keep Alive is said to those who asked for more, or for none', async (stage) => {
  for (const [keepalive, expected] of [
    [0, KEEP_ALIVE_MAX],
    [3600, KEEP_ALIVE_MAX],
    [30, undefined],
  ] as const) {
    const { connack } = await stage.connect({ keepalive });
    assert.equal(connack?.properties?.serverKeepAlive, expected);
  }
});

prove(
  '5.0 MQTT-3.4.2-1 MQTT-3.5.2-1 MQTT-3.9.3-2: what is forbidden is refused with 0x80, where the settings keep the reason from clients',
  async (stage) => {
    const peer = await stage.connect();
    assert.equal(await peer.publish('$SYS/x', 'x', { qos: 1 }), 0x80);
    assert.equal(await peer.subscribe('$tenant/other/#'), 0x80);
    await peer.quiet();
  },
);

prove('5.0 MQTT-3.1.2-28: response information is said to those who ask, with their own names in it', async (stage) => {
  const asking = await stage.connect({ clientId: stage.name('me'), properties: { requestResponseInformation: true } });
  assert.equal(asking.connack?.properties?.responseInformation, `reply/${stage.name('me')}`);
  for (const properties of [{}, { requestResponseInformation: false }])
    assert.equal((await stage.connect({ properties })).connack?.properties?.responseInformation, undefined);
});

prove('5.0 MQTT-3.1.2-24: response information that would make CONNACK too large, or is no topic, is left out', async (stage) => {
  const small = await stage.connect({ properties: { requestResponseInformation: true, maximumPacketSize: 30 } });
  assert.equal(small.connack?.properties?.responseInformation, undefined);
  const wild = await stage.connect({ clientId: stage.name('a+#'), properties: { requestResponseInformation: true } });
  assert.equal(wild.connack?.properties?.responseInformation, undefined);
});

prove(
  '5.0 MQTT-3.1.3-8 MQTT-3.1.4-2 MQTT-3.2.2-7 | 3.1.1 MQTT-3.1.3-9 MQTT-3.2.2-4 MQTT-3.2.2-5: a client identifier that is longer than the settings allow is refused with 0x85, in MQTT 3 with 0x02',
  async (stage) => {
    const peer = await stage.open();
    peer.say(connectPacket(stage.version, { clientId: 'x'.repeat(31) }));
    await peer.refused(0x85, 2);
  },
);
