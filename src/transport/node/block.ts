import { assert } from '../../base/assert.js';
import type { BlockShape } from '../ports.js';
import {
  nextPacketId,
  PublishFields,
  parsePublish,
  readU16,
  readVarint,
  varintBytes,
  varintValue,
  writeU16,
  writeVarint,
} from './publish-frame.js';

const TOPIC_ALIAS = 0x23;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const NO_BYTES = new Uint8Array(0);

/** A run of PUBLISH frames encoded once for a class of receivers. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
  readonly count: number;
  /** Where packet ids go, relative to `start`; null with QoS 0. */
  readonly packetIdOffsets: Int32Array | null;
  /** Memory that nobody changes any more; null until somebody needs to keep it. */
  kept: Uint8Array | null;
}

/**
 * Encodes the run for receivers of `shape`. Where that gives the same bytes the block refers to the source.
 * @param identifiers encoded Subscription Identifier properties, for MQTT 5 receivers.
 * @param isVolatile the source may change before the block is sent.
 */
export function encodeBlock(
  source: Uint8Array,
  offset: number,
  length: number,
  count: number,
  sourceVersion: 4 | 5,
  shape: BlockShape,
  identifiers: Uint8Array | null,
  isVolatile: boolean,
): Block {
  assert(offset >= 0 && offset + length <= source.length, 'a run lies inside its space');
  assert(shape.qos > 0 || shape.duplicate === 0, 'DUP is for QoS 1 and 2');
  const encoder = new BlockEncoder(source, offset, length, count, sourceVersion, shape, identifiers ?? NO_BYTES);
  const size = encoder.measure();
  if (!encoder.isSame || isVolatile) {
    const bytes = Buffer.allocUnsafeSlow(size);
    if (encoder.isSame) bytes.set(source.subarray(offset, offset + length));
    else encoder.encode(bytes);
    return { bytes, start: 0, length: size, count, packetIdOffsets: encoder.packetIdOffsets, kept: bytes };
  }
  return { bytes: source, start: offset, length, count, packetIdOffsets: encoder.packetIdOffsets, kept: null };
}

/** Copies the block; frames of QoS 1 and 2 get consecutive packet ids. */
export function copyBlock(block: Block, firstPacketId: number, target: Uint8Array, at: number): void {
  target.set(block.bytes.subarray(block.start, block.start + block.length), at);
  const offsets = block.packetIdOffsets;
  if (offsets === null) return;
  let packetId = firstPacketId;
  for (let i = 0; i < offsets.length; i += 1) {
    writeU16(target, at + offsets[i], packetId);
    packetId = nextPacketId(packetId);
  }
}

/** The block's bytes as memory that a socket may keep, the same for all its receivers. */
export function keptBytes(block: Block): Uint8Array {
  block.kept ??= Uint8Array.prototype.slice.call(block.bytes, block.start, block.start + block.length);
  return block.kept;
}

/** Writes one acknowledgement for each of `count` PUBLISH frames: 4 bytes, or 5 with a reason code. */
export function encodeAckRun(
  source: Uint8Array,
  offset: number,
  count: number,
  first: number,
  reasonCode: number,
  target: Uint8Array,
  at: number,
): void {
  let frame = offset;
  let position = at;
  for (let i = 0; i < count; i += 1) {
    const packed = readVarint(source, frame + 1, source.length);
    assert(packed >= 0 && (source[frame] & 0x06) !== 0, 'a run to acknowledge is PUBLISH frames of QoS 1 or 2');
    const body = frame + 1 + varintBytes(packed);
    target[position] = first;
    target[position + 1] = reasonCode === 0 ? 2 : 3;
    writeU16(target, position + 2, readU16(source, body + 2 + readU16(source, body)));
    if (reasonCode !== 0) target[position + 4] = reasonCode;
    position += reasonCode === 0 ? 4 : 5;
    frame = body + varintValue(packed);
  }
}

/** Two passes over the run: sizes first, so that the bytes are allocated once. */
class BlockEncoder {
  /** Whether the encoding asked for is the source's own, but for packet ids. */
  isSame: boolean;
  readonly packetIdOffsets: Int32Array | null;
  readonly #source: Uint8Array;
  readonly #from: number;
  readonly #end: number;
  readonly #count: number;
  readonly #sourceVersion: 4 | 5;
  readonly #shape: BlockShape;
  readonly #identifiers: Uint8Array;
  readonly #first: number;
  readonly #fields: PublishFields = new PublishFields();

  constructor(
    source: Uint8Array,
    offset: number,
    length: number,
    count: number,
    sourceVersion: 4 | 5,
    shape: BlockShape,
    identifiers: Uint8Array,
  ) {
    this.#source = source;
    this.#from = offset;
    this.#end = offset + length;
    this.#count = count;
    this.#sourceVersion = sourceVersion;
    this.#shape = shape;
    this.#identifiers = shape.version === 5 ? identifiers : NO_BYTES;
    this.#first = 0x30 | (shape.duplicate << 3) | (shape.qos << 1) | shape.retain;
    this.isSame = sourceVersion === shape.version && this.#identifiers.length === 0;
    this.packetIdOffsets = shape.qos > 0 ? new Int32Array(count) : null;
  }

  /** @returns bytes of the block. */
  measure(): number {
    let total = 0;
    let at = this.#from;
    for (let i = 0; i < this.#count; i += 1) {
      const next = this.#parse(at);
      if (this.#source[at] !== this.#first || this.#keptLength() !== this.#fields.propertiesLength) this.isSame = false;
      if (this.packetIdOffsets !== null) this.packetIdOffsets[i] = this.#fields.packetIdAt - this.#from;
      const remaining = this.#remaining();
      total += 1 + varintLength(remaining) + remaining;
      at = next;
    }
    assert(at === this.#end, 'a run is `count` frames of `length` bytes');
    return this.isSame ? this.#end - this.#from : total;
  }

  encode(target: Uint8Array): void {
    let at = this.#from;
    let position = 0;
    for (let i = 0; i < this.#count; i += 1) {
      const next = this.#parse(at);
      target[position] = this.#first;
      position = writeVarint(target, position + 1, this.#remaining());
      position = this.#encodeBody(target, position, next, i);
      at = next;
    }
    assert(position === target.length, 'both passes agree');
  }

  #encodeBody(target: Uint8Array, start: number, next: number, frame: number): number {
    const source = this.#source;
    const fields = this.#fields;
    const topicAt = fields.topicAt - 2;
    let position = start;
    target.set(source.subarray(topicAt, fields.topicAt + fields.topicLength), position);
    position += 2 + fields.topicLength;
    if (this.packetIdOffsets !== null) {
      this.packetIdOffsets[frame] = position;
      position += 2;
    }
    if (this.#shape.version === 5) {
      position = writeVarint(target, position, this.#identifiers.length + this.#keptLength());
      target.set(this.#identifiers, position);
      position = this.#copyKept(target, position + this.#identifiers.length);
    }
    target.set(source.subarray(fields.payloadAt, next), position);
    return position + next - fields.payloadAt;
  }

  /** @returns where the next frame starts. */
  #parse(at: number): number {
    const packed = readVarint(this.#source, at + 1, this.#end);
    assert(packed >= 0, 'a run has whole frames');
    const body = at + 1 + varintBytes(packed);
    const next = body + varintValue(packed);
    assert(next <= this.#end, 'a run has whole frames');
    const fault = parsePublish(this.#source, this.#source[at], body, next, this.#sourceVersion, this.#fields);
    assert(fault === 0, 'a run has well-formed PUBLISH frames');
    assert(this.#shape.qos === 0 || this.#fields.packetIdAt >= 0, 'no delivery has a higher QoS than its source');
    return next;
  }

  #remaining(): number {
    const fields = this.#fields;
    const payload = fields.payloadEnd - fields.payloadAt;
    let remaining = 2 + fields.topicLength + payload;
    if (this.#shape.qos > 0) remaining += 2;
    if (this.#shape.version === 5) {
      const properties = this.#identifiers.length + this.#keptLength();
      remaining += varintLength(properties) + properties;
    }
    return remaining;
  }

  /** Bytes of the source's properties without topic alias and subscription identifiers. */
  #keptLength(): number {
    const fields = this.#fields;
    const end = fields.payloadAt;
    let kept = 0;
    for (let at = fields.propertiesAt; at < end; ) {
      const next = propertyEnd(this.#source, at, end);
      if (isForReceivers(this.#source[at])) kept += next - at;
      at = next;
    }
    return kept;
  }

  #copyKept(target: Uint8Array, start: number): number {
    const fields = this.#fields;
    const end = fields.payloadAt;
    let position = start;
    for (let at = fields.propertiesAt; at < end; ) {
      const next = propertyEnd(this.#source, at, end);
      if (isForReceivers(this.#source[at])) {
        target.set(this.#source.subarray(at, next), position);
        position += next - at;
      }
      at = next;
    }
    return position;
  }
}

function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

function isForReceivers(property: number): boolean {
  return property !== TOPIC_ALIAS && property !== SUBSCRIPTION_IDENTIFIER;
}

/*
  Properties of PUBLISH, MQTT 5.0 §3.3.2.3; the protocol checked them before it built a block:

    01 u8 | 02 u32 | 03, 08, 09 length:u16 bytes | 0B varint | 23 u16 | 26 length:u16 bytes length:u16 bytes
*/
function propertyEnd(bytes: Uint8Array, at: number, end: number): number {
  const next = at + 1 + propertyValueLength(bytes, at, end);
  assert(next <= end, 'properties were checked before');
  return next;
}

function propertyValueLength(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case 0x01:
      return 1;
    case 0x02:
      return 4;
    case 0x03:
    case 0x08:
    case 0x09:
      return 2 + readU16(bytes, at + 1);
    case SUBSCRIPTION_IDENTIFIER: {
      const packed = readVarint(bytes, at + 1, end);
      assert(packed >= 0, 'properties were checked before');
      return varintBytes(packed);
    }
    case TOPIC_ALIAS:
      return 2;
    case 0x26: {
      const name = 2 + readU16(bytes, at + 1);
      return name + 2 + readU16(bytes, at + 1 + name);
    }
    default:
      assert(false, 'properties were checked before');
      return 0;
  }
}
