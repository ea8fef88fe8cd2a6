import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SLOW_LIST, type SlowAnswer } from '../../src/admin/questions/mqtt-slow.js';
import type { RunningNode } from '../../src/launcher/ports.js';
import { connectClient, connectInbox, startBroker, urlOf } from './running-broker.js';

async function slowest(broker: RunningNode): Promise<SlowAnswer> {
  const answer = await broker.query({ verb: 'ask', question: SLOW_LIST.name, ask: {} });
  return SLOW_LIST.answers.parse(JSON.parse(JSON.stringify(answer)));
}

/** A client whose acknowledgements wait until they are let go. */
async function hesitant(...[context, url, clientId]: [Parameters<typeof connectInbox>[0], string, string]) {
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const { client, inbox } = await connectInbox(context, url, { clientId });
  const { handleMessage } = client;
  client.handleMessage = (packet, done) => {
    void gate.then(() => handleMessage.call(client, packet, done));
  };
  return { client, inbox, letGo };
}

test('slow subscriptions: who takes long to acknowledge is listed with its topic, and who is quick is not', async (context) => {
  const broker = await startBroker(
    context,
    'runtime.shards=2',
    'mqtt.slow_subscriptions.enabled=true',
    'mqtt.slow_subscriptions.threshold=300ms',
  );
  const slow = await hesitant(context, urlOf(broker), 'slow');
  const quick = await connectInbox(context, urlOf(broker), { clientId: 'quick' });
  await slow.client.subscribeAsync('t/+', { qos: 1 });
  await quick.client.subscribeAsync('t/+', { qos: 1 });
  const publisher = await connectClient(context, urlOf(broker));
  const started = Date.now();
  await publisher.publishAsync('t/1', 'x', { qos: 1 });
  await quick.inbox.until(1);
  await slow.inbox.until(1);
  assert.deepEqual((await slowest(broker)).items, [], 'nobody has acknowledged late yet');
  while (Date.now() - started < 400) await new Promise((resolve) => setImmediate(resolve));
  slow.letGo();
  let answer = await slowest(broker);
  const deadline = Date.now() + 20_000;
  while (answer.items.length === 0 && Date.now() < deadline) answer = await slowest(broker);
  assert.equal(answer.isMeasured, true);
  assert.deepEqual(
    answer.items.map(({ clientId, topic, count }) => [clientId, topic, count]),
    [['slow', 't/1', 1]],
  );
  assert.ok(answer.items[0].longestMs >= 300, `${answer.items[0].longestMs}`);
});

test('slow subscriptions: nothing is measured unless it is asked for', async (context) => {
  const broker = await startBroker(context);
  assert.deepEqual(await slowest(broker), { isMeasured: false, items: [], silent: [] });
});
