import assert from 'node:assert/strict';
import { frame, props, raw, text, u16, u32 } from './frame.js';
import { startProving } from './prove.js';

/* DISCONNECT, and what ends a connection: §3.14, §4.13 of 5.0, §3.14, §4.8 of 3.1.1. */

const prove = startProving();

prove(
  '5.0 MQTT-3.14.4-1 | 3.1.1 MQTT-3.14.4-1 MQTT-3.14.4-2: after DISCONNECT of a client the broker says nothing more, closes, and looks at nothing that follows',
  async (stage) => {
    const watcher = await stage.connect();
    await watcher.subscribe(stage.name('a'), { qos: 1 });
    const peer = await stage.connect();
    const properties = stage.version === 5 ? [props()] : [];
    peer.send(raw('e000'), frame(0x30, text(stage.name('a')), ...properties, raw('01')), raw('c000'));
    await peer.close();
    await watcher.quiet();
  },
);

prove('5.0 MQTT-3.14.1-1 MQTT-3.14.2-1: a DISCONNECT with what does not belong there ends the connection with 0x81', async (stage) => {
  for (const bytes of [raw('e10100'), frame(0xe0, 0, props(), 1), frame(0xe0, 0, props(0x21, u16(1))), frame(0xe0, 0, raw('05'))]) {
    const peer = await stage.connect();
    peer.send(bytes);
    await peer.end(0x81);
  }
});

prove('3.1.1 MQTT-3.14.1-1: a DISCONNECT with reserved bits or a body ends the connection, and the will goes out', async (stage) => {
  const watcher = await stage.connect();
  await watcher.subscribe(stage.name('will'));
  for (const bytes of [raw('e100'), raw('e00100')]) {
    const peer = await stage.connect({ will: { topic: stage.name('will'), payload: Buffer.from('x'), qos: 0, retain: false } });
    peer.send(bytes);
    await peer.close();
    await watcher.message();
  }
});

prove('5.0: DISCONNECT of a client may carry a reason, user properties and a session expiry', async (stage) => {
  const peer = await stage.keep('client');
  peer.send(frame(0xe0, 0x04, props(0x11, u32(60), 0x1f, text('off'), 0x26, text('k'), text('v'))));
  await peer.close();
  assert.equal((await stage.keep('client')).connack?.sessionPresent, true);
});

prove('5.0 MQTT-3.14.0-1 MQTT-3.14.2-1: before an accepting CONNACK the broker sends no DISCONNECT', async (stage) => {
  for (const bytes of [raw('c000'), raw('10ffffffffff'), frame(0x10, text('MQTT'), 5, 3, u16(0), props(), text('x'))]) {
    const peer = await stage.open();
    peer.send(bytes);
    let heard = 0;
    while (!peer.isClosed && (await peer.hearOrClose())?.cmd === 'connack') heard += 1;
    assert.ok(heard <= 1, 'a refusing CONNACK at most');
  }
});

prove(
  '5.0 MQTT-4.13.1-1 MQTT-4.13.2-1 MQTT-3.14.4-2 | 3.1.1 MQTT-4.8.0-1: who breaks the protocol is closed, and others are not disturbed',
  async (stage) => {
    const other = await stage.connect();
    await other.subscribe(stage.name('a'), { qos: 1 });
    for (const bytes of [raw('f0'), raw('3001'), raw('36050001610001'), raw('c0ffffffff'), raw('8200'), raw('62020000')]) {
      const peer = await stage.connect();
      peer.send(bytes, raw('ffffffffffff'));
      if (stage.version === 5) assert.ok(((await peer.hear('disconnect')).reasonCode ?? 0) >= 0x80);
      await peer.close();
    }
    await (await stage.connect()).publish(stage.name('a'), 'x');
    await other.message();
  },
);
