import { assert } from '../../base/assert.js';
import { type BlockId, COUNTER, SPACE_ARENA, SPACE_REGISTERED_FIRST, SPACE_SCRATCH, type SpaceId } from '../ports.js';
import { type Block, copyBlock, keptBytes } from './block.js';
import type { Carrier } from './carrier.js';
import { type Connection, NO_SEGMENT } from './connection.js';

const SCRATCH_BYTES = 256 * 1024;
const SEGMENTS_START = 1024;
const SEGMENTS_MAX = 256 * 1024;

/*
  Segment, four 32-bit integers; the segments of one connection are a list:

    next (index or NO_SEGMENT) | source | a | b

  source >= 0: a space, a = offset, b = length.   source < 0: block ~source, a = first packet id, b = length.
*/
const SEGMENT_INTS = 4;
const NEXT = 0;
const SOURCE = 1;
const A = 2;
const LENGTH = 3;

/** What leaves in a turn: a list of segments per connection, and one write for each connection that has some. */
export class Output {
  /** Connections to look at when the turn ends: they have segments, or are to be closed. */
  readonly dirty: Connection[] = [];
  readonly blocks: Block[] = [];
  readonly #counters: Float64Array;
  readonly #spaces: (Uint8Array | null)[] = [];
  #segments: Int32Array = new Int32Array(SEGMENTS_START * SEGMENT_INTS);
  #count = 0;
  #scratch: Uint8Array = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #scratchUsed = 0;
  /** Where a write to a virtual connection is put together. */
  #joined: Uint8Array = Buffer.allocUnsafeSlow(64 * 1024);

  constructor(arena: Uint8Array, counters: Float64Array) {
    this.#counters = counters;
    this.#spaces[SPACE_ARENA] = arena;
    this.#spaces[SPACE_SCRATCH] = this.#scratch;
  }

  registerSpace(bytes: Uint8Array): SpaceId {
    let space = SPACE_REGISTERED_FIRST;
    while (space < this.#spaces.length && this.#spaces[space] !== null) space += 1;
    this.#spaces[space] = bytes;
    return space;
  }

  unregisterSpace(space: SpaceId): void {
    assert(space >= SPACE_REGISTERED_FIRST && this.spaceOf(space) !== null, 'a space is taken back once');
    this.#spaces[space] = null;
  }

  spaceOf(space: SpaceId): Uint8Array {
    const bytes = this.#spaces[space];
    assert(bytes !== undefined && bytes !== null, 'the space is registered');
    return bytes;
  }

  /** Whether it is time to write before the next command: many segments, or no room in the scratch. */
  isCrowded(scratchBytes: number): boolean {
    return this.#count >= SEGMENTS_MAX || this.#scratchUsed + scratchBytes > this.#scratch.length;
  }

  /** Room in the scratch; the caller made sure of it by `isCrowded`. @returns its offset. */
  reserve(length: number): number {
    if (length > this.#scratch.length) {
      assert(this.#scratchUsed === 0, 'the scratch is replaced when nothing refers to it');
      this.#scratch = Buffer.allocUnsafeSlow(length);
      this.#spaces[SPACE_SCRATCH] = this.#scratch;
    }
    const offset = this.#scratchUsed;
    this.#scratchUsed += length;
    return offset;
  }

  appendRaw(connection: Connection, space: SpaceId, offset: number, length: number): void {
    const last = connection.lastSegment;
    const segments = this.#segments;
    if (last !== NO_SEGMENT && segments[last + SOURCE] === space && segments[last + A] + segments[last + LENGTH] === offset) {
      segments[last + LENGTH] += length;
      return;
    }
    this.#link(connection, space, offset, length);
  }

  appendBlock(connection: Connection, block: BlockId, firstPacketId: number): void {
    this.#link(connection, ~block, firstPacketId, this.blocks[block].length);
  }

  markDirty(connection: Connection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.dirty.push(connection);
  }

  /** Hands the connection's segments to its carrier in one write. */
  flush(connection: Connection, carrier: Carrier): void {
    const first = connection.firstSegment;
    if (first === NO_SEGMENT) return;
    const bytes = this.#join(first, carrier.keepsBytes);
    this.drop(connection);
    this.#counters[COUNTER.bytesOut] += bytes.length;
    this.#counters[COUNTER.writes] += 1;
    carrier.write(bytes);
  }

  drop(connection: Connection): void {
    connection.firstSegment = NO_SEGMENT;
    connection.lastSegment = NO_SEGMENT;
  }

  /** Everything was flushed: segments and scratch start again. */
  resetSegments(): void {
    this.#count = 0;
    this.#scratchUsed = 0;
    if (this.#scratch.length > SCRATCH_BYTES) {
      this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
      this.#spaces[SPACE_SCRATCH] = this.#scratch;
    }
  }

  #link(connection: Connection, source: number, a: number, length: number): void {
    const at = this.#count * SEGMENT_INTS;
    if (at === this.#segments.length) {
      const grown = new Int32Array(at * 2);
      grown.set(this.#segments);
      this.#segments = grown;
    }
    this.#count += 1;
    const segments = this.#segments;
    segments[at + NEXT] = NO_SEGMENT;
    segments[at + SOURCE] = source;
    segments[at + A] = a;
    segments[at + LENGTH] = length;
    if (connection.lastSegment === NO_SEGMENT) connection.firstSegment = at;
    else segments[connection.lastSegment + NEXT] = at;
    connection.lastSegment = at;
    this.markDirty(connection);
  }

  /** The segments as one piece. A fan-out of QoS 0 gives every receiver the same memory. */
  #join(first: number, keeps: boolean): Uint8Array {
    const segments = this.#segments;
    if (segments[first + NEXT] === NO_SEGMENT) {
      const whole = this.#single(first, keeps);
      if (whole !== null) return whole;
    }
    let total = 0;
    for (let at = first; at !== NO_SEGMENT; at = segments[at + NEXT]) total += segments[at + LENGTH];
    const target = keeps ? Buffer.allocUnsafe(total) : this.#joinedRoom(total);
    let position = 0;
    for (let at = first; at !== NO_SEGMENT; at = segments[at + NEXT]) {
      const source = segments[at + SOURCE];
      const length = segments[at + LENGTH];
      if (source < 0) copyBlock(this.blocks[~source], segments[at + A], target, position);
      else target.set(this.spaceOf(source).subarray(segments[at + A], segments[at + A] + length), position);
      position += length;
    }
    return target;
  }

  /** Null if the only segment has to be copied. */
  #single(at: number, keeps: boolean): Uint8Array | null {
    const segments = this.#segments;
    const source = segments[at + SOURCE];
    if (source >= 0) return keeps ? null : this.spaceOf(source).subarray(segments[at + A], segments[at + A] + segments[at + LENGTH]);
    const block = this.blocks[~source];
    return block.packetIdOffsets === null ? keptBytes(block) : null;
  }

  #joinedRoom(length: number): Uint8Array {
    if (length > 1 << 20) return Buffer.allocUnsafe(length);
    if (length > this.#joined.length) this.#joined = Buffer.allocUnsafeSlow(length * 2);
    return this.#joined.subarray(0, length);
  }
}
