import type { WireReader } from '../../wire/reader.js';
import { scanUtf8, TEXT_HAS_NUL, TEXT_MALFORMED } from '../../wire/utf8.js';
import { CONNECT_FLAG, FIRST_BYTE, PACKET, PROPERTY, type ProtocolVersion, REASON } from './constants.js';
import { malformed, ProtocolViolation, protocolError } from './errors.js';
import { PROPERTIES_OF_WILL, PropertyScan } from './properties.js';

/*
  The strict grammar of everything a client may send but PUBLISH. Each function walks the body of one packet from the reader's
  position to its end and throws ProtocolViolation (or the reader's WireViolation) at the first fault. What passes here, mqtt-packet
  may turn into values: it checks neither lengths of properties nor UTF-8, duplicates, ranges or what follows the last field.

  string => length:u16 utf8{length}     binary => length:u16 byte{length}     properties: see properties.ts
*/

/** Facts of a CONNECT that mqtt-packet does not tell. */
export interface ConnectOutline {
  readonly version: ProtocolVersion;
  /** Where the byte of connect flags is, and what it should be: MQTT 3.1 allows flags whose field is missing. */
  readonly flagsOffset: number;
  readonly flags: number;
  /** Properties of the will; null if there are none. */
  readonly will: PropertyScan | null;
}

/*
  CONNECT => protocol_name:string protocol_level:u8 connect_flags:u8 keep_alive:u16 [properties]
             client_id:string [[will_properties] will_topic:string will_payload:binary]
             [user_name:string] [password:binary]                          MQTT 5.0 §3.1, MQTT 3.1.1 §3.1

  connect_flags: user_name | password | will_retain | will_qos (2 bits) | will | clean_start | 0
*/
export function checkConnect(reader: WireReader): ConnectOutline {
  const version = readProtocol(reader);
  const flagsOffset = reader.position;
  const flags = reader.readU8();
  checkConnectFlags(flags, version);
  reader.skip(2); // Keep alive: any value is good.
  if (version === 5) checkConnectProperties(reader);

  skipClientId(reader, version);
  let will: PropertyScan | null = null;
  if ((flags & CONNECT_FLAG.will) !== 0) {
    if (version === 5) will = readProperties(reader, PROPERTIES_OF_WILL);
    skipName(reader); // Its wildcards are for the decoder, which has it as text.
    skipBinary(reader);
  }
  // MQTT 3.1 §3.1: a flag whose field is not there any more means that there is none.
  let flagsFound = flags;
  if (version === 3 && reader.remaining === 0) flagsFound &= ~(CONNECT_FLAG.userName | CONNECT_FLAG.password);
  if ((flagsFound & CONNECT_FLAG.userName) !== 0) skipName(reader);
  if (version === 3 && reader.remaining === 0) flagsFound &= ~CONNECT_FLAG.password;
  if ((flagsFound & CONNECT_FLAG.password) !== 0) skipBinary(reader);
  checkEnd(reader);
  return { version, flagsOffset, flags: flagsFound, will };
}

/** Name and level: 'MQIsdp' 3, 'MQTT' 4, 'MQTT' 5. Bit 7 of the level, by which some bridges tell themselves apart, is of no specification. */
function readProtocol(reader: WireReader): ProtocolVersion {
  const length = reader.readU16();
  const at = reader.skip(length);
  const isMqtt = startsWith(reader.bytes, at, length, 'MQTT');
  if (!isMqtt && !startsWith(reader.bytes, at, length, 'MQIsdp')) throw unsupported('the protocol name is not MQTT');
  const level = reader.readU8();
  if (isMqtt && (level === 4 || level === 5)) return level;
  if (!isMqtt && level === 3) return level;
  throw unsupported('the protocol level is not supported');
}

/**
 * How to answer a CONNECT that `decodePacket` refused: 3, 4 or 5 is the form of CONNACK that its sender understands; 0 is none, for
 * what is no CONNECT or does not even name the protocol (MQTT-3.1.2-1). Levels yet to come are taken for successors of MQTT 5.
 */
export function connackVersionOf(bytes: Uint8Array, offset: number, length: number): 0 | ProtocolVersion {
  const end = offset + length;
  if (length < 2 || bytes[offset] !== FIRST_BYTE.connect) return 0;
  let at = offset + 1;
  while (at < end && bytes[at] >= 0x80) at += 1;
  const name = at + 3; // Behind the last byte of the remaining length and the length of the name.
  if (name >= end) return 0;
  const nameLength = (bytes[name - 2] << 8) | bytes[name - 1];
  if (name + nameLength >= end) return 0;
  if (startsWith(bytes, name, nameLength, 'MQIsdp')) return 3;
  if (startsWith(bytes, name, nameLength, 'MQTT')) return bytes[name + nameLength] >= 5 ? 5 : 4;
  return 0;
}

function checkConnectFlags(flags: number, version: ProtocolVersion): void {
  if ((flags & CONNECT_FLAG.reserved) !== 0) throw malformed('the reserved connect flag is set'); // MQTT-3.1.2-3
  const willQos = (flags >> CONNECT_FLAG.willQosShift) & 3;
  if (willQos === 3) throw malformed('the will has QoS 3'); // MQTT-3.1.2-12
  const hasWill = (flags & CONNECT_FLAG.will) !== 0;
  if (!hasWill && (willQos !== 0 || (flags & CONNECT_FLAG.willRetain) !== 0)) {
    throw malformed('the will flag is 0, and its QoS or retain flag is not'); // MQTT-3.1.2-11, -13
  }
  const hasPasswordAlone = (flags & (CONNECT_FLAG.password | CONNECT_FLAG.userName)) === CONNECT_FLAG.password;
  if (hasPasswordAlone && version !== 5) throw malformed('there is a password without a user name'); // MQTT 3.1.1, MQTT-3.1.2-22
}

function checkConnectProperties(reader: WireReader): void {
  const properties = readProperties(reader, PACKET.connect);
  if (properties.has(PROPERTY.authenticationData) && !properties.has(PROPERTY.authenticationMethod)) {
    throw protocolError('there is authentication data without a method'); // §3.1.2.11.10
  }
}

/** MQTT 5 has a reason of its own for an identifier that will not do; to MQTT 3 it is a malformed packet like any other. */
function skipClientId(reader: WireReader, version: ProtocolVersion): void {
  const length = reader.readU16();
  const at = reader.skip(length);
  // MQTT 3.1 §3.1 wants 1 to 23 characters and answers 0x02; longer ones are common and do no harm.
  if (length === 0 && version === 3) throw new ProtocolViolation(REASON.clientIdentifierNotValid, 'the client identifier is empty');
  if (scanUtf8(reader.bytes, at, at + length) === 0) return;
  const reason = version === 5 ? REASON.clientIdentifierNotValid : REASON.malformedPacket;
  throw new ProtocolViolation(reason, 'the client identifier is not UTF-8 text without control characters');
}

/*
  SUBSCRIBE => packet_id:u16 [properties] {filter:string options:u8}+                    MQTT 5.0 §3.8

  options: 0 0 | retain_handling (2 bits) | retain_as_published | no_local | qos (2 bits); MQTT 3: QoS alone
*/
export function checkSubscribe(reader: WireReader, version: ProtocolVersion): void {
  checkPacketId(reader);
  if (version === 5) readProperties(reader, PACKET.subscribe);
  if (reader.remaining === 0) throw protocolError('there is no subscription'); // MQTT-3.8.3-2
  while (reader.remaining > 0) {
    skipName(reader);
    const options = reader.readU8();
    if ((options & (version === 5 ? 0xc0 : 0xfc)) !== 0) throw malformed('reserved subscription options are set'); // MQTT-3.8.3-5
    if ((options & 0x03) === 3) throw protocolError('a subscription asks for QoS 3');
    if ((options & 0x30) === 0x30) throw protocolError('retain handling is 3');
  }
}

/*
  UNSUBSCRIBE => packet_id:u16 [properties] {filter:string}+                             MQTT 5.0 §3.10
*/
export function checkUnsubscribe(reader: WireReader, version: ProtocolVersion): void {
  checkPacketId(reader);
  if (version === 5) readProperties(reader, PACKET.unsubscribe);
  if (reader.remaining === 0) throw protocolError('there is no filter to unsubscribe'); // MQTT-3.10.3-2
  while (reader.remaining > 0) skipName(reader);
}

/*
  AUTH => reason_code:u8 properties                                                      MQTT 5.0 §3.15

  The short form without reason code means success, which is not a client's to say; and no AUTH goes without a method.
*/
export function checkAuth(reader: WireReader, version: ProtocolVersion): void {
  if (version !== 5) throw malformed('AUTH is reserved before MQTT 5');
  if (reader.remaining === 0) throw protocolError('there is no authentication method');
  const reasonCode = reader.readU8();
  if (reasonCode !== REASON.continueAuthentication && reasonCode !== REASON.reauthenticate) {
    throw protocolError('AUTH has a reason code that a client may not send'); // MQTT-3.15.2-1
  }
  if (reader.remaining === 0) throw protocolError('there is no authentication method');
  const properties = readProperties(reader, PACKET.auth);
  if (!properties.has(PROPERTY.authenticationMethod)) throw protocolError('there is no authentication method'); // §3.15.2.2.2
  checkEnd(reader);
}

/** Reads a packet identifier and returns it: never 0 (§2.2.1). */
export function checkPacketId(reader: WireReader): number {
  const packetId = reader.readU16();
  if (packetId === 0) throw protocolError('the packet identifier is 0');
  return packetId;
}

export function readProperties(reader: WireReader, place: number): PropertyScan {
  const properties = new PropertyScan();
  properties.read(reader, place);
  return properties;
}

export function checkEnd(reader: WireReader): void {
  if (reader.remaining !== 0) throw malformed('bytes follow the last field');
}

/** A topic, filter or user name: UTF-8 without U+0000 and other control characters. */
function skipName(reader: WireReader): void {
  const length = reader.readU16();
  const at = reader.skip(length);
  const found = scanUtf8(reader.bytes, at, at + length);
  if (found === TEXT_MALFORMED || (found & TEXT_HAS_NUL) !== 0) throw malformed('a name is not UTF-8 text'); // MQTT-1.5.4-1, -2
  if (found !== 0) throw malformed('a name has a control character'); // §1.5.4 leaves it to us.
}

function skipBinary(reader: WireReader): void {
  reader.skip(reader.readU16());
}

function startsWith(bytes: Uint8Array, at: number, length: number, text: string): boolean {
  if (length !== text.length) return false;
  for (let i = 0; i < length; i += 1) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

function unsupported(message: string): ProtocolViolation {
  return new ProtocolViolation(REASON.unsupportedProtocolVersion, message);
}
