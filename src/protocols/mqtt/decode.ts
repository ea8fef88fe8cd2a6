import { type IConnectPacket, type ISubscribePacket, type Packet, parser } from 'mqtt-packet';
import { assert } from '../../base/assert.js';
import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { FIRST_BYTE, PACKET, PROPERTY, type ProtocolVersion, REASON, RECEIVE_MAXIMUM_DEFAULT } from './constants.js';
import { malformed, protocolError } from './errors.js';
import {
  type ConnectOutline,
  checkAuth,
  checkConnect,
  checkEnd,
  checkPacketId,
  checkSubscribe,
  checkUnsubscribe,
  readProperties,
} from './grammar.js';
import type {
  AckPacket,
  AuthPacket,
  ClientPacket,
  ConnectPacket,
  DisconnectPacket,
  SubscribePacket,
  SubscriptionFields,
  UnsubscribePacket,
  WillFields,
} from './packets.js';
import type { PropertyScan } from './properties.js';
import { checkFilter, fullFilter, isTopicName } from './topic-syntax.js';

/*
  From one complete frame to a packet, in two steps: our grammar checks every byte (grammar.ts, properties.ts), then mqtt-packet makes
  the values. What mqtt-packet would lose or let through, it never gets to see:

    user properties lose their order          those of a will pass through as bytes; nobody reads the others
    a repeated property hides its first value  refused as a repetition
    0 and 1 become booleans, 2 becomes true   refused as out of range
    properties may run into the payload       refused, and so are bytes behind the last field
    bad UTF-8 becomes U+FFFD                  refused
    level | 0x80 is a bridge                  refused as an unsupported version
    binary fields are views of its input      copied

  Acknowledgements and DISCONNECT are read here without it: they are a number or two, and it refuses DISCONNECT codes that only a
  server may send, though a client that leaves has left.
*/

const NO_LEVEL_LIMIT = Number.MAX_SAFE_INTEGER; // How deep a filter may be, the session decides by its settings.

/**
 * Decodes the frame at `offset`, which is `length` bytes long.
 * @param version of the connection; a CONNECT says its own.
 * @throws ProtocolViolation and nothing else, whatever the bytes are.
 */
export function decodePacket(bytes: Uint8Array, offset: number, length: number, version: ProtocolVersion): ClientPacket {
  const reader = new WireReader(bytes, offset, offset + length);
  try {
    return decodeFrame(reader, offset, version);
  } catch (error) {
    if (error instanceof WireViolation) throw malformed(error.message, { cause: error });
    throw error;
  }
}

function decodeFrame(reader: WireReader, offset: number, version: ProtocolVersion): ClientPacket {
  const firstByte = reader.readU8();
  const remaining = reader.readVarint();
  if (remaining !== reader.remaining) throw malformed('the remaining length is not that of the frame');
  const type = firstByte >> 4;
  checkFlags(type, firstByte & 0x0f, version);
  switch (type) {
    case PACKET.connect:
      return decodeConnect(reader, offset);
    case PACKET.puback:
      return decodeAck(reader, version, 'puback');
    case PACKET.pubrec:
      return decodeAck(reader, version, 'pubrec');
    case PACKET.pubrel:
      return decodeAck(reader, version, 'pubrel');
    case PACKET.pubcomp:
      return decodeAck(reader, version, 'pubcomp');
    case PACKET.subscribe:
      return decodeSubscribe(reader, offset, version);
    case PACKET.unsubscribe:
      return decodeUnsubscribe(reader, offset, version);
    case PACKET.pingreq:
      checkEnd(reader);
      return { type: 'pingreq' };
    case PACKET.disconnect:
      return decodeDisconnect(reader, version);
    case PACKET.auth:
      return decodeAuth(reader, offset, version);
    case PACKET.reserved:
      throw malformed('the packet type is reserved');
    case PACKET.publish:
      throw protocolError('PUBLISH has no place here');
    default:
      throw protocolError('only a server may send this packet');
  }
}

/** The low half of the first byte (§2.1.3). MQTT 3.1 §2.1 also let a repeated PUBREL, SUBSCRIBE or UNSUBSCRIBE say DUP. */
function checkFlags(type: number, flags: number, version: ProtocolVersion): void {
  if (type === PACKET.publish) return;
  const hasQos1 = type === PACKET.pubrel || type === PACKET.subscribe || type === PACKET.unsubscribe;
  const flagsWanted = hasQos1 ? 0x02 : 0x00;
  if (flags === flagsWanted || (version === 3 && hasQos1 && flags === 0x0a)) return;
  throw malformed('reserved flags of the first byte are not as they must be');
}

function decodeConnect(reader: WireReader, offset: number): ConnectPacket {
  const outline = checkConnect(reader);
  const frame = copyFrame(reader, offset);
  frame[outline.flagsOffset - offset] = outline.flags;
  const packet = parseFrame(frame, outline.version);
  if (packet.cmd !== 'connect') throw malformed('mqtt-packet reads another packet');
  const properties = packet.properties;
  return {
    type: 'connect',
    protocolName: outline.version === 3 ? 'MQIsdp' : 'MQTT',
    version: outline.version,
    cleanStart: packet.clean === true,
    keepAliveSeconds: packet.keepalive ?? 0,
    clientId: packet.clientId,
    username: packet.username ?? null,
    password: copyOrNull(packet.password),
    will: packet.will === undefined ? null : willOf(packet.will, outline, reader.bytes),
    sessionExpirySeconds: properties?.sessionExpiryInterval ?? 0,
    receiveMaximum: properties?.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT,
    packetBytesMax: properties?.maximumPacketSize ?? 0,
    topicAliasMaximum: properties?.topicAliasMaximum ?? 0,
    requestResponseInformation: properties?.requestResponseInformation ?? false,
    requestProblemInformation: properties?.requestProblemInformation ?? true,
    tenant: firstOf(properties?.userProperties?.['tenant']),
    authenticationMethod: properties?.authenticationMethod ?? null,
    authenticationData: copyOrNull(properties?.authenticationData),
  };
}

/** Of a user property: it may be there several times. */
function firstOf(value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : (value[0] ?? null);
}

function willOf(will: NonNullable<IConnectPacket['will']>, outline: ConnectOutline, bytes: Uint8Array): WillFields {
  if (!isTopicName(will.topic)) throw malformed('the topic of the will is not a topic name');
  assert(typeof will.payload !== 'string', 'mqtt-packet reads payloads as bytes');
  return {
    topic: will.topic,
    payload: new Uint8Array(will.payload),
    qos: will.qos ?? 0,
    retain: will.retain === true,
    delaySeconds: will.properties?.willDelayInterval ?? 0,
    expirySeconds: will.properties?.messageExpiryInterval ?? -1,
    properties: outline.will === null ? new Uint8Array(0) : propertiesForPublish(bytes, outline.will),
  };
}

/** The will's properties as they go into its PUBLISH: all but the delay, which is five bytes (§3.1.3.2.2). */
function propertiesForPublish(bytes: Uint8Array, will: PropertyScan): Uint8Array {
  const end = will.offset + will.length;
  if (!will.has(PROPERTY.willDelayInterval)) return bytes.slice(will.offset, end);
  const delay = will.offsetOf(PROPERTY.willDelayInterval) - 1;
  const kept = new Uint8Array(will.length - 5);
  kept.set(bytes.subarray(will.offset, delay));
  kept.set(bytes.subarray(delay + 5, end), delay - will.offset);
  return kept;
}

function decodeSubscribe(reader: WireReader, offset: number, version: ProtocolVersion): SubscribePacket {
  checkSubscribe(reader, version);
  const packet = parseFrame(copyFrame(reader, offset), version);
  if (packet.cmd !== 'subscribe') throw malformed('mqtt-packet reads another packet');
  return {
    type: 'subscribe',
    packetId: packet.messageId ?? 0,
    identifier: packet.properties?.subscriptionIdentifier ?? 0,
    subscriptions: packet.subscriptions.map(subscriptionOf),
  };
}

function subscriptionOf(fields: ISubscribePacket['subscriptions'][number]): SubscriptionFields {
  const check = checkFilter(fields.topic, NO_LEVEL_LIMIT);
  if (check === 'malformed') throw malformed('a topic filter is malformed');
  if (check === 'shared' && fields.nl === true) throw protocolError('a shared subscription has no local'); // MQTT-3.8.3-4
  return {
    filter: fullFilter(fields.topic),
    qos: fields.qos,
    noLocal: fields.nl === true,
    retainAsPublished: fields.rap === true,
    retainHandling: retainHandlingOf(fields.rh),
  };
}

function retainHandlingOf(value: number | undefined): 0 | 1 | 2 {
  return value === 1 || value === 2 ? value : 0;
}

function decodeUnsubscribe(reader: WireReader, offset: number, version: ProtocolVersion): UnsubscribePacket {
  checkUnsubscribe(reader, version);
  const packet = parseFrame(copyFrame(reader, offset), version);
  if (packet.cmd !== 'unsubscribe') throw malformed('mqtt-packet reads another packet');
  for (const filter of packet.unsubscriptions) {
    if (checkFilter(filter, NO_LEVEL_LIMIT) === 'malformed') throw malformed('a topic filter is malformed');
  }
  return { type: 'unsubscribe', packetId: packet.messageId ?? 0, filters: packet.unsubscriptions.map(fullFilter) };
}

function decodeAuth(reader: WireReader, offset: number, version: ProtocolVersion): AuthPacket {
  checkAuth(reader, version);
  const packet = parseFrame(copyFrame(reader, offset), version);
  if (packet.cmd !== 'auth') throw malformed('mqtt-packet reads another packet');
  return {
    type: 'auth',
    reasonCode: packet.reasonCode,
    authenticationMethod: packet.properties?.authenticationMethod ?? '',
    authenticationData: copyOrNull(packet.properties?.authenticationData),
  };
}

/*
  PUBACK, PUBREC, PUBREL, PUBCOMP => packet_id:u16 [reason_code:u8 [properties]]          MQTT 5.0 §3.4 to §3.7; MQTT 3: the id alone
*/
function decodeAck(reader: WireReader, version: ProtocolVersion, type: AckPacket['type']): AckPacket {
  const packetId = checkPacketId(reader);
  let reasonCode: number = REASON.success;
  if (version === 5 && reader.remaining > 0) {
    reasonCode = reader.readU8();
    const isKnown = type === 'puback' || type === 'pubrec' ? RECEIPT_CODES.has(reasonCode) : RELEASE_CODES.has(reasonCode);
    if (!isKnown) throw protocolError('an acknowledgement has a reason code that is not its own'); // MQTT-3.4.2-1
    if (reader.remaining > 0) readProperties(reader, PACKET[type]);
  }
  checkEnd(reader);
  return { type, packetId, reasonCode };
}

const RECEIPT_CODES: ReadonlySet<number> = new Set<number>([
  REASON.success,
  REASON.noMatchingSubscribers,
  REASON.unspecifiedError,
  REASON.implementationSpecificError,
  REASON.notAuthorized,
  REASON.topicNameInvalid,
  REASON.packetIdentifierInUse,
  REASON.quotaExceeded,
  REASON.payloadFormatInvalid,
]);
const RELEASE_CODES: ReadonlySet<number> = new Set<number>([REASON.success, REASON.packetIdentifierNotFound]);

/*
  DISCONNECT => [reason_code:u8 [properties]]                                             MQTT 5.0 §3.14; MQTT 3: nothing
*/
function decodeDisconnect(reader: WireReader, version: ProtocolVersion): DisconnectPacket {
  let reasonCode: number = REASON.success;
  let sessionExpirySeconds = -1;
  let reasonString: string | null = null;
  if (version === 5 && reader.remaining > 0) {
    reasonCode = reader.readU8();
    if (reader.remaining > 0) {
      const properties = readProperties(reader, PACKET.disconnect);
      sessionExpirySeconds = properties.numberOf(PROPERTY.sessionExpiryInterval, -1);
      reasonString = textOf(reader.bytes, properties, PROPERTY.reasonString);
    }
  }
  checkEnd(reader);
  return { type: 'disconnect', reasonCode, sessionExpirySeconds, reasonString };
}

function textOf(bytes: Uint8Array, properties: PropertyScan, identifier: number): string | null {
  if (!properties.has(identifier)) return null;
  const at = bytes.byteOffset + properties.offsetOf(identifier);
  return Buffer.from(bytes.buffer, at, properties.lengthOf(identifier)).toString('utf8');
}

/** A copy that mqtt-packet may keep views of, its first byte without the DUP of MQTT 3.1, which mqtt-packet refuses. */
function copyFrame(reader: WireReader, offset: number): Buffer {
  const frame = Buffer.from(reader.bytes.subarray(offset, reader.end));
  const type = frame[0] >> 4;
  if (type === PACKET.subscribe || type === PACKET.unsubscribe) frame[0] = (type << 4) | (FIRST_BYTE.pubrel & 0x0f);
  return frame;
}

/**
 * One frame through mqtt-packet. A parser of its own for each: it remembers the last CONNECT, password included, and its version.
 * If it refuses what our grammar lets pass, the client is refused: of two opinions the stricter one counts.
 */
function parseFrame(frame: Buffer, version: ProtocolVersion): Packet {
  const packets: Packet[] = [];
  let isRefused = false;
  const frames = parser({ protocolVersion: version });
  frames.on('packet', (packet) => {
    packets.push(packet);
  });
  frames.on('error', () => {
    isRefused = true;
  });
  frames.parse(frame);
  if (packets.length !== 1 || isRefused) throw malformed('mqtt-packet refuses the packet');
  return packets[0];
}

/** A copy in memory of its own, where `Buffer` slices would keep a whole frame alive. */
function copyOrNull(bytes: Buffer | undefined): Uint8Array | null {
  return bytes === undefined ? null : new Uint8Array(bytes);
}
