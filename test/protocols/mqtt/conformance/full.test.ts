import assert from 'node:assert/strict';
import { DEADLINE_MS } from '../../../runtime/running-node.js';
import { Peer } from './peer.js';
import { connectPacket, portOf, startProving } from './prove.js';

/* A broker whose disk is full: what cannot be taken for now. */

const QUOTA_EXCEEDED = 0x97;

const prove = startProving(
  {},
  {
    settings: (settings) => ({ ...settings, journal: { ...settings.journal, free_space_min: 2 ** 50 } }),
    // The disk is looked at now and then, and what came before that was taken.
    prepare: async (node) => {
      const peer = await Peer.dial(portOf(node), 5);
      peer.say(connectPacket(5, { clientId: 'early' }));
      await peer.hear('connack');
      const deadlineMs = performance.now() + DEADLINE_MS;
      while ((await peer.publish('early', 'x')) !== QUOTA_EXCEEDED) assert.ok(performance.now() < deadlineMs, 'the disk is full in time');
      await peer.leave();
    },
  },
);

prove(
  '3.1.1 MQTT-4.8.0-2: a message that cannot be stored for now ends the connection, for MQTT 3 has no other word for it',
  async (stage) => {
    for (const qos of [1, 2] as const) {
      const peer = await stage.connect();
      peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos, messageId: 1, dup: false, retain: false });
      await peer.close();
    }
  },
);

prove(
  '5.0 MQTT-3.4.2-1 MQTT-3.5.2-1 MQTT-4.3.3-9: to MQTT 5 the acknowledgement says 0x97, the connection stays, and the packet identifier is free',
  async (stage) => {
    const peer = await stage.connect();
    for (let i = 0; i < 2; i += 1) {
      peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 1, messageId: 1, dup: false, retain: false });
      await peer.hear('puback', { messageId: 1, reasonCode: 0x97 });
      peer.say({ cmd: 'publish', topic: stage.name('a'), payload: 'x', qos: 2, messageId: 2, dup: i > 0, retain: false });
      await peer.hear('pubrec', { messageId: 2, reasonCode: 0x97 });
    }
    await peer.quiet();
  },
);
