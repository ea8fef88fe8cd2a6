import { assert } from '../../base/assert.js';
import type { SpaceId, Transport } from '../../transport/ports.js';

const SLAB_BYTES = 1024 * 1024;
/** Slabs kept for reuse. What a burst needed beyond them goes back to the system. */
const SPARE_SLABS_MAX = 16;

/** Memory that the transport's commands can point into. */
export class StagingSlab {
  readonly bytes: Uint8Array;
  readonly space: SpaceId;
  filled = 0;
  /** Runs in it that are not done with. */
  users = 0;

  constructor(bytes: Uint8Array, space: SpaceId) {
    this.bytes = bytes;
    this.space = space;
  }
}

/**
 * Frames that wait for their commit: copied out of the arena once, delivered and acknowledged from here. A slab is used again when the last of
 * its runs is done with and the transport has executed the commands that point into it: not before the next turn.
 */
export class Staging {
  readonly #transport: Transport;
  readonly #spare: StagingSlab[] = [];
  /** Done with in this turn. */
  readonly #cooling: StagingSlab[] = [];
  #current: StagingSlab | null = null;
  /** Every slab that the transport knows. */
  readonly #slabs: Map<SpaceId, StagingSlab> = new Map();
  /** Bytes of all slabs in use. */
  #bytes = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get bytesInUse(): number {
    return this.#bytes;
  }

  /** Null: the space is not of this staging. */
  bytesOf(space: SpaceId): Uint8Array | null {
    return this.#slabs.get(space)?.bytes ?? null;
  }

  /** Copies frames. They begin at `slab.filled - length` of the slab that is returned; `release` it once. */
  take(bytes: Uint8Array, offset: number, length: number): StagingSlab {
    let slab = this.#current;
    if (slab === null || slab.filled + length > slab.bytes.length) {
      slab = this.#open(length);
      this.#current = slab;
    }
    slab.bytes.set(bytes.subarray(offset, offset + length), slab.filled);
    slab.filled += length;
    slab.users += 1;
    return slab;
  }

  release(slab: StagingSlab): void {
    slab.users -= 1;
    assert(slab.users >= 0, 'a run is released once');
    if (slab.users === 0 && slab !== this.#current) this.#cooling.push(slab);
  }

  /** The commands of the turn before have been executed. */
  beginTurn(): void {
    const current = this.#current;
    if (current !== null && current.users === 0) current.filled = 0;
    for (let slab = this.#cooling.pop(); slab !== undefined; slab = this.#cooling.pop()) {
      this.#bytes -= slab.bytes.length;
      slab.filled = 0;
      if (slab.bytes.length === SLAB_BYTES && this.#spare.length < SPARE_SLABS_MAX) this.#spare.push(slab);
      else {
        this.#slabs.delete(slab.space);
        this.#transport.unregisterSpace(slab.space);
      }
    }
  }

  #open(length: number): StagingSlab {
    const current = this.#current;
    if (current !== null && current.users === 0) this.#cooling.push(current);
    const spare = length <= SLAB_BYTES ? this.#spare.pop() : undefined;
    let slab = spare;
    if (slab === undefined) {
      const bytes = new Uint8Array(Math.max(SLAB_BYTES, length));
      slab = new StagingSlab(bytes, this.#transport.registerSpace(bytes));
      this.#slabs.set(slab.space, slab);
    }
    this.#bytes += slab.bytes.length;
    return slab;
  }
}
