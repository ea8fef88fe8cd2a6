import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXPLAIN, type ExplainAnswer } from '../../src/admin/questions/mqtt-explain.js';
import type { RunningNode } from '../../src/launcher/ports.js';
import { connectClient, connectInbox, startBroker, urlOf } from './running-broker.js';

/* Why a client does or does not get messages of a topic, asked of a node with clients of two shards. */

async function explain(broker: RunningNode, clientId: string, topic: string): Promise<ExplainAnswer> {
  const answer = await broker.query({ verb: 'ask', question: EXPLAIN.name, ask: { clientId, topic } });
  return EXPLAIN.answers.parse(JSON.parse(JSON.stringify(answer)));
}

test('explain: the answer follows a client from its first subscription until its session ends', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  const absent = await explain(broker, 'dev', 'a/b');
  assert.deepEqual([absent.verdict, absent.session, absent.shard, absent.events], ['no', null, null, []]);

  const options = { clientId: 'dev', protocolVersion: 5 as const, clean: false, properties: { sessionExpiryInterval: 3600 } };
  const first = await connectInbox(context, urlOf(broker), options);
  assert.match((await explain(broker, 'dev', 'a/b')).sentences.join(' '), /has no subscription/);
  await first.client.subscribeAsync('a/+', { qos: 1 });
  const there = await explain(broker, 'dev', 'a/b');
  assert.equal(there.verdict, 'yes', there.sentences.join(' '));
  assert.match((await explain(broker, 'dev', 'a/b/c')).sentences.join(' '), /None of its 1 subscription matches/);
  await assert.rejects(explain(broker, 'dev', 'a/+'), /RMQ-1036/);

  await first.client.endAsync();
  const publisher = await connectClient(context, urlOf(broker));
  await publisher.publishAsync('a/b', 'kept', { qos: 1, retain: true });
  const away = await explain(broker, 'dev', 'a/b');
  assert.deepEqual([away.verdict, away.isRetained, away.session?.['state']], ['later', true, 'away']);
  assert.match(away.sentences.join(' '), /They are in the log/);
  assert.deepEqual(
    away.events.map(({ kind }) => kind),
    ['connected', 'subscribed', 'disconnected'],
  );

  const again = await connectInbox(context, urlOf(broker), { ...options, clean: true, properties: {} });
  await again.client.subscribeAsync('a/+', { qos: 1, nl: true });
  const anew = await explain(broker, 'dev', 'a/b');
  assert.deepEqual([anew.verdict, anew.session?.['isDurable']], ['partly', false]);
  assert.match(anew.sentences.join(' '), /No Local/);
});

test('explain: messages that one client lost are told with their reason, and those of another are not', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2', 'mqtt.queue_messages_max=0');
  const small = { clientId: 'small', protocolVersion: 5 as const, properties: { maximumPacketSize: 100 } };
  const { client, inbox } = await connectInbox(context, urlOf(broker), small);
  const other = await connectInbox(context, urlOf(broker), { clientId: 'other', protocolVersion: 5 });
  await client.subscribeAsync('t');
  await other.client.subscribeAsync('t');
  const publisher = await connectClient(context, urlOf(broker));
  await publisher.publishAsync('t', 'x'.repeat(200), { qos: 0 });
  await publisher.publishAsync('t', 'short', { qos: 0 });
  await inbox.until(1);
  await other.inbox.until(2);
  const lost = await explain(broker, 'small', 't');
  assert.match(lost.sentences.join(' '), /It lost 1 message, .*: it was larger than the Maximum Packet Size/);
  assert.equal((await explain(broker, 'other', 't')).verdict, 'yes');
});
