import { assert } from '../../base/assert.js';
import { varintLength } from '../../wire/varint.js';
import { WireWriter } from '../../wire/writer.js';
import { FIELD_BYTES_MAX, PACKET, PUBLISH_DUPLICATE, PUBLISH_QOS_SHIFT, PUBLISH_RETAIN } from './constants.js';
import type { PublishView } from './decode-publish.js';

/*
  PUBLISH frames made one by one: wills, retained messages, messages of other protocols, and those that came with a topic alias.

    first byte | remaining length:varint | topic:string | [packet_id:u16] | MQTT 5: length:varint properties | payload

  They are ours and not mqtt-packet's because properties pass through as bytes: through it, user properties would lose their order
  (MQTT-3.3.2-18).
*/

const ALIAS_BYTES = 3; // Identifier and value of a topic alias.

export interface PublishFields {
  readonly version: 4 | 5;
  /** UTF-8, a topic name; empty where an alias in the properties stands for it. */
  readonly topic: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly isRetained: boolean;
  readonly isDuplicate: boolean;
  /** Not looked at for QoS 0. 0 where the frame is kept and gets its identifier when it is sent. */
  readonly packetId: number;
  /** Encoded properties without their length; not looked at for version 4. */
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
}

/** The frame, in memory of its own. */
export function buildPublish(fields: PublishFields): Uint8Array {
  const { version, topic, qos, properties, payload } = fields;
  assert(topic.length <= FIELD_BYTES_MAX, 'a topic fits its length field');
  const idLength = qos === 0 ? 0 : 2;
  const propertiesLength = version === 5 ? varintLength(properties.length) + properties.length : 0;
  const remaining = 2 + topic.length + idLength + propertiesLength + payload.length;
  const writer = new WireWriter(new Uint8Array(1 + varintLength(remaining) + remaining));
  writeHead(writer, firstByteOf(qos, fields.isRetained, fields.isDuplicate), remaining, topic, qos === 0 ? -1 : fields.packetId);
  if (version === 5) {
    writer.writeVarint(properties.length);
    writer.writeBytes(properties, 0, properties.length);
  }
  writer.writeBytes(payload, 0, payload.length);
  assert(writer.position === writer.bytes.length, 'the frame is as long as computed');
  return writer.bytes;
}

/** Length of what `rewritePublish` writes. */
export function rewrittenLength(view: PublishView, topicLength: number): number {
  const remaining = rewrittenRemaining(view, topicLength);
  return 1 + varintLength(remaining) + remaining;
}

/**
 * The MQTT 5 PUBLISH that `view` describes, in its plain form: with `topic` in place of its own or of its alias, and without the alias.
 * Everything else stays, byte for byte. Allocates nothing.
 * @param source the bytes that `view` was read from.
 */
export function rewritePublish(writer: WireWriter, source: Uint8Array, view: PublishView, topic: Uint8Array): void {
  const start = writer.position;
  const qos = view.qos;
  const firstByte = firstByteOf(qos, view.isRetained, view.isDuplicate);
  writeHead(writer, firstByte, rewrittenRemaining(view, topic.length), topic, qos === 0 ? -1 : view.packetId);
  const first = view.propertiesOffset;
  const length = view.propertiesLength;
  if (view.aliasOffset < 0) {
    writer.writeVarint(length);
    writer.writeBytes(source, first, length);
  } else {
    const before = view.aliasOffset - first;
    writer.writeVarint(length - ALIAS_BYTES);
    writer.writeBytes(source, first, before);
    writer.writeBytes(source, view.aliasOffset + ALIAS_BYTES, length - before - ALIAS_BYTES);
  }
  writer.writeBytes(source, view.payloadOffset, view.payloadLength);
  assert(writer.position - start === rewrittenLength(view, topic.length), 'the frame is as long as computed');
}

function rewrittenRemaining(view: PublishView, topicLength: number): number {
  const properties = view.propertiesLength - (view.aliasOffset < 0 ? 0 : ALIAS_BYTES);
  return 2 + topicLength + (view.qos === 0 ? 0 : 2) + varintLength(properties) + properties + view.payloadLength;
}

/** @param packetId -1: none. */
function writeHead(writer: WireWriter, firstByte: number, remaining: number, topic: Uint8Array, packetId: number): void {
  writer.writeU8(firstByte);
  writer.writeVarint(remaining);
  writer.writeU16(topic.length);
  writer.writeBytes(topic, 0, topic.length);
  if (packetId >= 0) writer.writeU16(packetId);
}

function firstByteOf(qos: 0 | 1 | 2, isRetained: boolean, isDuplicate: boolean): number {
  return (PACKET.publish << 4) | (isDuplicate ? PUBLISH_DUPLICATE : 0) | (qos << PUBLISH_QOS_SHIFT) | (isRetained ? PUBLISH_RETAIN : 0);
}
