import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawClient } from './raw-client.js';
import { startBroker, urlOf } from './running-broker.js';

const SHARDS = 'runtime.shards=2';

test('hostile: a connection that sends no CONNECT in time is closed', async (context) => {
  const broker = await startBroker(context, 'mqtt.connect_timeout=300ms');
  const silent = await RawClient.open(context, urlOf(broker));
  const half = await RawClient.open(context, urlOf(broker));
  half.sayBytes(Uint8Array.of(0x10, 20, 0, 4));
  await Promise.all([silent.closed(), half.closed()]);
});

test('hostile: a CONNECT that announces more than 60 KiB is refused at its length', async (context) => {
  const broker = await startBroker(context);
  const client = await RawClient.open(context, urlOf(broker));
  client.sayBytes(Uint8Array.of(0x10, 0xff, 0xff, 0x7f));
  await client.closed();
});

test('hostile: what is not MQTT at all is closed', async (context) => {
  const broker = await startBroker(context);
  const client = await RawClient.open(context, urlOf(broker));
  client.sayBytes(Buffer.from(`GET / HTTP/1.1\r\nHost: ${'x'.repeat(100)}\r\n\r\n`));
  await client.closed();
});

test('hostile: a packet above the Maximum Packet Size hears 0x95', async (context) => {
  const broker = await startBroker(context, 'mqtt.packet_bytes_max=1000');
  const client = await RawClient.connect(context, urlOf(broker));
  client.say({ cmd: 'publish', topic: 't', payload: Buffer.alloc(2000), qos: 0, dup: false, retain: false });
  assert.equal((await client.hear('disconnect')).reasonCode, 0x95);
  await client.closed();
});

test('hostile: silence for one and a half times the keep-alive hears 0x8D; a ping in time does not', async (context) => {
  const broker = await startBroker(context);
  const silent = await RawClient.connect(context, urlOf(broker), { keepalive: 1 });
  const alive = await RawClient.connect(context, urlOf(broker), { keepalive: 1 });
  const pings = setInterval(() => alive.say({ cmd: 'pingreq' }), 500);
  const began = Date.now();
  assert.equal((await silent.hear('disconnect')).reasonCode, 0x8d);
  clearInterval(pings);
  const elapsed = Date.now() - began;
  assert.ok(elapsed > 1_400 && elapsed < 2_500, `after ${elapsed} ms`);
  assert.equal(alive.isClosed, false);
});

test('hostile: more QoS 2 publishes in progress than the Receive Maximum hear 0x93', async (context) => {
  const broker = await startBroker(context, 'mqtt.receive_max=10');
  const client = await RawClient.connect(context, urlOf(broker));
  for (let messageId = 1; messageId <= 11; messageId += 1)
    client.say({ cmd: 'publish', topic: 't', payload: 'x', qos: 2, messageId, dup: false, retain: false });
  assert.equal((await client.hear('disconnect')).reasonCode, 0x93);
});

test('hostile: a QoS 2 message that is sent twice is delivered once', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const receiver = await RawClient.connect(context, urlOf(broker));
  await receiver.subscribe('t', 0);
  const client = await RawClient.connect(context, urlOf(broker));
  for (const dup of [false, true, true]) client.say({ cmd: 'publish', topic: 't', payload: 'x', qos: 2, messageId: 5, dup, retain: false });
  await client.until(() => client.count('pubrec') === 3, 'three PUBRECs');
  client.say({ cmd: 'pubrel', messageId: 5 });
  await client.hear('pubcomp');
  client.say({ cmd: 'publish', topic: 't', payload: 'last', qos: 2, messageId: 5, dup: false, retain: false });
  await receiver.until(
    () => receiver.packets.some((packet) => packet.cmd === 'publish' && packet.payload.toString() === 'last'),
    'the last message',
  );
  assert.equal(receiver.count('publish'), 2);
});

test('hostile: a client’s Receive Maximum is kept, and nothing is lost by it', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const receiver = await RawClient.connect(context, urlOf(broker), { properties: { receiveMaximum: 3 } });
  await receiver.subscribe('t', 1);
  const publisher = await RawClient.connect(context, urlOf(broker));
  for (let messageId = 1; messageId <= 20; messageId += 1)
    publisher.say({ cmd: 'publish', topic: 't', payload: `${messageId}`, qos: 1, messageId, dup: false, retain: false });
  await publisher.until(() => publisher.count('puback') === 20, 'all PUBACKs');
  await receiver.until(() => receiver.count('publish') === 3, 'three messages');
  receiver.say({ cmd: 'pingreq' });
  await receiver.hear('pingresp');
  assert.equal(receiver.count('publish'), 3, 'the fourth waits');
  receiver.onPacket = (packet) => {
    if (packet.cmd === 'publish' && packet.messageId !== undefined) receiver.say({ cmd: 'puback', messageId: packet.messageId });
  };
  for (const packet of receiver.packets)
    if (packet.cmd === 'publish' && packet.messageId !== undefined) receiver.say({ cmd: 'puback', messageId: packet.messageId });
  await receiver.until(() => receiver.count('publish') === 20, 'all messages');
  const payloads = receiver.packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
  assert.deepEqual(
    payloads,
    Array.from({ length: 20 }, (_, i) => `${i + 1}`),
  );
});

test('hostile: a message larger than the client’s Maximum Packet Size is left out, the next one comes', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const receiver = await RawClient.connect(context, urlOf(broker), { properties: { maximumPacketSize: 100 } });
  for (const [filter, qos] of [
    ['zero', 0],
    ['one', 1],
  ] as const)
    await receiver.subscribe(filter, qos);
  const publisher = await RawClient.connect(context, urlOf(broker));
  let messageId = 0;
  for (const topic of ['zero', 'one']) {
    for (const size of [10, 200, 11]) {
      messageId += 1;
      publisher.say({ cmd: 'publish', topic, payload: Buffer.alloc(size), qos: 1, messageId, dup: false, retain: false });
    }
  }
  await receiver.until(() => receiver.count('publish') === 4, 'four messages');
  const sizes = receiver.packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.length] : []));
  assert.deepEqual(sizes.sort(), [10, 10, 11, 11]);
});

test('hostile: what follows a refused CONNECT is never looked at', async (context) => {
  const broker = await startBroker(context, SHARDS);
  const watcher = await RawClient.connect(context, urlOf(broker));
  await watcher.subscribe('#', 1);
  const refused = await RawClient.open(context, urlOf(broker));
  refused.say({
    cmd: 'connect',
    clientId: 'r',
    protocolVersion: 5,
    clean: true,
    keepalive: 0,
    properties: { authenticationMethod: 'NONE' },
  });
  refused.say({ cmd: 'publish', topic: 't', payload: 'never', qos: 0, dup: false, retain: false });
  assert.equal((await refused.hear('connack')).reasonCode, 0x8c);
  await refused.closed();
  const accepted = await RawClient.open(context, urlOf(broker));
  accepted.say({ cmd: 'connect', clientId: 'a', protocolVersion: 5, clean: true, keepalive: 0 });
  accepted.say({ cmd: 'publish', topic: 't', payload: 'pipelined', qos: 0, dup: false, retain: false });
  const publish = await watcher.hear('publish');
  assert.equal(publish.payload.toString(), 'pipelined');
  assert.equal(watcher.count('publish'), 1);
});
