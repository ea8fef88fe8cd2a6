import { assert } from '../base/assert.js';
import {
  capacityOf,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_PADDING,
  RING_DATA_BYTE,
  RING_HEAD_CELL,
  RING_TAIL_CELL,
  RING_WAITS_CELL,
  recordBytes,
} from './layout.js';

/** @param offset place of the payload in the consumer's `bytes`, a multiple of 8. Good until `release`. */
export type OnRecord = (type: number, offset: number, length: number) => void;

/**
 * The reading end of a ring, on one thread. Records that were read stay where they are until `release`, so that their bytes
 * can be referenced by commands of the transport up to its `submit`.
 */
export class RingConsumer {
  readonly capacity: number;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  readonly #cells: Int32Array;
  readonly #mask: number;
  /** Bytes ever read, modulo 2^32. Invariant: head <= position <= tail. */
  #position: number;
  /** Bytes ever released: nobody else writes the cell. */
  #head: number;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = capacityOf(memory);
    this.bytes = new Uint8Array(memory, RING_DATA_BYTE);
    this.words = new Int32Array(memory, RING_DATA_BYTE);
    this.#cells = new Int32Array(memory, 0, RING_DATA_BYTE / 4);
    this.#mask = this.capacity - 1;
    this.#head = Atomics.load(this.#cells, RING_HEAD_CELL);
    this.#position = this.#head;
  }

  /**
   * Calls `onRecord` for published records in order, until `recordsMax` records or at least `bytesMax` bytes were read.
   * If `onRecord` throws, its record counts as read.
   * @returns how many records were read.
   */
  read(recordsMax: number, bytesMax: number, onRecord: OnRecord): number {
    const start = this.#position;
    const tail = Atomics.load(this.#cells, RING_TAIL_CELL);
    const words = this.words;
    const mask = this.#mask;
    let position = start;
    let records = 0;
    while (position !== tail && records < recordsMax && ((position - start) | 0) < bytesMax) {
      const index = position & mask;
      const length = words[index >> 2];
      const type = words[(index >> 2) + 1];
      assert(length >= 0 && index + RECORD_HEADER_BYTES + length <= this.capacity, 'a record lies within its ring');
      position = (position + recordBytes(length)) | 0;
      this.#position = position;
      if (type === RECORD_TYPE_PADDING) continue;
      records += 1;
      onRecord(type, index + RECORD_HEADER_BYTES, length);
    }
    assert(position % RECORD_ALIGNMENT === 0, 'records are aligned');
    return records;
  }

  /**
   * Gives the space of everything read back to the producer.
   * @returns true if the producer asked to be called when there is space (`askForSpace`): ring its doorbell.
   */
  release(): boolean {
    if (this.#head === this.#position) return false;
    const cells = this.#cells;
    this.#head = this.#position;
    Atomics.store(cells, RING_HEAD_CELL, this.#head);
    return Atomics.load(cells, RING_WAITS_CELL) === 1 && Atomics.compareExchange(cells, RING_WAITS_CELL, 1, 0) === 1;
  }

  /** True if something is published that was not read. */
  get hasRecords(): boolean {
    return Atomics.load(this.#cells, RING_TAIL_CELL) !== this.#position;
  }
}
