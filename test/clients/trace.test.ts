import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqtt from 'mqtt';
import type { RunningNode } from '../../src/launcher/ports.js';
import { connectClient, connectInbox, startBroker, urlOf } from './running-broker.js';

/* Traces of packets, with other people's clients on two shards. */

async function ask(broker: RunningNode, verb: string, given: object): Promise<Record<string, unknown>> {
  return (await broker.query({ verb: 'ask', question: `mqtt-trace-${verb}`, ask: given })) as Record<string, unknown>;
}

/** What a trace has, without times, once it is stopped. */
async function linesOf(broker: RunningNode, name: string): Promise<string[]> {
  await ask(broker, 'stop', { name });
  const { base64 } = await ask(broker, 'read', { name });
  const lines = Buffer.from(String(base64), 'base64').toString().split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/^\S+Z /, '').replace(/127\.0\.0\.1:\d+ /, ''));
}

test('trace: of a client each packet is a line, both ways, and no password is in it', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  await ask(broker, 'start', { name: 'one', kind: 'client', value: 'traced-*', payloadBytesMax: 2 });
  const options = { clientId: 'traced-1', protocolVersion: 5 as const, username: 'joe', password: 'very-secret' };
  const { client, inbox } = await connectInbox(context, urlOf(broker), options);
  const other = await connectClient(context, urlOf(broker), { clientId: 'other' });
  await client.subscribeAsync('a/+', { qos: 2 });
  await client.publishAsync('a/1', 'abc', { qos: 1 });
  await other.publishAsync('a/2', 'xyz', { qos: 2 });
  await other.publishAsync('b', 'not for it', { qos: 1 });
  await inbox.until(2);
  await client.endAsync();
  const lines = await linesOf(broker, 'one');
  const text = lines.join('\n');
  assert.ok(!text.includes('very-secret') && !text.includes('other'), text);
  assert.match(lines[0], /^in {2}"traced-1" CONNECT client="traced-1" version=5 clean=1 .* user="joe" password=\(11 bytes\) bytes=\d+$/);
  for (const expected of [
    /^out "traced-1" CONNACK present=0 reason=0x00/m,
    /^in {2}"traced-1" SUBSCRIBE id=\d+ filters=\["a\/\+":2\]/m,
    /^out "traced-1" SUBACK id=\d+ codes=\[0x02\]/m,
    /^in {2}"traced-1" PUBLISH id=\d+ qos=1 dup=0 retain=0 topic="a\/1" bytes=\d+ payload=3 hex=6162\.\.\.$/m,
    /^out "traced-1" PUBACK id=\d+/m,
    /^out "traced-1" PUBLISH id=\d+ qos=1 dup=0 retain=0 topic="a\/1" .*hex=6162/m,
    /^in {2}"traced-1" PUBACK id=\d+/m,
    /^out "traced-1" PUBLISH id=\d+ qos=2 dup=0 retain=0 topic="a\/2" .*hex=7879/m,
    /^in {2}"traced-1" PUBREC id=\d+/m,
    /^out "traced-1" PUBREL id=\d+/m,
    /^in {2}"traced-1" PUBCOMP id=\d+/m,
    /^in {2}"traced-1" DISCONNECT/m,
  ])
    assert.match(text, expected);
  const acked = /out "traced-1" PUBLISH id=(\d+) qos=1/.exec(text)?.[1];
  assert.match(text, new RegExp(`in {2}"traced-1" PUBACK id=${acked}\\b`), 'ids of both ways are those on the wire');
});

test('trace: of a topic its messages are noted wherever they come and go, also by lists and over shards', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2');
  const inboxes = [];
  for (let i = 0; i < 12; i += 1) {
    const { client, inbox } = await connectInbox(context, urlOf(broker), { clientId: `r${i}` });
    await client.subscribeAsync('t/#');
    inboxes.push(inbox);
  }
  const publisher = await connectClient(context, urlOf(broker), { clientId: 'p' });
  await publisher.publishAsync('t/1', 'before', { qos: 0 });
  for (const inbox of inboxes) await inbox.until(1);
  await ask(broker, 'start', { name: 'topic', kind: 'topic', value: 't/+' });
  await publisher.publishAsync('t/1', 'x', { qos: 0 });
  await publisher.publishAsync('u', 'x', { qos: 1 });
  for (const inbox of inboxes) await inbox.until(2);
  const lines = await linesOf(broker, 'topic');
  const expected = ['in  "p"', ...Array.from({ length: 12 }, (_, i) => `out "r${i}"`)].map(
    (head) => `${head} PUBLISH qos=0 dup=0 retain=0 topic="t/1" bytes=8 payload=1`,
  );
  assert.deepEqual(lines.sort(), expected.sort());
});

test('trace: of an address a client that is refused is seen too, and what is no packet', async (context) => {
  const broker = await startBroker(context);
  await ask(broker, 'start', { name: 'address', kind: 'address', value: '127.0.0.*' });
  await ask(broker, 'start', { name: 'nobody', kind: 'address', value: '10.*' });
  const refused = mqtt.connect(urlOf(broker), { protocolVersion: 4, clientId: '', clean: true, reconnectPeriod: 0 });
  await new Promise<void>((resolve) => refused.once('connect', () => resolve()));
  refused.stream.write(Buffer.from([0xf0, 0xff, 0xff, 0xff, 0xff, 0xff]));
  await new Promise<void>((resolve) => refused.once('close', () => resolve()));
  const text = (await linesOf(broker, 'address')).join('\n');
  assert.match(text, /in {2}\S* ?CONNECT client="" version=4/);
  assert.match(text, /not a packet: fault/);
  assert.match(text, /closed|close/);
  assert.deepEqual(await linesOf(broker, 'nobody'), []);
  await assert.rejects(ask(broker, 'start', { name: '../x', kind: 'client', value: 'x' }), /RMQ-1036/);
  await assert.rejects(ask(broker, 'start', { name: 'x', kind: 'topic', value: 'a/#/b' }), /RMQ-1036/);
});
