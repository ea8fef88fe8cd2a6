import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import mqtt, { type MqttClient } from 'mqtt';
import type { RunningNode } from '../../src/launcher/ports.js';
import { closeOf, connectClient, connectInbox, type Inbox, startBroker, urlOf } from './running-broker.js';

/* Topic rewrite and auto-subscription, seen by other people's clients. */

async function put(broker: RunningNode, noun: 'topic-rewrite' | 'auto-subscription', value: object): Promise<void> {
  await broker.query({ verb: 'ask', question: `mqtt-${noun}-put`, ask: value });
}

/** Shards have a change a moment after it was accepted. */
async function until(what: string, attempt: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await attempt())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Publishes until the message arrives, and forgets what came. */
async function applied(publisher: MqttClient, topic: string, inbox: Inbox, expected: string): Promise<void> {
  await until(`${topic} arrives as ${expected}`, async () => {
    await publisher.publishAsync(topic, 'probe', { qos: 1 });
    return inbox.messages.some((message) => message.topic === expected);
  });
}

test('topic rewrite: a publish of any QoS arrives under the new name, in order, and its retained message too', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  const { client, inbox } = await connectInbox(context, urlOf(broker), { protocolVersion: 5 });
  await client.subscribeAsync('#', { qos: 2 });
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  await put(broker, 'topic-rewrite', { name: 'old', filter: 'old/#', pattern: '^old/(.+)/(.+)$', target: 'new/$2/$1', action: 'publish' });
  await applied(publisher, 'old/a/b', inbox, 'new/b/a');
  await publisher.publishAsync('mark', '', { qos: 1 });
  await until('the mark', async () => inbox.messages.some(({ topic }) => topic === 'mark'));
  inbox.messages.length = 0;

  const sent: string[] = [];
  for (let i = 0; i < 60; i += 1) {
    const payload = `${i}`;
    sent.push(payload);
    const properties = i % 2 === 0 ? { userProperties: { n: payload }, contentType: 'text/plain' } : {};
    void publisher.publishAsync('old/x/y', payload, { qos: 1, properties });
  }
  await inbox.until(60);
  assert.deepEqual(
    inbox.messages.map(({ payload }) => payload),
    sent,
  );
  assert.deepEqual(new Set(inbox.messages.map(({ topic }) => topic)), new Set(['new/y/x']));
  assert.deepEqual({ ...(inbox.messages[10].properties['userProperties'] as object) }, { n: '10' });

  inbox.messages.length = 0;
  await publisher.publishAsync('old/q/2', 'two', { qos: 2 });
  await publisher.publishAsync('old/q/0', 'zero', { qos: 0 });
  await publisher.publishAsync('old/q/r', 'kept', { qos: 1, retain: true });
  await inbox.until(3);
  assert.deepEqual(inbox.messages.map(({ topic, payload, qos }) => [topic, payload, qos]).sort(), [
    ['new/0/q', 'zero', 0],
    ['new/2/q', 'two', 2],
    ['new/r/q', 'kept', 1],
  ]);
  const late = await connectInbox(context, urlOf(broker));
  await late.client.subscribeAsync('new/r/q');
  assert.deepEqual(
    (await late.inbox.until(1)).map(({ topic, payload }) => [topic, payload]),
    [['new/r/q', 'kept']],
  );
});

test('topic rewrite: names of the client itself go into the target, and who has none is refused', async (context) => {
  const broker = await startBroker(context);
  const { client, inbox } = await connectInbox(context, urlOf(broker));
  await client.subscribeAsync('#', { qos: 1 });
  await put(broker, 'topic-rewrite', { name: 'mine', filter: 'state', pattern: '^state$', target: 'devices/${clientid}/state' });
  const one = await connectClient(context, urlOf(broker), { clientId: 'one' });
  const two = await connectClient(context, urlOf(broker), { clientId: 'two', protocolVersion: 5 });
  await applied(one, 'state', inbox, 'devices/one/state');
  await applied(two, 'state', inbox, 'devices/two/state');
  const slashed = await connectClient(context, urlOf(broker), { clientId: 'a/../b', protocolVersion: 5 });
  await assert.rejects(slashed.publishAsync('state', 'x', { qos: 1 }), { code: 0x90 });
  assert.ok(!inbox.messages.some(({ topic }) => topic.includes('..')));
});

test('topic rewrite: a subscription is to the new filter, also of a shared one, and UNSUBSCRIBE by the old name ends it', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  await put(broker, 'topic-rewrite', { name: 's', filter: 'y/#', pattern: '^y/(.*)$', target: 'z/$1', action: 'subscribe' });
  const publisher = await connectClient(context, urlOf(broker));
  const { client, inbox } = await connectInbox(context, urlOf(broker), { protocolVersion: 5 });
  await until('the rule applies to subscriptions', async () => {
    await client.unsubscribeAsync('y/+');
    await client.subscribeAsync('y/+', { qos: 1 });
    await publisher.publishAsync('z/1', 'direct', { qos: 1 });
    return inbox.messages.length > 0;
  });
  assert.equal(inbox.messages[0].topic, 'z/1');

  const shared = await connectInbox(context, urlOf(broker), { protocolVersion: 5 });
  await shared.client.subscribeAsync('$share/g/y/#', { qos: 1 });
  await publisher.publishAsync('z/2/3', 'shared', { qos: 1 });
  assert.deepEqual(
    (await shared.inbox.until(1)).map(({ topic }) => topic),
    ['z/2/3'],
  );

  await client.unsubscribeAsync('y/+');
  inbox.messages.length = 0;
  await client.subscribeAsync('end', { qos: 1 });
  await publisher.publishAsync('z/1', 'gone', { qos: 1 });
  await publisher.publishAsync('end', 'end', { qos: 1 });
  assert.deepEqual(
    (await inbox.until(1)).map(({ payload }) => payload),
    ['end'],
  );
});

test('topic rewrite: a will goes where the rules send it', async (context) => {
  const broker = await startBroker(context);
  const { client, inbox } = await connectInbox(context, urlOf(broker));
  await client.subscribeAsync('new/#', { qos: 1 });
  await put(broker, 'topic-rewrite', { name: 'w', filter: 'old/#', pattern: '^old/(.*)$', target: 'new/$1' });
  const publisher = await connectClient(context, urlOf(broker));
  await applied(publisher, 'old/probe', inbox, 'new/probe');
  const dying = mqtt.connect(urlOf(broker), {
    reconnectPeriod: 0,
    will: { topic: 'old/will', payload: Buffer.from('bye'), qos: 1, retain: false },
  });
  await new Promise<void>((resolve) => dying.once('connect', () => resolve()));
  dying.stream.destroy();
  await closeOf(dying);
  await until('the will', async () => inbox.messages.some(({ topic, payload }) => topic === 'new/will' && payload === 'bye'));
});

test('topic rewrite: a rule that makes no topic refuses the publish, and one that is no expression is not accepted', async (context) => {
  const broker = await startBroker(context);
  await assert.rejects(put(broker, 'topic-rewrite', { name: 'bad', filter: '#', pattern: '(a+', target: 'x' }), /RMQ-1031.*without its/);
  await put(broker, 'topic-rewrite', { name: 'wild', filter: 'w/#', pattern: '^w/(.*)$', target: 'w/+/$1', action: 'publish' });
  const publisher = await connectClient(context, urlOf(broker), { protocolVersion: 5 });
  await until('the publish is refused', async () => {
    const outcome = await publisher.publishAsync('w/1', 'x', { qos: 1 }).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    return outcome === 0x90;
  });
});

async function connectedInbox(
  context: TestContext,
  broker: RunningNode,
  options: mqtt.IClientOptions,
): Promise<{ client: MqttClient; inbox: Inbox }> {
  return await connectInbox(context, urlOf(broker), { protocolVersion: 5, ...options });
}

test('auto-subscription: a client has it with its CONNACK, with what is retained, and names of its own in the filter', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  const publisher = await connectClient(context, urlOf(broker));
  await publisher.publishAsync('inbox/dev1', 'kept', { qos: 1, retain: true });
  await put(broker, 'auto-subscription', { name: 'inbox', filter: 'inbox/${clientid}', qos: 1 });
  await put(broker, 'auto-subscription', { name: 'user', filter: 'users/${username}', qos: 2 });
  await until('a client gets the retained message', async () => {
    const { client, inbox } = await connectedInbox(context, broker, { clientId: 'dev1' });
    const settled = client.publishAsync('settle', '', { qos: 1 });
    await settled;
    await publisher.publishAsync('inbox/dev1', 'live', { qos: 1 });
    await client.publishAsync('settle', '', { qos: 1 });
    const got = inbox.messages.map(({ payload, retain }) => [payload, retain]);
    await client.endAsync();
    if (got.length === 0) return false;
    assert.deepEqual(got[0], ['kept', true]);
    return true;
  });

  const { inbox } = await connectedInbox(context, broker, { clientId: 'dev2' });
  await publisher.publishAsync('inbox/dev2', 'now', { qos: 1 });
  assert.deepEqual(
    (await inbox.until(1)).map(({ payload, qos }) => [payload, qos]),
    [['now', 1]],
  );
  await publisher.publishAsync('inbox/dev1', 'not for it', { qos: 1 });
  await publisher.publishAsync('inbox/dev2', 'last', { qos: 1 });
  assert.deepEqual(
    (await inbox.until(2)).map(({ payload }) => payload),
    ['now', 'last'],
  );
});

test('auto-subscription: a session that is resumed keeps what it has, gets what is new, and has again what it unsubscribed from', async (context) => {
  const broker = await startBroker(context);
  const publisher = await connectClient(context, urlOf(broker));
  await put(broker, 'auto-subscription', { name: 'one', filter: 'auto/one', qos: 1 });
  const options = { clientId: 'keeper', clean: false, properties: { sessionExpiryInterval: 600 } };
  await until('the first rule applies', async () => {
    const { client, inbox } = await connectedInbox(context, broker, options);
    await publisher.publishAsync('auto/one', 'x', { qos: 1 });
    await client.publishAsync('settle', '', { qos: 1 });
    await client.endAsync();
    return inbox.messages.length > 0;
  });
  await put(broker, 'auto-subscription', { name: 'two', filter: 'auto/two', qos: 1 });
  await publisher.publishAsync('auto/one', 'while away', { qos: 1 });
  const second = await connectedInbox(context, broker, options);
  assert.deepEqual(
    (await second.inbox.until(1)).map(({ payload }) => payload),
    ['while away'],
  );
  await second.client.unsubscribeAsync('auto/one');
  await second.client.endAsync();
  await until('both are there', async () => {
    const { client, inbox } = await connectedInbox(context, broker, options);
    await publisher.publishAsync('auto/one', '1', { qos: 1 });
    await publisher.publishAsync('auto/two', '2', { qos: 1 });
    await client.publishAsync('settle', '', { qos: 1 });
    await client.endAsync();
    return new Set(inbox.messages.map(({ payload }) => payload)).size === 2;
  });
});
