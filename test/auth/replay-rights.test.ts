import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqtt from 'mqtt';
import type { RunningNode } from '../../src/runtime/node.js';
import { RawClient } from '../clients/raw-client.js';
import { eventually } from '../resilience/deadline.js';
import { clientsOn, settingsFor, TRANSPORTS, withNode } from '../runtime/running-node.js';
import { Operator } from './operator.js';

const TOPICS = ['r/open', 'r/shut'];
const RECORDS = 600;
const IN_FORCE_MS_MAX = 5000;

const urlOf = (node: RunningNode): string => node.listeners[0].url;

test('replay: rights that are revoked while much of it waits for a slow reader keep the rest from it within 5 s', async (context) => {
  await withNode(settingsFor(TRANSPORTS[0], 2), async (node) => {
    const operator = new Operator(node);
    await operator.allow('everything', '#', { order: 1_000_000 });
    const publisher = await mqtt.connectAsync(urlOf(node), { clientId: 'publisher', protocolVersion: 5, reconnectPeriod: 0 });
    context.after(() => publisher.endAsync(true));
    for (let i = 0; i < RECORDS; i += 1) await Promise.all(TOPICS.map((topic) => publisher.publishAsync(topic, `${i}`, { qos: 1 })));

    // A window of four: the rest waits in the session and in the log until the reader says PUBACK.
    const reader = await RawClient.connect(context, urlOf(node), { clientId: 'reader', properties: { receiveMaximum: 4 } });
    reader.say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$replay/earliest/r/+', qos: 1 }] });
    await reader.until(() => reader.count('publish') === 4, 'a window full');
    await operator.deny('shut', 'r/shut', { actions: ['subscribe'], principal: { kind: 'client', value: 'reader' } });
    // Changes of the catalogue come in their order: where the later one is in force, so is the one before.
    const probes = await clientsOn(node, urlOf(node), [0, 1]);
    context.after(() => Promise.all(probes.map((probe) => probe.endAsync(true))));
    await operator.deny('probe', 'probe');
    for (const probe of probes)
      await eventually(
        'the rules are in force',
        () =>
          probe.publishAsync('probe', '', { qos: 1 }).then(
            () => false,
            () => true,
          ),
        IN_FORCE_MS_MAX,
      );

    const of = (topic: string): number => reader.packets.filter((packet) => packet.cmd === 'publish' && packet.topic === topic).length;
    const before = of('r/shut');
    let acknowledged = 0;
    while (of('r/open') < RECORDS) {
      const received = reader.packets.filter((packet) => packet.cmd === 'publish');
      for (; acknowledged < received.length; acknowledged += 1) {
        const packet = received[acknowledged];
        if (packet.cmd === 'publish') reader.say({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0 });
      }
      await reader.until(() => of('r/open') >= RECORDS || reader.count('publish') > acknowledged, 'the rest of what it may have');
    }
    assert.equal(of('r/shut'), before, 'nothing more of what it may not have');
    assert.equal(of('r/open'), RECORDS, 'all of what it may');
  });
});
