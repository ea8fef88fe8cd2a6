import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generate, type IConnectPacket, type Packet } from 'mqtt-packet';
import { type Random, SeededRandom } from '../../../src/base/random.js';
import { PACKET, type ProtocolVersion } from '../../../src/protocols/mqtt/constants.js';
import { decodePacket } from '../../../src/protocols/mqtt/decode.js';
import { decodePublishProperties, PublishView } from '../../../src/protocols/mqtt/decode-publish.js';
import { rewritePublish, rewrittenLength } from '../../../src/protocols/mqtt/encode-publish.js';
import { ProtocolViolation } from '../../../src/protocols/mqtt/errors.js';
import { connackVersionOf } from '../../../src/protocols/mqtt/grammar.js';
import type { ClientPacket, ConnectPacket } from '../../../src/protocols/mqtt/packets.js';
import { PROPERTIES_OF_WILL, PropertyScan } from '../../../src/protocols/mqtt/properties.js';
import { WireReader } from '../../../src/wire/reader.js';
import { varintLength } from '../../../src/wire/varint.js';
import { WireWriter } from '../../../src/wire/writer.js';
import { bytesOf, frame, hexOf } from './frames.js';

/*
  Random and mutated frames. Whatever the bytes are, only ProtocolViolation is thrown; what is accepted says the same after mqtt-packet
  has encoded it again. FUZZ_INPUTS says how many, or FUZZ_SECONDS how long; FUZZ_SEED plays a run again.
*/

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 10);
const INPUTS = Number(process.env.FUZZ_INPUTS ?? 0);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);

const CORPUS: readonly Uint8Array[] = [
  frame(0x10, "s'MQTT' 05 02 000a 00 s'p'"),
  frame(0x10, "s'MQTT' 04 c6 000a s'p' s'w/t' s'x' s'u' s'pass'"),
  frame(0x10, "s'MQIsdp' 03 82 000a s'p' s'u'"),
  frame(0x10, "s'MQTT' 05 ee 000a 0a 11 00000001 21 0014 19 01 s'id' 12 18 00000001 26 s'k' s'v' 08 s'r' 01 01 s'w' s'x' s'u' s'p'"),
  frame(0x10, "s'MQTT' 05 02 000a 13 27 00000100 22 000a 17 00 15 s'm' 16 s'd' s''"),
  frame(0x82, "04d2 02 0b 7f s'a/+' 1e s'$share/g/#' 29"),
  frame(0x82, "0001 s'a' 01 s'b/#' 02"),
  frame(0xa2, "0001 07 26 s'k' s'v' s'a' s'b/#'"),
  frame(0x40, '0007'),
  frame(0x50, "0007 97 04 1f s'x'"),
  frame(0x62, '0007 92 00'),
  frame(0xe0, "04 09 11 00000009 1f s'b'"),
  frame(0xf0, "18 08 15 s'm' 16 s'd'"),
  frame(0xc0, ''),
  frame(0x32, "s'top' 04d2 11 01 01 02 0000003c 23 0003 26 s'k' s'v' 'payload'"),
  frame(0x31, "s'' 03 23 0001 'x'"),
];

/** Bytes that mean something somewhere: lengths, identifiers of properties, edges of UTF-8, wildcards. */
const TELLING = bytesOf("00 01 02 03 04 05 08 09 0b 10 11 15 16 17 18 19 1f 21 22 23 26 27 2f 30 7f 80 8e c0 c2 ed ef f0 ff '+#/$'");

function mutated(random: Random): Uint8Array {
  const bytes = Array.from(CORPUS[random.below(CORPUS.length)]);
  for (let changes = random.below(5); changes > 0; changes -= 1) {
    if (bytes.length === 0) bytes.push(0);
    const at = random.below(bytes.length);
    const value = random.below(2) === 0 ? TELLING[random.below(TELLING.length)] : random.below(256);
    const kind = random.below(6);
    if (kind < 3) bytes[at] = value;
    else if (kind === 3) bytes.splice(at, 0, value);
    else if (kind === 4 && bytes.length > 1) bytes.splice(at, 1 + random.below(3));
    else bytes.splice(at, 0, ...bytes.slice(at, at + random.below(8)));
  }
  if (bytes.length === 0) bytes.push(0);
  // Most frames get a length that is right, so that the faults behind it are found.
  if (random.below(4) > 0 && bytes.length > 2 && bytes.length < 128) bytes[1] = bytes.length - 2;
  return Uint8Array.from(bytes);
}

function noise(random: Random): Uint8Array {
  const bytes = Uint8Array.from({ length: 1 + random.below(40) }, () => random.below(256));
  if (bytes.length > 1 && random.below(2) === 0) bytes[1] = bytes.length - 2;
  return bytes;
}

function decodeOrNull(bytes: Uint8Array, version: ProtocolVersion): ClientPacket | null {
  try {
    return decodePacket(bytes, 0, bytes.length, version);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    assert.ok(error.reasonCode >= 0x80 && error.reasonCode <= 0xa2, 'the reason is an error');
    return null;
  }
}

/** What mqtt-packet can say of a decoded packet; null where it refuses to generate what MQTT allows. */
function packetFor(packet: ClientPacket): Packet | null {
  switch (packet.type) {
    case 'connect':
      return connectFor(packet);
    case 'subscribe': {
      const properties = packet.identifier === 0 ? {} : { subscriptionIdentifier: packet.identifier };
      const subscriptions = packet.subscriptions.map((it) => ({
        topic: it.filter,
        qos: it.qos,
        nl: it.noLocal,
        rap: it.retainAsPublished,
        rh: it.retainHandling,
      }));
      return { cmd: 'subscribe', messageId: packet.packetId, properties, subscriptions };
    }
    case 'unsubscribe':
      return { cmd: 'unsubscribe', messageId: packet.packetId, unsubscriptions: [...packet.filters] };
    case 'disconnect': {
      const expiry = packet.sessionExpirySeconds < 0 ? {} : { sessionExpiryInterval: packet.sessionExpirySeconds };
      const reason = packet.reasonString === null ? {} : { reasonString: packet.reasonString };
      return { cmd: 'disconnect', reasonCode: packet.reasonCode, properties: { ...expiry, ...reason } };
    }
    case 'auth': {
      const data = packet.authenticationData === null ? {} : { authenticationData: Buffer.from(packet.authenticationData) };
      return { cmd: 'auth', reasonCode: packet.reasonCode, properties: { authenticationMethod: packet.authenticationMethod, ...data } };
    }
    case 'pingreq':
      return { cmd: 'pingreq' };
    default:
      return { cmd: packet.type, messageId: packet.packetId, reasonCode: packet.reasonCode };
  }
}

function connectFor(packet: ConnectPacket): Packet | null {
  if (packet.password !== null && packet.username === null) return null;
  if (packet.clientId === '' && !packet.cleanStart) return null;
  const { will, authenticationMethod: method, authenticationData: data } = packet;
  const generated: IConnectPacket = {
    cmd: 'connect',
    protocolId: packet.protocolName,
    protocolVersion: packet.version,
    clean: packet.cleanStart,
    keepalive: packet.keepAliveSeconds,
    clientId: packet.clientId,
    properties: {
      sessionExpiryInterval: packet.sessionExpirySeconds,
      receiveMaximum: packet.receiveMaximum,
      topicAliasMaximum: packet.topicAliasMaximum,
      requestResponseInformation: packet.requestResponseInformation,
      requestProblemInformation: packet.requestProblemInformation,
      ...(packet.packetBytesMax === 0 ? {} : { maximumPacketSize: packet.packetBytesMax }),
      ...(method === null ? {} : { authenticationMethod: method }),
      ...(data === null ? {} : { authenticationData: Buffer.from(data) }),
    },
  };
  if (packet.username !== null) generated.username = packet.username;
  if (packet.password !== null) generated.password = Buffer.from(packet.password);
  if (will === null) return generated;
  const expiry = will.expirySeconds < 0 ? {} : { messageExpiryInterval: will.expirySeconds };
  const properties = { willDelayInterval: will.delaySeconds, ...expiry };
  generated.will = { topic: will.topic, payload: Buffer.from(will.payload), qos: will.qos, retain: will.retain, properties };
  return generated;
}

/** The will's other properties are bytes and do not come back from mqtt-packet; they must at least be good for a PUBLISH. */
function withoutWillProperties(packet: ClientPacket): ClientPacket {
  if (packet.type !== 'connect' || packet.will === null) return packet;
  const list = packet.will.properties;
  const writer = new WireWriter(new Uint8Array(varintLength(list.length) + list.length));
  writer.writeVarint(list.length);
  writer.writeBytes(list, 0, list.length);
  for (const place of [PROPERTIES_OF_WILL, PACKET.publish])
    new PropertyScan().read(new WireReader(writer.bytes, 0, writer.position), place);
  return { ...packet, will: { ...packet.will, properties: new Uint8Array(0) } };
}

function checkRoundTrip(packet: ClientPacket, version: ProtocolVersion): void {
  const generated = packetFor(packet);
  const spoken = packet.type === 'connect' ? packet.version : version;
  const plain = withoutWillProperties(packet);
  if (generated === null) return;
  if (packet.type === 'disconnect' && spoken !== 5) return;
  const bytes = generate(generated, { protocolVersion: spoken });
  assert.deepEqual(withoutWillProperties(decodePacket(bytes, 0, bytes.length, spoken)), plain);
}

function checkPublish(bytes: Uint8Array, version: ProtocolVersion, view: PublishView, again: PublishView): boolean {
  try {
    decodePublishProperties(bytes, 0, bytes.length, version, view);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    return false;
  }
  assert.equal(view.payloadOffset + view.payloadLength, bytes.length);
  if (version !== 5) return true;
  const topic = bytesOf("'a/topic'");
  const writer = new WireWriter(new Uint8Array(rewrittenLength(view, topic.length)));
  rewritePublish(writer, bytes, view, topic);
  decodePublishProperties(writer.bytes, 0, writer.bytes.length, 5, again);
  assert.deepEqual(
    [again.topicAlias, again.packetId, again.expirySeconds, again.payloadLength],
    [0, view.packetId, view.expirySeconds, view.payloadLength],
  );
  return true;
}

test(`fuzz: only ProtocolViolation is thrown, and what is accepted survives a round trip (seed ${SEED})`, (context) => {
  const random = new SeededRandom(SEED);
  const view = new PublishView();
  const again = new PublishView();
  const deadline = performance.now() + SECONDS * 1000;
  let accepted = 0;
  let rounds = 0;
  while (INPUTS > 0 ? rounds < INPUTS : performance.now() < deadline) {
    for (let i = 0; i < 100; i += 1, rounds += 1) {
      const bytes = random.below(8) === 0 ? noise(random) : mutated(random);
      const version = ([3, 4, 5, 5, 5] as const)[random.below(5)];
      try {
        connackVersionOf(bytes, 0, bytes.length);
        if (bytes[0] >> 4 === PACKET.publish && checkPublish(bytes, version, view, again)) accepted += 1;
        const packet = decodeOrNull(bytes, version);
        if (packet === null) continue;
        accepted += 1;
        checkRoundTrip(packet, version);
      } catch (error) {
        throw new Error(`seed ${SEED}, round ${rounds}, version ${version}: ${hexOf(bytes)}`, { cause: error });
      }
    }
  }
  context.diagnostic(`${rounds} inputs, ${accepted} accepted`);
  assert.ok(accepted > rounds / 50, 'enough mutations are still good packets');
});
