import { assert } from '../base/assert.js';
import {
  capacityOf,
  payloadBytesMax,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_PADDING,
  RING_DATA_BYTE,
  RING_HEAD_CELL,
  RING_TAIL_CELL,
  RING_WAITS_CELL,
  recordBytes,
} from './layout.js';

/** `claim` answers so when the record does not fit now. */
export const NO_SPACE = -1;

/**
 * The writing end of a ring, on one thread. A record is claimed, filled in place through `bytes` and `words`, and committed;
 * the consumer sees it with the commit and not before.
 */
export class RingProducer {
  readonly capacity: number;
  /** The longest payload `claim` takes. */
  readonly payloadBytesMax: number;
  /** The data of the ring; what `claim` returns is a place in here. */
  readonly bytes: Uint8Array;
  /** The same memory as 32-bit integers: place / 4. */
  readonly words: Int32Array;

  readonly #cells: Int32Array;
  readonly #mask: number;
  /** Bytes ever published, modulo 2^32: nobody else writes the cell. */
  #tail: number;
  /** What the tail becomes with the commit; equal to it when nothing is claimed. */
  #tailClaimed: number;
  /** The consumer's head as last seen. It only grows, so what looks free is free. */
  #headSeen: number;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = capacityOf(memory);
    this.payloadBytesMax = payloadBytesMax(this.capacity);
    this.bytes = new Uint8Array(memory, RING_DATA_BYTE);
    this.words = new Int32Array(memory, RING_DATA_BYTE);
    this.#cells = new Int32Array(memory, 0, RING_DATA_BYTE / 4);
    this.#mask = this.capacity - 1;
    this.#tail = Atomics.load(this.#cells, RING_TAIL_CELL);
    this.#tailClaimed = this.#tail;
    this.#headSeen = Atomics.load(this.#cells, RING_HEAD_CELL);
  }

  /**
   * Makes room for one record.
   * @param length bytes of the payload; the payload begins on a multiple of 8.
   * @returns where in `bytes` the payload goes, or NO_SPACE, and then nothing has changed.
   */
  claim(type: number, length: number): number {
    assert(type !== RECORD_TYPE_PADDING, 'padding is not claimed');
    assert(length >= 0 && length <= this.payloadBytesMax, 'a record is within the limit of its ring');
    assert(this.#tailClaimed === this.#tail, 'one claim at a time');
    const tail = this.#tail;
    const index = tail & this.#mask;
    const needed = recordBytes(length);
    const untilWrap = this.capacity - index;
    const padding = needed > untilWrap ? untilWrap : 0;
    if (!this.#hasFree(tail, needed + padding)) return NO_SPACE;

    const words = this.words;
    if (padding > 0) {
      words[index >> 2] = padding - RECORD_HEADER_BYTES;
      words[(index >> 2) + 1] = RECORD_TYPE_PADDING;
    }
    const start = padding > 0 ? 0 : index;
    words[start >> 2] = length;
    words[(start >> 2) + 1] = type;
    this.#tailClaimed = (tail + padding + needed) | 0;
    return start + RECORD_HEADER_BYTES;
  }

  /** Publishes the claimed record. */
  commit(): void {
    assert(this.#tailClaimed !== this.#tail, 'a commit follows a claim');
    this.#tail = this.#tailClaimed;
    Atomics.store(this.#cells, RING_TAIL_CELL, this.#tail);
  }

  /**
   * Asks the consumer for a call when it has released something. Then the claim must be tried once more: what was released
   * before the flag stood brings no call. (Same argument as in doorbell.ts: flag, then look; release, then look at the flag.)
   */
  askForSpace(): void {
    Atomics.store(this.#cells, RING_WAITS_CELL, 1);
  }

  /** True if the consumer released something since `askForSpace`; meaningless without it. */
  get spaceWasReleased(): boolean {
    return Atomics.load(this.#cells, RING_WAITS_CELL) === 0;
  }

  /** Bytes published and not yet released, padding included. */
  get bytesInUse(): number {
    return (this.#tail - Atomics.load(this.#cells, RING_HEAD_CELL)) | 0;
  }

  #hasFree(tail: number, needed: number): boolean {
    if (((tail + needed - this.#headSeen) | 0) <= this.capacity) return true;
    this.#headSeen = Atomics.load(this.#cells, RING_HEAD_CELL);
    return ((tail + needed - this.#headSeen) | 0) <= this.capacity;
  }
}
