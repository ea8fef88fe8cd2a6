import { FAULT } from '../ports.js';

/** The remaining length continues past the bytes that are there. */
export const LENGTH_INCOMPLETE = -1;
/** More than four bytes, or not the shortest form. */
export const LENGTH_BAD = -2;

/** Where the fields of one PUBLISH frame are. Filled by `parsePublish`, reused for every frame. */
export class PublishFields {
  topicAt = 0;
  topicLength = 0;
  /** Position of the packet id; -1 with QoS 0. */
  packetIdAt = -1;
  propertiesAt = 0;
  propertiesLength = 0;
  payloadAt = 0;
  payloadEnd = 0;
}

/**
 * A variable byte integer (MQTT 5.0 §1.5.5) with the number of its bytes in the low three bits: value << 3 | bytes.
 * A value has 28 bits, so this is a small integer of 31 bits.
 * @returns LENGTH_INCOMPLETE or LENGTH_BAD if there is none.
 */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4; i += 1) {
    if (at + i >= end) return LENGTH_INCOMPLETE;
    const digit = bytes[at + i];
    value |= (digit & 0x7f) << (7 * i);
    if (digit < 0x80) return digit === 0 && i > 0 ? LENGTH_BAD : value * 8 + i + 1;
  }
  return LENGTH_BAD;
}

export function varintValue(packed: number): number {
  return packed >>> 3;
}

export function varintBytes(packed: number): number {
  return packed & 7;
}

export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest >= 0x80) {
    target[position] = (rest & 0x7f) | 0x80;
    position += 1;
    rest >>>= 7;
  }
  target[position] = rest;
  return position + 1;
}

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function writeU16(target: Uint8Array, at: number, value: number): void {
  target[at] = value >> 8;
  target[at + 1] = value & 0xff;
}

/** Packet ids go from 1 to 65535 and around. */
export function nextPacketId(packetId: number): number {
  return packetId === 65535 ? 1 : packetId + 1;
}

/*
  PUBLISH => first:u8 remaining:varint topic:string [packet_id:u16] [properties] payload       MQTT 5.0 §3.3

  `body` is where the fixed header ends. Checks everything but the topic's characters and the properties inside their length.
*/
export function parsePublish(bytes: Uint8Array, first: number, body: number, end: number, version: number, fields: PublishFields): number {
  const qos = (first >> 1) & 3;
  if (qos === 3 || (qos === 0 && (first & 0x08) !== 0)) return FAULT.badPublish;
  if (end - body < 2) return FAULT.badPublish;
  const topicLength = readU16(bytes, body);
  let at = body + 2 + topicLength;
  if (at > end) return FAULT.badPublish;
  fields.topicAt = body + 2;
  fields.topicLength = topicLength;
  fields.packetIdAt = -1;
  if (qos > 0) {
    if (end - at < 2 || readU16(bytes, at) === 0) return FAULT.badPublish;
    fields.packetIdAt = at;
    at += 2;
  }
  fields.propertiesLength = 0;
  if (version === 5) {
    const packed = readVarint(bytes, at, end);
    if (packed < 0) return FAULT.badPublish;
    at += varintBytes(packed);
    fields.propertiesLength = varintValue(packed);
  } else if (topicLength === 0) {
    return FAULT.badPublish; // Only MQTT 5 has topic aliases.
  }
  fields.propertiesAt = at;
  fields.payloadAt = at + fields.propertiesLength;
  fields.payloadEnd = end;
  return fields.payloadAt > end ? FAULT.badPublish : 0;
}
