import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { IPublishPacket } from 'mqtt-packet';
import { RawClient } from '../clients/raw-client.js';
import { DurableBroker } from './durable-broker.js';

/* Queues of shared subscriptions when the broker is killed. */

const KEPT = { sessionExpiryInterval: 3600, receiveMaximum: 20 };
const GROUP = '$share/g/jobs/#';
const MESSAGES = 60;

function payloadsOf(client: RawClient): number[] {
  return client.packets
    .filter((packet): packet is IPublishPacket => packet.cmd === 'publish')
    .map(({ payload }) => Number(payload.toString()))
    .sort((a, b) => a - b);
}

async function publishAll(context: TestContext, url: string, qos: 1 | 2, from: number): Promise<void> {
  const publisher = await RawClient.connect(context, url);
  const answer = qos === 1 ? 'puback' : 'pubcomp';
  publisher.onPacket = (packet) => {
    if (packet.cmd === 'pubrec') publisher.say({ cmd: 'pubrel', messageId: packet.messageId as number });
  };
  for (let i = from; i < from + MESSAGES; i += 1)
    publisher.say({ cmd: 'publish', topic: `jobs/${i % 7}`, payload: String(i), qos, messageId: i + 1, dup: false, retain: false });
  await publisher.until(() => publisher.count(answer) === MESSAGES, 'all are acknowledged');
  publisher.socket.destroy();
}

/** A client that finishes what it gets. */
async function eager(context: TestContext, url: string, clientId: string, clean = false): Promise<RawClient> {
  const client = await RawClient.open(context, url);
  client.onPacket = (packet) => {
    if (packet.cmd === 'publish' && packet.qos > 0)
      client.say({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId: packet.messageId as number });
    if (packet.cmd === 'pubrel') client.say({ cmd: 'pubcomp', messageId: packet.messageId as number });
  };
  client.say({ cmd: 'connect', clientId, protocolVersion: 5, clean, keepalive: 0, ...(clean ? {} : { properties: KEPT }) });
  await client.hear('connack');
  return client;
}

const ALL = Array.from({ length: MESSAGES }, (_, i) => i);

test('shared queues: what waited when the broker was killed waits when it is back, and what was finished does not', async (context) => {
  const broker = await DurableBroker.start(context);
  const first = await eager(context, broker.url, 'worker');
  await first.subscribe(GROUP, 1);
  await publishAll(context, broker.url, 1, 0);
  await first.until(() => first.count('publish') === MESSAGES, 'all of them');
  first.say({ cmd: 'pingreq' });
  await first.hear('pingresp');
  first.socket.destroy();
  await publishAll(context, broker.url, 1, MESSAGES);
  await broker.kill();
  await broker.start();
  const back = await eager(context, broker.url, 'worker');
  await back.until(() => back.count('publish') === MESSAGES, 'what had waited');
  back.say({ cmd: 'pingreq' });
  await back.hear('pingresp');
  assert.deepEqual(
    payloadsOf(back),
    ALL.map((i) => i + MESSAGES),
  );
});

test('shared queues: what members had of QoS 2 is theirs after a kill, and nobody else’s; of QoS 1 it is anybody’s', async (context) => {
  const broker = await DurableBroker.start(context);
  const silent = await RawClient.connect(context, broker.url, { clientId: 'silent', clean: false, properties: KEPT });
  await silent.subscribe(GROUP, 2);
  await publishAll(context, broker.url, 2, 0);
  // A full window: nothing more is on its way to the one that holds it.
  await silent.until(() => silent.count('publish') === KEPT.receiveMaximum, 'a window');
  silent.say({ cmd: 'pingreq' });
  await silent.hear('pingresp');
  const its = payloadsOf(silent);
  await broker.kill();
  await broker.start();
  const other = await eager(context, broker.url, 'other');
  await other.subscribe(GROUP, 2);
  await other.until(() => other.count('publish') === MESSAGES - its.length, 'the others');
  const back = await eager(context, broker.url, 'silent');
  await back.until(() => back.count('publish') === its.length, 'its own');
  assert.deepEqual(payloadsOf(back), its);
  assert.deepEqual(
    payloadsOf(other),
    ALL.filter((i) => !its.includes(i)),
  );
});

test('shared queues: a group that the settings call durable keeps messages without any member, over a kill', async (context) => {
  const broker = await DurableBroker.start(context, 'mqtt.shared_groups=[{"group":"g","durable":true},{"group":"$queue","durable":true}]');
  for (const filter of [GROUP, '$queue/jobs/+']) {
    const passing = await RawClient.connect(context, broker.url);
    await passing.subscribe(filter, 1);
    passing.say({ cmd: 'disconnect' });
    await passing.closed();
  }
  await publishAll(context, broker.url, 1, 0);
  await broker.kill();
  await broker.start();
  for (const filter of [GROUP, '$queue/jobs/+']) {
    const next = await eager(context, broker.url, `next-${filter.length}`, true);
    await next.subscribe(filter, 1);
    await next.until(() => next.count('publish') === MESSAGES, 'what nobody was there for');
    assert.deepEqual(payloadsOf(next), ALL);
    next.socket.destroy();
  }
});
