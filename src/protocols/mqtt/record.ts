import { assert } from '../../base/assert.js';
import { DEFAULT_TENANT } from '../../base/tenant-names.js';
import type { LogTarget } from '../../broker/ports.js';
import { type OpenBatch, PARTITIONS_PER_STREAM_MAX, type PartitionKey, type RecordBatch } from '../../journal/ports.js';
import { WireWriter } from '../../wire/writer.js';
import { PACKET, PROPERTY, PUBLISH_QOS_SHIFT } from './constants.js';
import { decodePublishProperties, PublishView } from './decode-publish.js';
import { buildPublish } from './encode-publish.js';
import type { FrameSink } from './frame-sink.js';
import { fixedHeaderLength, frameLength } from './publish-frame.js';
import { HEADER, isReservedHeader, RecordHeaders, USER_PREFIX } from './record-headers.js';

/*
  PUBLISH frames become records of the log, and records become PUBLISH frames.

    key    the stream's key template, by default the topic        value   the payload; null only where a retained message is deleted
    headers   see record-headers.ts                               timestamp   when it came
*/

const headers = new RecordHeaders();
const view = new PublishView();

/** Appends the frames of a run without properties. No object is made per message. */
export function appendPlainRun(
  batch: OpenBatch,
  target: LogTarget,
  bytes: Uint8Array,
  offset: number,
  count: number,
  version: 4 | 5,
  nowMs: number,
  notFor: number,
): void {
  const first = bytes[offset];
  const qos = (first >> 1) & 3;
  const { key } = target;
  const { writer } = batch;
  const block = plainHeaders(qos, first & 1, target, bytes, offset, notFor);
  let position = offset;
  const behindTopic = (qos > 0 ? 2 : 0) + (version === 5 ? 1 : 0); // Packet id; a properties length of 0.
  for (let i = 0; i < count; i += 1) {
    const length = frameLength(bytes, position);
    const body = position + fixedHeaderLength(bytes, position);
    const payload = body + 2 + ((bytes[body] << 8) | bytes[body + 1]) + behindTopic;
    const end = position + length;
    assert(payload <= end, 'the transport checked the frame');
    if (block === null) writer.append(nowMs, key, 0, key.length, bytes, payload, end - payload, null, 0, 0);
    else writer.append(nowMs, key, 0, key.length, bytes, payload, end - payload, block.bytes, block.start, block.end - block.start);
    position = end;
  }
  batch.added(count);
}

/** Appends one frame of MQTT 5 with whatever properties it has. */
export function appendFrame(
  batch: OpenBatch,
  target: LogTarget,
  bytes: Uint8Array,
  offset: number,
  length: number,
  version: 4 | 5,
  nowMs: number,
  notFor = 0,
): void {
  decodePublishProperties(bytes, offset, length, version, view);
  headers.begin();
  addFlags(view.qos, view.isRetained ? 1 : 0, target, bytes, offset, notFor);
  headers.addProperties(view, bytes, nowMs);
  headers.finish();
  const { key } = target;
  batch.writer.append(
    nowMs,
    key,
    0,
    key.length,
    bytes,
    view.payloadOffset,
    view.payloadLength,
    headers.bytes,
    headers.start,
    headers.end - headers.start,
  );
  batch.added(1);
}

/** What a delayed message has beside its frame. */
export interface DelayedFacts {
  readonly nowMs: number;
  readonly dueMs: number;
  readonly publisher: string;
  readonly tenant: string;
}

/** A message that is published at `dueMs`: until then its record waits with the topic as its key, and its expiry counts from there on. */
export function appendDelayed(
  batch: OpenBatch,
  frame: Uint8Array,
  version: 4 | 5,
  { nowMs, dueMs, publisher, tenant }: DelayedFacts,
): void {
  decodePublishProperties(frame, 0, frame.length, version, view);
  headers.begin();
  if (view.qos !== 1) headers.addText(HEADER.qos, String(view.qos));
  if (view.isRetained) headers.addText(HEADER.retain, '1');
  headers.addText(HEADER.deliverAt, String(dueMs));
  headers.addText(HEADER.publisher, publisher);
  if (tenant !== DEFAULT_TENANT) headers.addText(HEADER.tenant, tenant);
  headers.addProperties(view, frame, dueMs);
  headers.finish();
  const { topicOffset, topicLength, payloadOffset, payloadLength } = view;
  const { bytes, start, end } = headers;
  batch.writer.append(nowMs, frame, topicOffset, topicLength, frame, payloadOffset, payloadLength, bytes, start, end - start);
  batch.added(1);
}

/** Appends that the key has no value any more: a retained message was deleted. */
export function appendTombstone(batch: OpenBatch, key: Uint8Array, nowMs: number): void {
  batch.writer.append(nowMs, key, 0, key.length, null, 0, 0, null, 0, 0);
  batch.added(1);
}

/** Null: QoS 1 and nothing else to say, as most are. */
function plainHeaders(
  qos: number,
  retain: number,
  target: LogTarget,
  bytes: Uint8Array,
  offset: number,
  notFor: number,
): RecordHeaders | null {
  if (qos === 1 && retain === 0 && target.keyIsTopic && notFor === 0) return null;
  headers.begin();
  addFlags(qos, retain, target, bytes, offset, notFor);
  headers.finish();
  return headers;
}

function addFlags(qos: number, retain: number, target: LogTarget, bytes: Uint8Array, offset: number, notFor: number): void {
  if (qos !== 1) headers.addText(HEADER.qos, String(qos));
  if (retain === 1) headers.addText(HEADER.retain, '1');
  if (notFor > 0) headers.addText(HEADER.notFor, String(notFor));
  if (target.keyIsTopic) return;
  const body = offset + fixedHeaderLength(bytes, offset);
  headers.add(HEADER.topic, bytes, body + 2, (bytes[body] << 8) | bytes[body + 1]);
}

/** A record of the log as MQTT sees it. */
export interface LoggedMessage {
  /** UTF-8. */
  readonly topic: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: 0 | 1;
  /** One PUBLISH of MQTT 5 with packet id 1, its expiry interval as it was left at `nowMs`. */
  readonly frame: Uint8Array;
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresAtMs: number;
  /** The durable session that published it and does not get it, by No Local; 0: none. */
  readonly notFor: number;
  readonly receivedAtMs: number;
  /** Of a delayed message: who sent it, and its tenant. */
  readonly publisher: string;
  readonly tenant: string;
}

/** User properties that say where a record is in the log, and since when: encoded. */
export function replayProperties(key: PartitionKey, batch: RecordBatch): Uint8Array {
  const stream = Math.floor(key / PARTITIONS_PER_STREAM_MAX);
  const pairs = [
    ['replay-time', new Date(batch.timestamp).toISOString()],
    ['replay-partition', `${stream}/${key % PARTITIONS_PER_STREAM_MAX}`],
    ['replay-offset', String(batch.offset)],
  ] as const;
  const writer = new WireWriter(new Uint8Array(pairs.reduce((sum, [name, value]) => sum + 5 + name.length + value.length, 0)));
  for (const [name, value] of pairs) {
    writer.writeU8(PROPERTY.userProperty);
    writer.writeU16(name.length);
    writer.writeBytes(Buffer.from(name), 0, name.length);
    writer.writeU16(value.length);
    writer.writeBytes(Buffer.from(value), 0, value.length);
  }
  return writer.bytes;
}

/** The record that a batch is positioned at; null if it is no message for MQTT clients (a tombstone, or no topic name can be made of it). */
export function messageOf(batch: RecordBatch, nowMs: number, more: Uint8Array = NOTHING): LoggedMessage | null {
  if (batch.valueLength < 0) return null;
  const bytes = batch.recordsBytes;
  const found = readHeaders(bytes, batch.headersOffset, batch.headersCount);
  const topic = found.topic ?? (batch.keyLength > 0 ? bytes.subarray(batch.keyOffset, batch.keyOffset + batch.keyLength) : null);
  if (topic === null) return null;
  const payload = bytes.subarray(batch.valueOffset, batch.valueOffset + batch.valueLength);
  const { qos, retain, expiresAtMs, notFor, publisher, tenant } = found;
  const own = found.propertiesLength === 0 ? NOTHING : found.encodeProperties(nowMs);
  const properties = more.length === 0 ? own : Buffer.concat([own, more]);
  const frame = buildPublish({
    version: 5,
    topic,
    qos,
    isRetained: retain === 1,
    isDuplicate: false,
    packetId: qos > 0 ? 1 : 0,
    properties,
    payload,
  });
  return { topic, qos, retain, frame, expiresAtMs, notFor, receivedAtMs: batch.timestamp, publisher, tenant };
}

/** Most are: QoS 1, the key is the topic, and there is nothing else to say. */
export function isPlainRecord(batch: RecordBatch): boolean {
  return batch.headersCount === 0 && batch.valueLength >= 0 && batch.keyLength > 0;
}

/** The frame that `messageOf` makes of a plain record, without making an object. @returns false if the key is no topic. */
export function addPlainRecord(frames: FrameSink, batch: RecordBatch): boolean {
  const { recordsBytes: bytes } = batch;
  return frames.addPlain(PLAIN_FIRST_BYTE, bytes, batch.keyOffset, batch.keyLength, bytes, batch.valueOffset, batch.valueLength);
}

const PLAIN_FIRST_BYTE: number = (PACKET.publish << 4) | (1 << PUBLISH_QOS_SHIFT);
const NOTHING: Uint8Array = new Uint8Array(0);

/** Headers of one record, read. */
class FoundHeaders {
  topic: Uint8Array | null = null;
  qos: 0 | 1 | 2 = 1;
  retain: 0 | 1 = 0;
  expiresAtMs = 0;
  notFor = 0;
  payloadFormat = -1;
  contentType: Uint8Array | null = null;
  responseTopic: Uint8Array | null = null;
  correlationData: Uint8Array | null = null;
  publisher = '';
  tenant = DEFAULT_TENANT;
  readonly user: (readonly [Uint8Array, Uint8Array])[] = [];

  get propertiesLength(): number {
    let length = this.payloadFormat >= 0 ? 2 : 0;
    if (this.expiresAtMs > 0) length += 5;
    for (const value of [this.contentType, this.responseTopic, this.correlationData]) if (value !== null) length += 3 + value.length;
    for (const [name, value] of this.user) length += 5 + name.length + value.length;
    return length;
  }

  encodeProperties(nowMs: number): Uint8Array {
    const writer = new WireWriter(new Uint8Array(this.propertiesLength));
    if (this.payloadFormat >= 0) {
      writer.writeU8(PROPERTY.payloadFormatIndicator);
      writer.writeU8(this.payloadFormat);
    }
    if (this.expiresAtMs > 0) {
      writer.writeU8(PROPERTY.messageExpiryInterval);
      writer.writeU32(Math.max(1, Math.ceil((this.expiresAtMs - nowMs) / 1000)));
    }
    writeValue(writer, PROPERTY.contentType, this.contentType);
    writeValue(writer, PROPERTY.responseTopic, this.responseTopic);
    writeValue(writer, PROPERTY.correlationData, this.correlationData);
    for (const [name, value] of this.user) {
      writer.writeU8(PROPERTY.userProperty);
      writer.writeU16(name.length);
      writer.writeBytes(name, 0, name.length);
      writer.writeU16(value.length);
      writer.writeBytes(value, 0, value.length);
    }
    return writer.bytes;
  }
}

function writeValue(writer: WireWriter, property: number, value: Uint8Array | null): void {
  if (value === null) return;
  writer.writeU8(property);
  writer.writeU16(value.length);
  writer.writeBytes(value, 0, value.length);
}

/** Values longer than a property can be, and names that are no text, are left out: they come from other protocols. */
function readHeaders(bytes: Uint8Array, offset: number, count: number): FoundHeaders {
  const found = new FoundHeaders();
  let at = offset;
  const readLength = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -1;
      scale *= 128;
    }
  };
  for (let i = 0; i < count; i += 1) {
    const nameLength = readLength();
    const name = bytes.subarray(at, at + nameLength);
    at += nameLength;
    const valueLength = readLength();
    if (valueLength < 0) continue;
    const value = bytes.subarray(at, at + valueLength);
    at += valueLength;
    if (nameLength <= 0xffff && valueLength <= 0xffff) takeHeader(found, name, value);
  }
  return found;
}

/** 0 where it is none above it. */
function decimalOf(value: Uint8Array): number {
  const number = Number(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

function takeHeader(found: FoundHeaders, nameBytes: Uint8Array, value: Uint8Array): void {
  const name = Buffer.from(nameBytes.buffer, nameBytes.byteOffset, nameBytes.length).toString();
  if (!isReservedHeader(name)) {
    found.user.push([nameBytes, value]);
    return;
  }
  const digit = value.length === 1 ? value[0] - 0x30 : -1;
  switch (name) {
    case HEADER.qos:
      if (digit === 0 || digit === 1 || digit === 2) found.qos = digit;
      break;
    case HEADER.retain:
      found.retain = digit === 1 ? 1 : 0;
      break;
    case HEADER.topic:
      found.topic = value;
      break;
    case HEADER.payloadFormat:
      if (digit === 0 || digit === 1) found.payloadFormat = digit;
      break;
    case HEADER.expiresAt:
      found.expiresAtMs = decimalOf(value);
      break;
    case HEADER.notFor:
      found.notFor = decimalOf(value);
      break;
    case HEADER.contentType:
      found.contentType = value;
      break;
    case HEADER.responseTopic:
      found.responseTopic = value;
      break;
    case HEADER.publisher:
      found.publisher = Buffer.from(value.buffer, value.byteOffset, value.length).toString();
      break;
    case HEADER.tenant:
      found.tenant = Buffer.from(value.buffer, value.byteOffset, value.length).toString();
      break;
    case HEADER.correlationData:
      found.correlationData = value;
      break;
    default:
      if (name.startsWith(USER_PREFIX)) found.user.push([nameBytes.subarray(USER_PREFIX.length), value]);
  }
}
