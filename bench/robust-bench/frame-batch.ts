import { assert } from '../../src/base/assert.js';
import type { CommandSink, ConnectionId, SpaceId } from '../../src/transport/ports.js';
import { type LoadPlan, PAYLOAD_BYTES_MIN } from './load-plan.js';

/*
  PUBLISH frames, built side by side in one registered space. All frames of a run have the same length (topic numbers are padded
  with zeros), so the space is an array of slots whose constant parts are written once:

    first byte | remaining length 1-4 | topic length u16 | prefix/000042 | [packet id u16] | [properties 0] | payload

  The payload, little endian; what follows is filler:

     0        4             8            12          16
    | run u32 | publisher u32 | sequence u32 | sent u32 | ...

  `run` is a random number: frames of other runs are counted apart. `sent` is the intended time in microseconds since the load
  began, modulo 2^32.
*/
export const PAYLOAD_RUN = 0;
export const PAYLOAD_PUBLISHER = 4;
export const PAYLOAD_SEQUENCE = 8;
export const PAYLOAD_SENT = 12;

/**
 * What one turn sends at most, over all publishers: less than a turn reads from one socket, or a single subscriber would fall behind
 * its own generator.
 */
const SPACE_BYTES = 64 * 1024;
const SLOTS_MIN = 32;
const SLOTS_MAX = 2048;

/** The topic of a number, of the same length for every number below `topics`. */
export function topicOf(prefix: string, topic: number, topics: number): string {
  return `${prefix}/${String(topic).padStart(String(topics - 1).length, '0')}`;
}

export class FrameBatch {
  /** The space's bytes: register them with the transport and give the number to `attach`. */
  readonly bytes: Uint8Array;
  readonly frameBytes: number;
  readonly slots: number;
  readonly #view: DataView;
  readonly #topics: Uint8Array; // The topics of all numbers, one after another.
  readonly #topicBytes: number;
  readonly #topicAt: number; // Offsets within a frame.
  readonly #payloadAt: number;
  readonly #slotTopic: Int32Array; // Which topic a slot holds now.
  readonly #hasPacketId: boolean;
  #space: SpaceId = -1;
  #used = 0; // Slots taken since the last `reset`.

  constructor(plan: LoadPlan, run: number) {
    const firstTopic = new TextEncoder().encode(topicOf(plan.topicPrefix, 0, plan.topics));
    this.#topicBytes = firstTopic.length;
    this.#hasPacketId = plan.qos > 0;
    const remaining = 2 + this.#topicBytes + (plan.qos > 0 ? 2 : 0) + (plan.version === 5 ? 1 : 0) + plan.size;
    const lengthBytes = remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4;
    this.frameBytes = 1 + lengthBytes + remaining;
    this.slots = Math.max(SLOTS_MIN, Math.min(SLOTS_MAX, Math.floor(SPACE_BYTES / this.frameBytes)));
    this.#topicAt = 1 + lengthBytes + 2;
    this.#payloadAt = this.frameBytes - plan.size;

    this.bytes = new Uint8Array(this.slots * this.frameBytes);
    this.#view = new DataView(this.bytes.buffer);
    this.#slotTopic = new Int32Array(this.slots);
    this.#topics = new Uint8Array(plan.topics * this.#topicBytes);
    for (let topic = 0; topic < plan.topics; topic++) {
      this.#topics.set(new TextEncoder().encode(topicOf(plan.topicPrefix, topic, plan.topics)), topic * this.#topicBytes);
    }
    this.#prepareSlots(plan, remaining, run);
  }

  attach(space: SpaceId): void {
    this.#space = space;
  }

  /** Slots that can still be written before the next `reset`. */
  get free(): number {
    return this.slots - this.#used;
  }

  /** The commands that pointed here were submitted. */
  reset(): void {
    this.#used = 0;
  }

  /**
   * Writes `count` frames of one publisher and sends them.
   * @param firstPacketId for QoS 1 and 2; the next ones follow, after 65535 comes 1.
   * @param sentUs intended time of the first, microseconds since the load began; the next ones are `stepUs` apart.
   */
  send(
    commands: CommandSink,
    connection: ConnectionId,
    publisher: number,
    topic: number,
    sequence: number,
    firstPacketId: number,
    sentUs: number,
    stepUs: number,
    count: number,
  ): void {
    assert(count > 0 && count <= this.free, 'frames fit in the space');
    assert(this.#space >= 0, 'the space is registered');
    const view = this.#view;
    const frameBytes = this.frameBytes;
    const payloadAt = this.#payloadAt;
    const slotTopic = this.#slotTopic;
    const hasPacketId = this.#hasPacketId;
    const packetIdAt = this.#topicAt + this.#topicBytes;
    const offset = this.#used * frameBytes;
    let at = offset;
    let packetId = firstPacketId;
    for (let i = 0; i < count; i++) {
      if (slotTopic[this.#used + i] !== topic) this.#writeTopic(this.#used + i, topic);
      if (hasPacketId) {
        view.setUint16(at + packetIdAt, packetId);
        packetId = packetId === 0xffff ? 1 : packetId + 1;
      }
      const payload = at + payloadAt;
      view.setUint32(payload + PAYLOAD_PUBLISHER, publisher, true);
      view.setUint32(payload + PAYLOAD_SEQUENCE, sequence + i, true);
      view.setUint32(payload + PAYLOAD_SENT, (sentUs + i * stepUs) >>> 0, true);
      at += frameBytes;
    }
    this.#used += count;
    commands.send(connection, this.#space, offset, count * frameBytes);
  }

  #writeTopic(slot: number, topic: number): void {
    const { bytes } = this;
    const topics = this.#topics;
    const length = this.#topicBytes;
    const from = topic * length;
    const to = slot * this.frameBytes + this.#topicAt;
    for (let i = 0; i < length; i++) bytes[to + i] = topics[from + i];
    this.#slotTopic[slot] = topic;
  }

  #prepareSlots(plan: LoadPlan, remaining: number, run: number): void {
    assert(plan.size >= PAYLOAD_BYTES_MIN, 'the payload has room for its fields');
    const { bytes, frameBytes } = this;
    for (let slot = 0; slot < this.slots; slot++) {
      let at = slot * frameBytes;
      bytes[at++] = 0x30 | (plan.qos << 1);
      let rest = remaining;
      do {
        bytes[at++] = rest > 127 ? (rest & 127) | 128 : rest;
        rest = Math.floor(rest / 128);
      } while (rest > 0);
      bytes[at++] = this.#topicBytes >>> 8;
      bytes[at] = this.#topicBytes & 0xff;
      this.#writeTopic(slot, 0);
      // Without properties MQTT 5 has one byte here, zero as the array is.
      const payload = slot * frameBytes + this.#payloadAt;
      bytes.fill(0x78, payload, payload + plan.size);
      this.#view.setUint32(payload + PAYLOAD_RUN, run, true);
    }
  }
}
