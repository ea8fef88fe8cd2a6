import { assert } from '../base/assert.js';
import { RECORD_HEADER_BYTES, recordBytes } from '../ring/layout.js';
import { NO_SPACE, type RingProducer } from '../ring/ring-producer.js';

const SLAB_BYTES = 1024 * 1024;

/** Records behind one another as in a ring, without wrap. */
interface Slab {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  filled: number;
  drained: number;
}

/**
 * Records that did not fit into a ring, in order, in slabs of 1 MiB: nothing is allocated per record. It has no limit of its
 * own; the link asks `byteLength` before it appends.
 */
export class Outbox {
  /** Bytes of all records that wait. */
  byteLength = 0;
  readonly #slabs: Slab[] = [];
  #spare: Slab | null = null;
  #last: Slab | null = null;

  get isEmpty(): boolean {
    return this.byteLength === 0;
  }

  /** Where the record claimed last goes. */
  get bytes(): Uint8Array {
    assert(this.#last !== null, 'a record was claimed');
    return this.#last.bytes;
  }

  get words(): Int32Array {
    assert(this.#last !== null, 'a record was claimed');
    return this.#last.words;
  }

  /** Appends a record to be filled in now. @returns the place of its payload in `bytes`, a multiple of 8. */
  claim(type: number, length: number): number {
    const needed = recordBytes(length);
    let slab = this.#last;
    if (slab === null || slab.filled + needed > slab.bytes.length) {
      slab = this.#newSlab(needed);
      this.#slabs.push(slab);
      this.#last = slab;
    }
    const start = slab.filled;
    slab.words[start >> 2] = length;
    slab.words[(start >> 2) + 1] = type;
    slab.filled += needed;
    this.byteLength += needed;
    return start + RECORD_HEADER_BYTES;
  }

  /** Moves records to the ring as far as they fit. @returns how many went. */
  pump(ring: RingProducer): number {
    let moved = 0;
    for (let slab = this.#slabs[0]; slab !== undefined; slab = this.#slabs[0]) {
      while (slab.drained < slab.filled) {
        const start = slab.drained;
        const length = slab.words[start >> 2];
        const at = ring.claim(slab.words[(start >> 2) + 1], length);
        if (at === NO_SPACE) return moved;
        ring.bytes.set(slab.bytes.subarray(start + RECORD_HEADER_BYTES, start + RECORD_HEADER_BYTES + length), at);
        ring.commit();
        moved += 1;
        slab.drained += recordBytes(length);
        this.byteLength -= recordBytes(length);
      }
      this.#retire(slab);
    }
    assert(this.byteLength === 0, 'no slab, no bytes');
    return moved;
  }

  #newSlab(needed: number): Slab {
    const spare = this.#spare;
    if (spare !== null && needed <= spare.bytes.length) {
      this.#spare = null;
      return spare;
    }
    const bytes = new Uint8Array(Math.max(SLAB_BYTES, needed));
    return { bytes, words: new Int32Array(bytes.buffer), filled: 0, drained: 0 };
  }

  #retire(slab: Slab): void {
    this.#slabs.shift();
    if (this.#last === slab) this.#last = null;
    slab.filled = 0;
    slab.drained = 0;
    if (slab.bytes.length === SLAB_BYTES) this.#spare = slab;
  }
}
