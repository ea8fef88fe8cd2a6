import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { frame, props, raw, text, u16 } from './frame.js';
import { Peer } from './peer.js';
import { connectPacket, type Stage, startProving } from './prove.js';

/* MQTT over WebSocket: §6 of both versions. */

const prove = startProving();

async function dial(stage: Stage, protocols: string[] = ['mqtt']): Promise<{ peer: Peer; socket: WebSocket }> {
  const socket = new WebSocket(`ws://127.0.0.1:${stage.ports.ws}/mqtt`, protocols);
  socket.on('error', () => {}); // The close that follows is what tests wait for.
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('close', () => reject(new Error('refused'))));
  const peer = new Peer(stage.version, (take, closed) => {
    socket.on('message', (data, isBinary) => {
      assert.ok(isBinary && Buffer.isBuffer(data), 'packets are in binary frames');
      take(data);
    });
    socket.on('close', closed);
    return { write: (bytes) => socket.send(bytes), destroy: () => socket.terminate() };
  });
  return { peer, socket };
}

async function connect(stage: Stage): Promise<{ peer: Peer; socket: WebSocket }> {
  const line = await dial(stage);
  line.peer.say(connectPacket(stage.version, { clientId: stage.name('ws') }));
  await line.peer.hear('connack');
  return line;
}

prove(
  '5.0 MQTT-6.0.0-1 MQTT-6.0.0-3 MQTT-6.0.0-4 MQTT-4.2-1 | 3.1.1 MQTT-6.0.0-1 MQTT-6.0.0-3 MQTT-6.0.0-4: the broker selects the sub-protocol mqtt, also among others, and speaks in binary frames',
  async (stage) => {
    for (const protocols of [['mqtt'], ['other', 'mqtt']]) {
      const { peer, socket } = await dial(stage, protocols);
      assert.equal(socket.protocol, 'mqtt');
      peer.say(connectPacket(stage.version, { clientId: stage.name('ws') }));
      await peer.hear('connack');
      await peer.quiet();
      peer.drop();
    }
  },
);

prove('5.0 MQTT-6.0.0-1 | 3.1.1 MQTT-6.0.0-1: a text frame ends the connection', async (stage) => {
  const { peer, socket } = await connect(stage);
  socket.send('text');
  while (!peer.isClosed) if ((await peer.hearOrClose()) === null) break;
  assert.ok(peer.isClosed);
});

prove('5.0 MQTT-6.0.0-2 | 3.1.1 MQTT-6.0.0-2: packets may be cut into frames anywhere, and many may share one', async (stage) => {
  const { peer, socket } = await connect(stage);
  const properties = stage.version === 5 ? [props()] : [];
  const topic = text(stage.name('a'));
  for (const byte of frame(0x82, u16(1), ...properties, topic, 0)) socket.send(Uint8Array.of(byte));
  await peer.hear('suback');
  const publish = frame(0x30, topic, ...properties, raw('0102'));
  const all = Buffer.concat([publish, publish, publish, raw('c000')]);
  socket.send(all.subarray(0, publish.length + 3));
  socket.send(Buffer.alloc(0));
  socket.send(all.subarray(publish.length + 3));
  for (let i = 0; i < 3; i += 1) await peer.message();
  await peer.hear('pingresp');
  peer.drop();
});
