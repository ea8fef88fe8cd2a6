import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePacket } from '../../../src/protocols/mqtt/decode.js';
import type { ClientPacket, ConnectPacket } from '../../../src/protocols/mqtt/packets.js';
import { bytesOf, frame, hexOf, violates } from './frames.js';

function decode(firstByte: number, line: string, version: 3 | 4 | 5 = 5): ClientPacket {
  const bytes = frame(firstByte, line);
  // In the middle of an arena: whatever is around it must not matter.
  const arena = new Uint8Array(bytes.length + 16).fill(0xff);
  arena.set(bytes, 7);
  const packet = decodePacket(arena, 7, bytes.length, version);
  arena.fill(0xee); // The arena is used again: what was decoded must not change.
  return packet;
}

function decodeConnect(line: string): ConnectPacket {
  const packet = decode(0x10, line);
  assert.ok(packet.type === 'connect');
  return packet;
}

const EMPTY_CONNECT: ConnectPacket = {
  type: 'connect',
  protocolName: 'MQTT',
  version: 5,
  cleanStart: true,
  keepAliveSeconds: 10,
  clientId: 'p',
  username: null,
  password: null,
  will: null,
  sessionExpirySeconds: 0,
  receiveMaximum: 65_535,
  packetBytesMax: 0,
  topicAliasMaximum: 0,
  requestResponseInformation: false,
  requestProblemInformation: true,
  tenant: null,
  authenticationMethod: null,
  authenticationData: null,
};

test('CONNECT: the shortest one of each version has every field', () => {
  assert.deepEqual(decodeConnect("s'MQTT' 05 02 000a 00 s'p'"), EMPTY_CONNECT);
  assert.deepEqual(decodeConnect("s'MQTT' 04 02 000a s'p'"), { ...EMPTY_CONNECT, version: 4 });
  assert.deepEqual(decodeConnect("s'MQIsdp' 03 00 000a s'p'"), { ...EMPTY_CONNECT, version: 3, protocolName: 'MQIsdp', cleanStart: false });
});

test('CONNECT: an empty client identifier is the session’s to judge, save in MQTT 3.1', () => {
  assert.equal(decodeConnect("s'MQTT' 04 00 000a s''").clientId, '');
  assert.equal(decodeConnect("s'MQTT' 05 00 000a 00 s''").clientId, '');
  violates(() => decodeConnect("s'MQIsdp' 03 02 000a s''"), 0x85);
});

test('CONNECT: every property, user name, password', () => {
  const packet = decodeConnect(
    "s'MQTT' 05 c0 0102 2f 11 ffffffff 21 0014 27 00000100 22 000a 19 01 17 00 15 s'SCRAM' 16 0002 00ff 26 s'b' s'2' 26 s'a' s'1' s'cé' s'' 0003 00ff01",
  );
  assert.deepEqual(packet, {
    ...EMPTY_CONNECT,
    cleanStart: false,
    keepAliveSeconds: 258,
    clientId: 'cé',
    username: '',
    password: bytesOf('00ff01'),
    sessionExpirySeconds: 4_294_967_295,
    receiveMaximum: 20,
    packetBytesMax: 256,
    topicAliasMaximum: 10,
    requestResponseInformation: true,
    requestProblemInformation: false,
    authenticationMethod: 'SCRAM',
    authenticationData: bytesOf('00ff'),
  });
});

test('CONNECT: a will keeps its properties as bytes in the client’s order, without the delay', () => {
  const packet = decodeConnect(
    "s'MQTT' 05 36 000a 00 s'p' 21 26 s'z' s'1' 02 00000005 18 00000007 26 s'a' s'2' 26 s'z' s'3' 01 01 s'w/t' 0002 00fe",
  );
  assert.deepEqual(packet.will, {
    topic: 'w/t',
    payload: bytesOf('00fe'),
    qos: 2,
    retain: true,
    delaySeconds: 7,
    expirySeconds: 5,
    properties: bytesOf("26 s'z' s'1' 02 00000005 26 s'a' s'2' 26 s'z' s'3' 01 01"),
  });
});

test('CONNECT: a will without properties, with an empty payload, in MQTT 3.1.1', () => {
  const packet = decodeConnect("s'MQTT' 04 06 000a s'p' s'w' 0000");
  assert.deepEqual(packet.will, {
    topic: 'w',
    payload: new Uint8Array(0),
    qos: 0,
    retain: false,
    delaySeconds: 0,
    expirySeconds: -1,
    properties: new Uint8Array(0),
  });
});

test('CONNECT: MQTT 3.1 may say user name and password and have neither', () => {
  assert.equal(decodeConnect("s'MQIsdp' 03 c2 000a s'p'").username, null);
  const packet = decodeConnect("s'MQIsdp' 03 c2 000a s'p' s'u'");
  assert.equal(packet.username, 'u');
  assert.equal(packet.password, null);
  violates(() => decodeConnect("s'MQTT' 04 c2 000a s'p' s'u'"), 0x81);
});

test('CONNECT: the will’s topic is a topic name', () => {
  for (const topic of ['a/#', '+', '']) violates(() => decodeConnect(`s'MQTT' 04 06 000a s'p' s'${topic}' s'x'`), 0x81, topic);
});

test('CONNECT: password, will payload and authentication data are memory of their own', () => {
  const packet = decodeConnect("s'MQTT' 05 c6 000a 09 15 s'm' 16 s'd1' s'p' 00 s'w' s'payload' s'u' s'secret'");
  for (const bytes of [packet.password, packet.will?.payload, packet.authenticationData]) {
    assert.ok(bytes !== null && bytes !== undefined);
    assert.equal(bytes.buffer.byteLength, bytes.length);
  }
});

test('SUBSCRIBE: filters in order with all options', () => {
  assert.deepEqual(decode(0x82, "04d2 08 0b ff7f 26 0000 0000 s'a' 00"), {
    type: 'subscribe',
    packetId: 1234,
    identifier: 16_383,
    subscriptions: [{ filter: 'a', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  });
  assert.deepEqual(decode(0x82, "0001 00 s'a/+' 1e s'$share/g/#' 29"), {
    type: 'subscribe',
    packetId: 1,
    identifier: 0,
    subscriptions: [
      { filter: 'a/+', qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 1 },
      { filter: '$share/g/#', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 2 },
    ],
  });
});

test('SUBSCRIBE: MQTT 3 has QoS alone; MQTT 3.1 may say DUP', () => {
  const subscriptions = [{ filter: 'a', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }];
  assert.deepEqual(decode(0x82, "0001 s'a' 01", 4), { type: 'subscribe', packetId: 1, identifier: 0, subscriptions });
  assert.deepEqual(decode(0x8a, "0001 s'a' 01", 3), { type: 'subscribe', packetId: 1, identifier: 0, subscriptions });
  violates(() => decode(0x8a, "0001 s'a' 01", 4), 0x81);
});

test('SUBSCRIBE: malformed filters, and no local on a shared one, are refused', () => {
  for (const filter of ['', 'a#', '$share/g/', '$share//x']) violates(() => decode(0x82, `0001 s'${filter}' 00`, 4), 0x81, filter);
  violates(() => decode(0x82, "0001 00 s'$share/g/a' 04"), 0x82);
});

test('UNSUBSCRIBE: filters in order', () => {
  assert.deepEqual(decode(0xa2, "ffff 05 26 s'' s'' s'a' s'b/#'"), { type: 'unsubscribe', packetId: 65_535, filters: ['a', 'b/#'] });
  assert.deepEqual(decode(0xaa, "0001 s'a'", 3), { type: 'unsubscribe', packetId: 1, filters: ['a'] });
  violates(() => decode(0xa2, "0001 00 s'a/b#'"), 0x81);
});

test('acknowledgements: short, with a reason code, with properties', () => {
  assert.deepEqual(decode(0x40, '0007'), { type: 'puback', packetId: 7, reasonCode: 0 });
  assert.deepEqual(decode(0x50, '0007 97'), { type: 'pubrec', packetId: 7, reasonCode: 0x97 });
  assert.deepEqual(decode(0x62, "0007 92 07 1f s'gone'"), { type: 'pubrel', packetId: 7, reasonCode: 0x92 });
  assert.deepEqual(decode(0x70, '0007 00 00'), { type: 'pubcomp', packetId: 7, reasonCode: 0 });
  assert.deepEqual(decode(0x6a, '0007', 3), { type: 'pubrel', packetId: 7, reasonCode: 0 });
  violates(() => decode(0x70, '0007 10'), 0x82);
  violates(() => decode(0x40, '0007 00', 4), 0x81);
  violates(() => decode(0x40, '0000'), 0x82);
});

test('DISCONNECT: any reason code ends it; expiry and reason string are told', () => {
  assert.deepEqual(decode(0xe0, '', 4), { type: 'disconnect', reasonCode: 0, sessionExpirySeconds: -1, reasonString: null });
  assert.deepEqual(decode(0xe0, '8b'), { type: 'disconnect', reasonCode: 0x8b, sessionExpirySeconds: -1, reasonString: null });
  assert.deepEqual(decode(0xe0, "04 0a 11 00000009 1f s'by'"), {
    type: 'disconnect',
    reasonCode: 4,
    sessionExpirySeconds: 9,
    reasonString: 'by',
  });
  violates(() => decode(0xe0, '00', 4), 0x81);
});

test('AUTH: method and data; none without a method, none before MQTT 5', () => {
  assert.deepEqual(decode(0xf0, "18 08 15 s'm' 16 0001 ff"), {
    type: 'auth',
    reasonCode: 0x18,
    authenticationMethod: 'm',
    authenticationData: bytesOf('ff'),
  });
  for (const line of ['', '18', '18 00', "00 04 15 s'm'", "18 04 16 s'm'"]) violates(() => decode(0xf0, line), 0x82, line);
  violates(() => decode(0xf0, '', 4), 0x81);
});

test('PINGREQ has no body; packets of a server, reserved types and PUBLISH are refused', () => {
  assert.deepEqual(decode(0xc0, ''), { type: 'pingreq' });
  violates(() => decode(0xc0, '00'), 0x81);
  for (const firstByte of [0x20, 0x90, 0xb0, 0xd0, 0x30]) violates(() => decode(firstByte, '0001 00'), 0x82);
  violates(() => decode(0x00, ''), 0x81);
});

test('frame: the remaining length has to be that of the frame', () => {
  for (const hex of ['c001', 'c080', 'c0', 'c08000', 'c000ff', '4003000700ff']) {
    const bytes = bytesOf(hex);
    violates(() => decodePacket(bytes, 0, bytes.length, 5), 0x81, hexOf(bytes));
  }
});

test('what mqtt-packet would let through: it never sees it', () => {
  violates(() => decodeConnect("s'MQTT' 84 02 000a s'p'"), 0x84); // A bridge.
  violates(() => decodeConnect("s'MQTT' 05 02 000a 02 17 02 s'p'"), 0x82); // A boolean of 2.
  violates(() => decodeConnect("s'MQTT' 05 02 000a 0a 11 00000000 11 00000001 s'p'"), 0x82); // A repetition hidden by a 0.
  violates(() => decodeConnect("s'MQTT' 05 02 000a 03 11 000000 01 s'p'"), 0x81); // A property past its list.
  violates(() => decodeConnect("s'MQTT' 05 02 000a 00 s'p' 00"), 0x81); // A byte too many.
  violates(() => decodeConnect("s'MQTT' 04 82 000a s'p' 0002 c080"), 0x81); // Overlong UTF-8.
  violates(() => decode(0xc0, '00', 4), 0x81);
});
