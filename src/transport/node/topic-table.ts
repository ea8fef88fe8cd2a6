import { assert } from '../../base/assert.js';
import { scanUtf8, TEXT_MALFORMED } from '../../wire/utf8.js';
import { FAULT, type TopicId } from '../ports.js';

/** Results of `intern` below zero. */
export const TOPIC_MALFORMED = -1;
export const TOPIC_NOT_A_NAME = -2;
/** Every number is named by a row of the batch being made: the batch has to end first. */
export const TOPIC_TABLE_FULL = -3;

const EMPTY = new Uint8Array(0);

/**
 * Topic names as small numbers, bounded.
 *
 *   slots (open addressing, linear probing, at most half full)       topics by number
 *     hash -> | 0 | number + 1 | 0 | number + 1 | ...        -->     bytes, hash, batch, used
 *
 * A full table gives the number of the topic that the clock hand finds unused (second chance) to the newcomer and raises
 * its generation. Numbers that rows of the current batch name are passed over: JS has not seen those rows yet.
 */
export class TopicTable {
  readonly max: number;
  readonly generations: Int32Array;
  readonly #bytes: Uint8Array[] = [];
  readonly #hashes: Int32Array;
  readonly #batches: Int32Array;
  readonly #used: Uint8Array;
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #seed: number;
  #batch = 1;
  #hand = 0;

  /** @param seed makes the hash unpredictable, so that nobody can choose names that collide. */
  constructor(max: number, seed: number) {
    assert(max > 0, 'a table has room for a topic');
    this.max = max;
    this.#seed = seed | 0;
    this.generations = new Int32Array(max);
    this.#hashes = new Int32Array(max);
    this.#batches = new Int32Array(max);
    this.#used = new Uint8Array(max);
    let slots = 16;
    while (slots < max * 2) slots *= 2;
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  beginBatch(): void {
    this.#batch = (this.#batch + 1) | 0;
  }

  equals(topic: TopicId, bytes: Uint8Array, at: number, length: number): boolean {
    const known = this.#bytes[topic];
    if (known.length !== length) return false;
    for (let i = 0; i < length; i += 1) if (known[i] !== bytes[at + i]) return false;
    return true;
  }

  /** A row of this batch names the topic: it keeps its number until the next batch. */
  pin(topic: TopicId): void {
    this.#batches[topic] = this.#batch;
    this.#used[topic] = 1;
  }

  /** @param pins whether a row of this batch will name it. */
  intern(bytes: Uint8Array, at: number, length: number, pins: boolean): TopicId {
    const hash = this.#hash(bytes, at, length);
    let topic = this.#find(hash, bytes, at, length);
    if (topic < 0) {
      const fault = topicFault(bytes, at, length);
      if (fault !== 0) return fault === FAULT.badTopicName ? TOPIC_NOT_A_NAME : TOPIC_MALFORMED;
      topic = this.#bytes.length < this.max ? this.#bytes.length : this.#evict(!pins);
      if (topic < 0) return TOPIC_TABLE_FULL;
      this.#put(topic, hash, Uint8Array.prototype.slice.call(bytes, at, at + length));
    } else {
      this.#used[topic] = 1; // Only the second use counts: a burst of names used once does not push out the steady ones.
    }
    if (pins) this.#batches[topic] = this.#batch;
    return topic;
  }

  nameOf(topic: TopicId): string {
    const bytes = this.#bytes[topic];
    assert(bytes !== undefined, 'the number was given to a topic');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  #find(hash: number, bytes: Uint8Array, at: number, length: number): TopicId {
    const mask = this.#mask;
    for (let slot = hash & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const topic = this.#slots[slot] - 1;
      if (this.#hashes[topic] === hash && this.equals(topic, bytes, at, length)) return topic;
    }
    return -1;
  }

  #put(topic: TopicId, hash: number, bytes: Uint8Array): void {
    this.#bytes[topic] = bytes;
    this.#hashes[topic] = hash;
    this.generations[topic] += 1;
    const mask = this.#mask;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = topic + 1;
  }

  /** @param evenPinned JS asks for a number at once; if all are pinned it gets the next one. */
  #evict(evenPinned: boolean): TopicId {
    for (let looked = 0; looked < this.max * 2; looked += 1) {
      const topic = this.#hand;
      this.#hand = (topic + 1) % this.max;
      if (this.#batches[topic] === this.#batch) continue;
      if (this.#used[topic] === 0) {
        this.#unlink(topic);
        return topic;
      }
      this.#used[topic] = 0;
    }
    if (!evenPinned) return -1;
    const topic = this.#hand;
    this.#hand = (topic + 1) % this.max;
    this.#unlink(topic);
    return topic;
  }

  /** Takes a topic out of its slot and moves the ones behind it forward, so that no search ends early. */
  #unlink(topic: TopicId): void {
    const mask = this.#mask;
    const slots = this.#slots;
    let hole = this.#hashes[topic] & mask;
    while (slots[hole] !== topic + 1) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashes[slots[slot] - 1] & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot];
      hole = slot;
    }
    slots[hole] = 0;
    this.#bytes[topic] = EMPTY;
  }

  /** Jenkins's one-at-a-time, from a secret seed. */
  #hash(bytes: Uint8Array, at: number, length: number): number {
    let hash = this.#seed;
    for (let i = 0; i < length; i += 1) {
      hash = (hash + bytes[at + i]) | 0;
      hash = (hash + (hash << 10)) | 0;
      hash ^= hash >>> 6;
    }
    hash = (hash + (hash << 3)) | 0;
    hash ^= hash >>> 11;
    return (hash + (hash << 15)) | 0;
  }
}

/**
 * A topic name is UTF-8 without control characters, not empty and without wildcards (MQTT 5.0 §1.5.4, §4.7).
 * @returns 0, or the fault.
 */
export function topicFault(bytes: Uint8Array, at: number, length: number): number {
  if (length === 0 || length > 65535) return FAULT.badPublish;
  const found = scanUtf8(bytes, at, at + length);
  if (found === TEXT_MALFORMED || found !== 0) return FAULT.badPublish;
  for (let i = at; i < at + length; i += 1) {
    if (bytes[i] === 0x23 || bytes[i] === 0x2b) return FAULT.badTopicName; // # and +
  }
  return 0;
}
