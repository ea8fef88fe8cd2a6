import { varintLength } from '../../wire/varint.js';
import { FIELD_BYTES_MAX } from './constants.js';

const BYTES_FIRST = 16 * 1024;
const LENGTH_BYTES = 2;
const PACKET_ID_BYTES = 2;

/** PUBLISH frames of MQTT 5 one behind the other, in memory that grows and is used again. */
export class FrameSink {
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;

  /**
   * A frame with a packet id of 1, which is not QoS 0, and without properties.
   * @returns false, and writes nothing, if the topic is longer than a field can be.
   */
  addPlain(
    firstByte: number,
    topic: Uint8Array,
    topicOffset: number,
    topicLength: number,
    payload: Uint8Array,
    payloadOffset: number,
    payloadLength: number,
  ): boolean {
    if (topicLength > FIELD_BYTES_MAX) return false;
    const remaining = LENGTH_BYTES + topicLength + PACKET_ID_BYTES + 1 + payloadLength;
    this.#reserve(1 + varintLength(remaining) + remaining);
    const { bytes } = this;
    let at = this.length;
    bytes[at] = firstByte;
    at += 1;
    for (let rest = remaining; ; rest >>>= 7) {
      if (rest < 0x80) {
        bytes[at] = rest;
        at += 1;
        break;
      }
      bytes[at] = (rest & 0x7f) | 0x80;
      at += 1;
    }
    bytes[at] = topicLength >>> 8;
    bytes[at + 1] = topicLength & 0xff;
    at += LENGTH_BYTES;
    bytes.set(topic.subarray(topicOffset, topicOffset + topicLength), at);
    at += topicLength;
    bytes[at] = 0;
    bytes[at + 1] = 1;
    bytes[at + 2] = 0; // No properties.
    at += PACKET_ID_BYTES + 1;
    bytes.set(payload.subarray(payloadOffset, payloadOffset + payloadLength), at);
    this.length = at + payloadLength;
    return true;
  }

  /** The frames so far: as they are until the next one is added, which begins anew. */
  cut(): Uint8Array {
    const frames = this.bytes.subarray(0, this.length);
    this.length = 0;
    return frames;
  }

  add(frame: Uint8Array): void {
    this.#reserve(frame.length);
    this.bytes.set(frame, this.length);
    this.length += frame.length;
  }

  #reserve(length: number): void {
    const wanted = this.length + length;
    if (wanted <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, this.bytes.length * 2, BYTES_FIRST));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
