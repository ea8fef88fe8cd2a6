import { assert } from '../../base/assert.js';
import { PROPERTY } from './constants.js';
import type { PublishView } from './decode-publish.js';

/*
  What a PUBLISH has beside topic and payload, as headers of its record; the names are the same for every protocol.

    mqtt:qos        '0' or '2'; 1 is not said             mq:expires-at         milliseconds since the epoch, decimal
    mqtt:retain     '1'; 0 is not said                    mqtt:payload-format   '0' or '1'
    mqtt:topic      where the key is not the topic        content-type, mqtt:reply-to, mqtt:corr
    mqtt:not-for    number of the session that published it under No Local, decimal
    mq:deliver-at   of a delayed message: when it is due, milliseconds since the epoch; mq:publisher and
                    mq:tenant: the client that sent it, and its tenant (not said: default)
    any other name  a user property, in order. One whose name is taken or reserved is written behind `mq:user:`

  Encoded as in a Kafka record: count, then name length, name, value length, value; numbers are zig-zag varints, so that lengths count twice.
*/
export const HEADER = {
  qos: 'mqtt:qos',
  retain: 'mqtt:retain',
  topic: 'mqtt:topic',
  notFor: 'mqtt:not-for',
  payloadFormat: 'mqtt:payload-format',
  expiresAt: 'mq:expires-at',
  contentType: 'content-type',
  responseTopic: 'mqtt:reply-to',
  correlationData: 'mqtt:corr',
  deliverAt: 'mq:deliver-at',
  publisher: 'mq:publisher',
  tenant: 'mq:tenant',
} as const;

export const USER_PREFIX = 'mq:user:';
const RESERVED = /^(?:mqtt:|amqp:|rmq:|mq:|content-type$)/;
const COUNT_BYTES_MAX = 3;
const START_BYTES = 1024;

export function isReservedHeader(name: string): boolean {
  return RESERVED.test(name);
}

/** Builds the header block of one record. Reused: what it gives is good until the next `begin`. */
export class RecordHeaders {
  bytes: Uint8Array = new Uint8Array(START_BYTES);
  /** The block: from `start` to before `end`, after `finish`. */
  start = 0;
  end: number = COUNT_BYTES_MAX;
  #count = 0;

  begin(): void {
    this.end = COUNT_BYTES_MAX;
    this.#count = 0;
  }

  addText(name: string, value: string): void {
    const bytes = Buffer.from(value);
    this.add(name, bytes, 0, bytes.length);
  }

  add(name: string, value: Uint8Array, offset: number, length: number): void {
    const nameBytes = Buffer.from(name);
    this.#reserve(nameBytes.length + length + 10);
    this.#writeLength(nameBytes.length);
    this.bytes.set(nameBytes, this.end);
    this.end += nameBytes.length;
    this.#writeLength(length);
    this.bytes.set(value.subarray(offset, offset + length), this.end);
    this.end += length;
    this.#count += 1;
  }

  /** The properties of a PUBLISH that was read into `view` from `bytes`. Its topic alias and the expiry interval stay behind: neither is of the message. */
  addProperties(view: PublishView, bytes: Uint8Array, nowMs: number): void {
    if (view.propertiesLength === 0) return;
    if (view.payloadFormat >= 0) this.addText(HEADER.payloadFormat, String(view.payloadFormat));
    if (view.expirySeconds >= 0) this.addText(HEADER.expiresAt, String(nowMs + view.expirySeconds * 1000));
    this.#addValue(HEADER.contentType, view, bytes, PROPERTY.contentType);
    this.#addValue(HEADER.responseTopic, view, bytes, PROPERTY.responseTopic);
    this.#addValue(HEADER.correlationData, view, bytes, PROPERTY.correlationData);
    forEachUserProperty(bytes, view.propertiesOffset, view.propertiesOffset + view.propertiesLength, (name, offset, length) =>
      this.add(RESERVED.test(name) ? USER_PREFIX + name : name, bytes, offset, length),
    );
  }

  /** Puts the count in front. */
  finish(): void {
    const double = this.#count * 2;
    assert(double < 0x20_0000, 'a PUBLISH is not that long');
    const length = double < 0x80 ? 1 : double < 0x4000 ? 2 : 3;
    this.start = COUNT_BYTES_MAX - length;
    writeVarint(this.bytes, this.start, double);
  }

  #addValue(name: string, view: PublishView, bytes: Uint8Array, property: number): void {
    const offset = view.properties.offsetOf(property);
    if (offset >= 0) this.add(name, bytes, offset, view.properties.lengthOf(property));
  }

  #writeLength(length: number): void {
    this.end = writeVarint(this.bytes, this.end, length * 2);
  }

  #reserve(more: number): void {
    if (this.end + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.end + more));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** @returns where the next byte goes. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[position] = (rest & 0x7f) | 0x80;
    position += 1;
    rest = Math.floor(rest / 128);
  }
  bytes[position] = rest;
  return position + 1;
}

/** Walks over properties of a PUBLISH that were checked. */
function forEachUserProperty(
  bytes: Uint8Array,
  from: number,
  to: number,
  visit: (name: string, valueOffset: number, valueLength: number) => void,
): void {
  let at = from;
  const u16 = (position: number): number => (bytes[position] << 8) | bytes[position + 1];
  while (at < to) {
    const identifier = bytes[at];
    at += 1;
    switch (identifier) {
      case PROPERTY.payloadFormatIndicator:
        at += 1;
        break;
      case PROPERTY.messageExpiryInterval:
        at += 4;
        break;
      case PROPERTY.topicAlias:
        at += 2;
        break;
      case PROPERTY.userProperty: {
        const nameLength = u16(at);
        const value = at + 2 + nameLength;
        const name = Buffer.from(bytes.buffer, bytes.byteOffset + at + 2, nameLength).toString();
        visit(name, value + 2, u16(value));
        at = value + 2 + u16(value);
        break;
      }
      default:
        assert(
          identifier === PROPERTY.contentType || identifier === PROPERTY.responseTopic || identifier === PROPERTY.correlationData,
          'the properties of a PUBLISH were checked',
        );
        at += 2 + u16(at);
    }
  }
}
