import { assert } from '../base/assert.js';

/*
  A ring: one SharedArrayBuffer, one producing thread, one consuming thread.

     byte 0                 128               256                   384
     +---------------------+-----------------+---------------------+------------------------------------+
     | tail                | head            | producer waits      | data: capacity bytes, power of two |
     +---------------------+-----------------+---------------------+------------------------------------+
       written by producer   written by consumer  both

  tail and head count bytes ever published and ever released, modulo 2^32; the place of a byte is its count modulo the capacity,
  and `(tail - head) | 0` is what is in use, since the capacity is far below 2^31. Each cell has two cache lines of its own,
  because processors fetch lines in pairs and neither thread should wait for the line that the other writes.

  Record, on a multiple of 8 bytes and never across the end of the data:

     +0  length: i32   bytes of the payload, without header and filling
     +4  type: i32     the owner's, above 0; 0 is the padding record that fills the rest before the wrap
     +8  payload
*/
export const RING_TAIL_CELL = 0;
export const RING_HEAD_CELL = 32;
export const RING_WAITS_CELL = 64;
export const RING_DATA_BYTE = 384;

export const RECORD_ALIGNMENT = 8;
export const RECORD_HEADER_BYTES = 8;
export const RECORD_TYPE_PADDING = 0;

/** Bytes. A ring of this size takes in what a shard reads from its sockets in several turns. */
export const RING_CAPACITY_DEFAULT: number = 4 * 1024 * 1024;
export const RING_CAPACITY_MIN = 1024;
export const RING_CAPACITY_MAX: number = 1024 * 1024 * 1024;

/** Creates the memory of an empty ring. @param capacity bytes of data, a power of two. */
export function createRing(capacity: number = RING_CAPACITY_DEFAULT): SharedArrayBuffer {
  assert(capacity >= RING_CAPACITY_MIN && capacity <= RING_CAPACITY_MAX, 'the capacity of a ring is within its limits');
  assert((capacity & (capacity - 1)) === 0, 'the capacity of a ring is a power of two');
  return new SharedArrayBuffer(RING_DATA_BYTE + capacity);
}

/** Checks memory that came from another thread. */
export function capacityOf(memory: SharedArrayBuffer): number {
  const capacity = memory.byteLength - RING_DATA_BYTE;
  assert(capacity >= RING_CAPACITY_MIN && (capacity & (capacity - 1)) === 0, 'the memory is a ring');
  return capacity;
}

/**
 * The longest payload a ring of this capacity takes. A quarter: padding and record together then always fit into a ring
 * that was emptied, wherever its tail stands, and one record does not hold the whole ring up.
 */
export function payloadBytesMax(capacity: number): number {
  return capacity / 4 - RECORD_HEADER_BYTES;
}

/** Bytes that a payload takes in the ring, with header and filling. */
export function recordBytes(length: number): number {
  return (length + RECORD_HEADER_BYTES + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT;
}
