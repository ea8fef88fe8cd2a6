import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../../../../src/base/logger.js';
import { startNode } from '../../../../src/runtime/node.js';
import { settingsFor, TRANSPORTS } from '../../../runtime/running-node.js';
import { Peer } from './peer.js';
import { connectPacket, startProving } from './prove.js';

/* Server redirection: §4.11. */

const prove = startProving({ redirect: 'b.example:1883 c.example', redirect_when: 'moved' });

prove('5.0 MQTT-3.2.2-7 MQTT-3.2.2-8: a server that has moved refuses every CONNECT with 0x9D and says where to', async (stage) => {
  const peer = await stage.open();
  peer.say(connectPacket(5, { clientId: stage.name('x') }));
  const { reasonCode, properties } = await peer.hear('connack');
  assert.deepEqual([reasonCode, properties?.serverReference], [0x9d, 'b.example:1883 c.example']);
  await peer.close();
});

prove('3.1.1 MQTT-3.2.2-5: to MQTT 3 a server that has moved is not available', async (stage) => {
  const peer = await stage.open();
  peer.say(connectPacket(4, { clientId: stage.name('x') }));
  await peer.refused(0, 3);
});

test('redirect: a node that stops sends its clients to the other server, MQTT 5 with 0x9C', async () => {
  const settings = settingsFor(TRANSPORTS[0], 1);
  const node = await startNode({ ...settings, mqtt: { ...settings.mqtt, redirect: 'b.example' } }, SILENT_LOGGER);
  const port = Number(new URL(node.listeners[0].url).port);
  const peers = await Promise.all(([4, 5] as const).map((version) => Peer.dial(port, version)));
  for (const [i, peer] of peers.entries()) {
    peer.say(connectPacket(peer.version, { clientId: `client${i}` }));
    await peer.hear('connack');
  }
  const stopped = node.stop();
  await peers[0].close();
  const { reasonCode, properties } = await peers[1].hear('disconnect');
  assert.deepEqual([reasonCode, properties?.serverReference], [0x9c, 'b.example']);
  await peers[1].close();
  await stopped;
});
