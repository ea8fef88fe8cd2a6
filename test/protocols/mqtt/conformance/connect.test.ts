import assert from 'node:assert/strict';
import { binary, connectFrame, frame, join, props, raw, text, u16, u32 } from './frame.js';
import { connectPacket, type Stage, startProving } from './prove.js';

/* CONNECT and CONNACK: §3.1 and §3.2 of both versions. */

const prove = startProving();
const CLEAN = 0x02;

/** What the broker says to a first packet: its class is in the name of the function that is called on what comes back. */
async function first(stage: Stage, ...bytes: readonly Uint8Array[]) {
  const peer = await stage.open();
  peer.send(...bytes);
  return peer;
}

prove('5.0 MQTT-3.1.0-1 | 3.1.1 MQTT-3.1.0-1 MQTT-4.8.0-1: a first packet that is not CONNECT ends the connection', async (stage) => {
  for (const bytes of [raw('c000'), frame(0x30, text('a'), ...(stage.version === 5 ? [props()] : [])), raw('e000'), raw('40020001')]) {
    await (await first(stage, bytes)).close();
  }
});

prove('5.0 MQTT-3.1.0-2 | 3.1.1 MQTT-3.1.0-2: a second CONNECT ends the connection, and its first session is unharmed', async (stage) => {
  const peer = await stage.keep('twice');
  peer.say(connectPacket(stage.version, { clientId: peer.clientId }));
  await peer.end(0x82);
  const again = await stage.keep('twice');
  assert.equal(again.connack?.sessionPresent, true);
});

prove('5.0 MQTT-3.1.2-1 | 3.1.1 MQTT-3.1.2-1: another protocol name is not taken for MQTT', async (stage) => {
  const { version } = stage;
  await (await first(stage, frame(0x10, text('MQTT!'), version, CLEAN, u16(0), text('x')))).close();
  await (await first(stage, frame(0x10, text('mqtt'), version, CLEAN, u16(0), text('x')))).close();
});

prove('5.0 MQTT-3.1.2-2: a version that is not served hears 0x84 in its own form, then the close', async (stage) => {
  await (await first(stage, frame(0x10, text('MQTT'), 6, CLEAN, u16(0), props(), text('x')))).refused(0x84, 1);
});

prove('3.1.1 MQTT-3.1.2-2: a level that is not served hears 0x01, then the close', async (stage) => {
  await (await first(stage, frame(0x10, text('MQTT'), 3, CLEAN, u16(0), text('x')))).refused(0x84, 1);
  await (await first(stage, frame(0x10, text('MQTT'), 0, CLEAN, u16(0), text('x')))).refused(0x84, 1);
});

prove('5.0 MQTT-3.1.2-3 MQTT-3.1.4-1 | 3.1.1 MQTT-3.1.2-3 MQTT-3.1.4-1: a reserved flag of CONNECT refuses it', async (stage) => {
  await (await first(stage, connectFrame(stage.version, CLEAN | 0x01, text('x')))).refused(0x81, -1);
});

prove(
  '5.0 MQTT-2.1.3-1 | 3.1.1 MQTT-2.2.2-1 MQTT-2.2.2-2: reserved flags of the first byte of CONNECT end the connection',
  async (stage) => {
    const bytes = connectFrame(stage.version, CLEAN, text('x'));
    bytes[0] = 0x11;
    await (await first(stage, bytes)).close();
  },
);

prove(
  '5.0 MQTT-3.1.2-9 MQTT-3.1.3-1 MQTT-3.1.4-1 | 3.1.1 MQTT-3.1.2-9 MQTT-3.1.3-1 MQTT-3.1.4-1: fields that the flags promise must be there',
  async (stage) => {
    const { version } = stage;
    const will = version === 5 ? [props(), text('t'), binary(raw('01'))] : [text('t'), binary(raw('01'))];
    const wrong: Uint8Array[] = [
      connectFrame(version, CLEAN | 0x04, text('x')),
      connectFrame(version, CLEAN | 0x04, text('x'), ...will.slice(0, -1)),
      connectFrame(version, CLEAN | 0x80, text('x')),
      connectFrame(version, CLEAN | 0xc0, text('x'), text('user')),
      connectFrame(version, CLEAN),
    ];
    for (const bytes of wrong) await (await first(stage, bytes)).refused(0x81, -1);
  },
);

prove(
  '5.0 MQTT-3.1.2-16 MQTT-3.1.2-17 MQTT-3.1.2-18 MQTT-3.1.2-19 | 3.1.1 MQTT-3.1.2-11 MQTT-3.1.2-18 MQTT-3.1.2-19 MQTT-3.1.2-20 MQTT-3.1.2-21: fields that no flag promises make CONNECT malformed',
  async (stage) => {
    await (await first(stage, connectFrame(stage.version, CLEAN, text('x'), text('more')))).refused(0x81, -1);
    await (await first(stage, connectFrame(stage.version, CLEAN | 0x80, text('x'), text('user'), binary(raw('00'))))).refused(0x81, -1);
  },
);

prove(
  '5.0 MQTT-3.1.2-11 MQTT-3.1.2-12 MQTT-3.1.2-13 | 3.1.1 MQTT-3.1.2-13 MQTT-3.1.2-14 MQTT-3.1.2-15: a will of QoS 3, or QoS and retain without a will, make CONNECT malformed',
  async (stage) => {
    const will = stage.version === 5 ? [props(), text('t'), binary(raw('01'))] : [text('t'), binary(raw('01'))];
    await (await first(stage, connectFrame(stage.version, CLEAN | 0x1c, text('x'), ...will))).refused(0x81, -1);
    for (const flags of [0x08, 0x10, 0x20])
      await (await first(stage, connectFrame(stage.version, CLEAN | flags, text('x')))).refused(0x81, -1);
  },
);

prove('3.1.1 MQTT-3.1.2-22: a password without a user name makes CONNECT malformed', async (stage) => {
  await (await first(stage, connectFrame(4, CLEAN | 0x40, text('x'), binary(raw('01'))))).close();
});

prove('5.0: a password needs no user name', async (stage) => {
  const peer = await first(stage, connectFrame(5, CLEAN | 0x40, text(stage.name('x')), binary(raw('01'))));
  await peer.hear('connack', { reasonCode: 0 });
});

prove(
  '5.0 MQTT-3.1.3-3 MQTT-3.1.3-4 MQTT-3.1.3-8 MQTT-3.2.2-6 MQTT-3.2.2-7 MQTT-3.2.2-8 | 3.1.1 MQTT-3.1.3-3 MQTT-3.1.3-4 MQTT-3.1.4-1: a client identifier that is no text refuses CONNECT',
  async (stage) => {
    for (const bytes of ['c328', 'eda080', '6100', 'c1bf', 'f4908080'].map(raw))
      await (await first(stage, connectFrame(stage.version, CLEAN, binary(bytes)))).refused(0x85, -1);
  },
);

prove(
  '5.0 MQTT-3.1.3-11 MQTT-3.1.3-12 | 3.1.1 MQTT-3.1.3-10 MQTT-3.1.3-11: a will topic or user name that is no text refuses CONNECT',
  async (stage) => {
    const before = stage.version === 5 ? [props()] : [];
    await (
      await first(stage, connectFrame(stage.version, CLEAN | 0x04, text('x'), ...before, binary(raw('c328')), binary(raw('01'))))
    ).refused(0x81, -1);
    await (await first(stage, connectFrame(stage.version, CLEAN | 0x80, text('x'), binary(raw('eda080'))))).refused(0x81, -1);
  },
);

prove(
  '5.0 MQTT-3.1.3-5 MQTT-3.1.4-5 MQTT-3.2.0-1 | 3.1.1 MQTT-3.1.3-5 MQTT-3.1.4-4 MQTT-3.2.0-1: identifiers of 1 to 23 letters and digits are let in',
  async (stage) => {
    for (const clientId of ['0', 'Z9a', 'abcdefghijklmnopqrstuvw', 'ABCDEFGHIJKLMNOPQRSTUVW', '01234567890123456789012']) {
      const peer = await stage.connect({ clientId });
      await peer.quiet();
    }
  },
);

prove(
  '5.0 MQTT-3.1.3-6 MQTT-3.1.3-7 MQTT-3.2.2-16: empty identifiers are replaced by such as nobody has, and a session by that name is found again',
  async (stage) => {
    const peers = await Promise.all(
      [1, 2, 3].map(() => first(stage, frame(0x10, text('MQTT'), 5, 0, u16(0), props(0x11, u32(3600)), text('')))),
    );
    const connacks = await Promise.all(peers.map((peer) => peer.hear('connack', { reasonCode: 0, sessionPresent: false })));
    const names = connacks.map(({ properties }) => properties?.assignedClientIdentifier ?? assert.fail('CONNACK tells the identifier'));
    assert.equal(new Set(names).size, 3);
    await peers[0].leave();
    const again = await stage.connect({ clientId: names[0], clean: false });
    assert.equal(again.connack?.sessionPresent, true);
    assert.equal(again.connack?.properties?.assignedClientIdentifier, undefined);
  },
);

prove('3.1.1 MQTT-3.1.3-6: clients with empty identifiers do not end each other', async (stage) => {
  const peers = await Promise.all([1, 2, 3].map(() => stage.connect({ clientId: '' })));
  for (const peer of peers) await peer.quiet();
});

prove(
  '3.1.1 MQTT-3.1.3-7 MQTT-3.1.3-8 MQTT-3.2.2-4 MQTT-3.2.2-5: an empty identifier that is not clean hears 0x02, then the close',
  async (stage) => {
    await (await first(stage, connectFrame(4, 0, text('')))).refused(0x85, 2);
  },
);

prove('5.0 MQTT-3.1.4-6 | 3.1.1 MQTT-3.1.4-5: what follows a refused CONNECT is not looked at', async (stage) => {
  const watcher = await stage.connect();
  await watcher.subscribe(stage.name('leak'), { qos: 1 });
  const publish = frame(0x30, text(stage.name('leak')), ...(stage.version === 5 ? [props()] : []), raw('01'));
  const peer = await first(stage, connectFrame(stage.version, CLEAN | 0x01, text('x')), publish);
  await peer.refused(0x81, -1);
  await watcher.quiet();
});

prove(
  '5.0 MQTT-3.1.4-5 MQTT-3.2.0-1 MQTT-3.2.0-2 MQTT-3.2.2-1 | 3.1.1 MQTT-3.1.4-4 MQTT-3.2.0-1 MQTT-3.2.2-1: what follows an accepted CONNECT in the same segment is answered behind the one CONNACK, whose flags are 0',
  async (stage) => {
    const peer = await stage.open();
    const properties = stage.version === 5 ? [props()] : [];
    peer.send(connectFrame(stage.version, CLEAN, text(stage.name('x'))), frame(0x82, u16(9), ...properties, text('a'), 1), raw('c000'));
    const { bytes } = await peer.hearBytes('connack');
    assert.deepEqual([bytes[2], bytes[3]], [0, 0]);
    // SUBACK waits for other shards, PINGRESP for nobody.
    const kinds = [await peer.hearAny(), await peer.hearAny()].map(({ cmd }) => cmd);
    assert.deepEqual(kinds.sort(), ['pingresp', 'suback']);
    await peer.quiet();
  },
);

prove('5.0 MQTT-1.5.5-1: a remaining length or property length in more bytes than it needs ends the connection', async (stage) => {
  await (await first(stage, join([0x10, raw('8f00'), text('MQTT'), 5, CLEAN, u16(0), 0, text('xy')]))).close();
  await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0), raw('8000'), text('x')))).refused(0x81, -1);
});

prove('5.0 MQTT-1.5.5-1 MQTT-4.13.1-1 | 3.1.1 MQTT-4.8.0-1: a remaining length of five bytes ends the connection', async (stage) => {
  await (await first(stage, raw('10ffffffff7f'))).close();
});

prove('5.0 MQTT-2.2.2-1 MQTT-3.1.4-1: a CONNECT without a property length, or with one beyond its end, is malformed', async (stage) => {
  await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0)))).refused(0x81, -1);
  await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0), raw('20'), text('x')))).refused(0x81, -1);
});

prove(
  '5.0 MQTT-3.1.4-1 MQTT-4.13.1-1: properties of CONNECT that repeat, do not belong there or have impossible values refuse it',
  async (stage) => {
    const wrong: [number, Uint8Array][] = [
      [0x82, props(0x21, u16(1), 0x21, u16(1))],
      [0x82, props(0x11, u32(1), 0x11, u32(1))],
      [0x81, props(0x23, u16(1))],
      [0x81, props(0x01, 1)],
      [0x82, props(0x21, u16(0))],
      [0x82, props(0x27, u32(0))],
      [0x82, props(0x17, 2)],
      [0x82, props(0x19, 2)],
      [0x82, props(0x16, binary(raw('00')))],
      [0x81, props(0x21, 1)],
      [0x81, props(0x7f, 1)],
    ];
    for (const [code, properties] of wrong)
      await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0), properties, text('x')))).refused(code, -1);
  },
);

prove('5.0 MQTT-1.5.7-1 MQTT-1.5.4-1 MQTT-1.5.4-2: user properties of CONNECT whose name or value is no text refuse it', async (stage) => {
  const bad = ['c328', 'eda080', '6100'].map((hex) => binary(raw(hex)));
  for (const field of bad) {
    await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0), props(0x26, field, text('v')), text('x')))).refused(0x81, -1);
    await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0), props(0x26, text('k'), field), text('x')))).refused(0x81, -1);
  }
});

prove('5.0 MQTT-3.1.2-28: response information is not sent unless it was asked for', async (stage) => {
  const silent = await stage.connect();
  assert.equal(silent.connack?.properties?.responseInformation, undefined);
  const refusing = await stage.connect({ properties: { requestResponseInformation: false } });
  assert.equal(refusing.connack?.properties?.responseInformation, undefined);
});

prove('5.0 MQTT-4.12.0-1 MQTT-3.2.2-7: an authentication method that nobody offers hears 0x8C, then the close', async (stage) => {
  const properties = props(0x15, text('NO-SUCH-METHOD'), 0x16, binary(raw('00')));
  await (await first(stage, frame(0x10, text('MQTT'), 5, CLEAN, u16(0), properties, text('x')))).refused(0x8c, -1);
});

prove('5.0 MQTT-4.12.0-6 MQTT-4.12.0-7: without a method CONNACK names none, and AUTH of the client ends the connection', async (stage) => {
  const peer = await stage.connect();
  assert.equal(peer.connack?.properties?.authenticationMethod, undefined);
  peer.send(frame(0xf0, 0x19, props(0x15, text('x'))));
  await peer.end(0x82);
});

prove('5.0 MQTT-3.15.1-1: reserved flags of AUTH end the connection', async (stage) => {
  const peer = await stage.connect();
  peer.send(frame(0xf1, 0x19, props(0x15, text('x'))));
  await peer.end(0x81);
});

prove('3.1.1 MQTT-3.2.2-6: a CONNECT for whose trouble there is no return code is closed without CONNACK', async (stage) => {
  await (await first(stage, connectFrame(4, CLEAN, binary(raw('c328'))))).close();
});
