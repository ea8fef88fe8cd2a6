import assert from 'node:assert/strict';
import { ScramClient } from '../../../auth/scram/scram-client.js';
import { frame, props, raw, text, u16 } from './frame.js';
import type { Peer } from './peer.js';
import { connectPacket, type Stage, startProving } from './prove.js';

/* Enhanced authentication: §3.15 and §4.12, by SCRAM. */

const METHOD = 'SCRAM-SHA-256';
const PASSWORD = 'wonderland';

const prove = startProving(
  {},
  {
    prepare: async (node) => {
      const user = { tenant: 'default', name: 'alice', password: PASSWORD, isSuperuser: null, comment: null, when: 'any', expected: null };
      await node.query({ verb: 'ask', question: 'mqtt-user-put', ask: user });
    },
  },
);

function data(value: string) {
  return { authenticationMethod: METHOD, authenticationData: Buffer.from(value) };
}

/** Says CONNECT with the first word of SCRAM, and hears the server's. Until every thread knows the user, nobody is asked. */
async function begin(stage: Stage, scram: ScramClient, more: object = {}): Promise<{ peer: Peer; challenge: string }> {
  for (let round = 0; ; round += 1) {
    const peer = await stage.open();
    peer.say(connectPacket(5, { clientId: stage.name('client'), properties: { ...data(scram.first), ...more } }));
    const answer = await peer.hearAny();
    if (answer.cmd === 'auth') {
      assert.equal(answer.reasonCode, 0x18);
      assert.equal(answer.properties?.authenticationMethod, METHOD);
      return { peer, challenge: String(answer.properties?.authenticationData) };
    }
    assert.ok(round < 500, 'the user is known in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function enter(stage: Stage): Promise<Peer> {
  const scram = new ScramClient(METHOD, 'alice', PASSWORD);
  const { peer, challenge } = await begin(stage, scram);
  peer.say({ cmd: 'auth', reasonCode: 0x18, properties: data(scram.final(challenge)) });
  const { reasonCode, properties } = await peer.hear('connack');
  assert.deepEqual([reasonCode, properties?.authenticationMethod, String(properties?.authenticationData)], [0, METHOD, scram.expected]);
  return peer;
}

prove(
  '5.0 MQTT-4.12.0-2 MQTT-4.12.0-3 MQTT-4.12.0-5 MQTT-3.15.2-1 MQTT-3.2.0-1: the server asks by AUTH 0x18 and accepts by CONNACK, both with the method of CONNECT',
  async (stage) => {
    await (await enter(stage)).quiet();
  },
);

prove('5.0 MQTT-4.12.0-4 MQTT-3.1.4-2 MQTT-3.2.2-7: who fails hears CONNACK 0x86 and is closed', async (stage) => {
  const scram = new ScramClient(METHOD, 'alice', 'wrong');
  const { peer, challenge } = await begin(stage, scram);
  peer.say({ cmd: 'auth', reasonCode: 0x18, properties: data(scram.final(challenge)) });
  await peer.refused(0x86, -1);
});

prove('5.0 MQTT-4.12.0-5: AUTH with another method than CONNECT ends the connection, on the way in and afterwards', async (stage) => {
  const { peer } = await begin(stage, new ScramClient(METHOD, 'alice', PASSWORD));
  peer.say({ cmd: 'auth', reasonCode: 0x18, properties: { ...data('x'), authenticationMethod: 'SCRAM-SHA-512' } });
  await peer.close();
  const connected = await enter(stage);
  connected.say({ cmd: 'auth', reasonCode: 0x19, properties: { ...data('x'), authenticationMethod: 'SCRAM-SHA-512' } });
  await connected.end(0x82);
});

prove(
  '5.0 MQTT-3.1.2-30 MQTT-3.14.0-1: on the way in anything but AUTH and DISCONNECT ends the connection, without a DISCONNECT of the server',
  async (stage) => {
    for (const bytes of [raw('c000'), frame(0x30, text('a'), props()), frame(0x82, u16(1), props(), text('a'), 0)]) {
      const { peer } = await begin(stage, new ScramClient(METHOD, 'alice', PASSWORD));
      peer.send(bytes);
      const answer = await peer.hearOrClose();
      assert.ok(answer === null || (answer.cmd === 'connack' && (answer.reasonCode ?? 0) >= 0x80));
      if (answer !== null) await peer.close();
    }
  },
);

prove(
  '5.0 MQTT-4.12.1-1 MQTT-4.12.0-5 MQTT-3.15.2-1: a client that authenticates anew hears AUTH 0x18, then 0x00, with its method, and everything goes on meanwhile',
  async (stage) => {
    const peer = await enter(stage);
    await peer.subscribe(stage.name('a'), { qos: 1 });
    const scram = new ScramClient(METHOD, 'alice', PASSWORD);
    peer.say({ cmd: 'auth', reasonCode: 0x19, properties: data(scram.first) });
    const challenge = await peer.hear('auth', { reasonCode: 0x18 });
    assert.equal(challenge.properties?.authenticationMethod, METHOD);
    await peer.quiet();
    peer.say({ cmd: 'auth', reasonCode: 0x18, properties: data(scram.final(String(challenge.properties?.authenticationData))) });
    const last = await peer.hear('auth', { reasonCode: 0 });
    assert.deepEqual([last.properties?.authenticationMethod, String(last.properties?.authenticationData)], [METHOD, scram.expected]);
    await peer.quiet();
  },
);

prove('5.0 MQTT-4.12.1-2: who fails to authenticate anew hears DISCONNECT and is closed', async (stage) => {
  const peer = await enter(stage);
  const scram = new ScramClient(METHOD, 'alice', 'wrong');
  peer.say({ cmd: 'auth', reasonCode: 0x19, properties: data(scram.first) });
  const challenge = await peer.hear('auth', { reasonCode: 0x18 });
  peer.say({ cmd: 'auth', reasonCode: 0x18, properties: data(scram.final(String(challenge.properties?.authenticationData))) });
  await peer.end(0x87);
});

prove(
  '5.0 MQTT-3.15.2-2 MQTT-3.15.2-3 MQTT-3.1.2-24: AUTH of the server has nothing but method and data, and stays within the Maximum Packet Size',
  async (stage) => {
    const scram = new ScramClient(METHOD, 'alice', PASSWORD);
    const { peer, challenge } = await begin(stage, scram, { maximumPacketSize: 300 });
    peer.drop();
    const bytes = 2 + 1 + 1 + 3 + METHOD.length + 3 + challenge.length;
    const { peer: tight } = await begin(stage, scram, { maximumPacketSize: bytes });
    tight.drop();
  },
);
