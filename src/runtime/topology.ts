import { assert } from '../base/assert.js';
import type { ShardId } from '../broker/ports.js';
import { createRing, RING_CAPACITY_DEFAULT } from '../ring/layout.js';
import type { PeerRings } from './links.js';

/** Bytes of all rings between shards together: with many shards each ring is smaller. Memory is touched only as it is used. */
const RINGS_BYTES_MAX: number = 512 * 1024 * 1024;
const RING_CAPACITY_LEAST: number = 128 * 1024;
/** Bytes of the ring from main to a shard: descriptors for thousands of connections at once. */
const MAIN_RING_CAPACITY: number = 128 * 1024;

/**
 * Which rings there are: one per ordered pair of shards, and one from main to each shard. On the main thread.
 *
 *              to 0   to 1   to 2
 *     from 0    -      x      x
 *     from 1    x      -      x
 *     from 2    x      x      -
 *     main      x      x      x
 */
export class Topology {
  readonly shardCount: number;
  /** By sender, then by receiver. */
  readonly #rings: (SharedArrayBuffer | null)[][] = [];
  readonly #fromMain: SharedArrayBuffer[] = [];
  readonly #capacity: number;

  constructor(shardCount: number) {
    assert(Number.isInteger(shardCount) && shardCount > 0, 'a node has shards');
    this.shardCount = shardCount;
    this.#capacity = ringCapacity(shardCount);
    for (let from = 0; from < shardCount; from += 1) {
      this.#fromMain.push(createRing(MAIN_RING_CAPACITY));
      this.#rings.push(Array.from({ length: shardCount }, (_, to) => (to === from ? null : createRing(this.#capacity))));
    }
  }

  /** As the shard sees them; null for the shard itself. */
  peersOf(shard: ShardId): (PeerRings | null)[] {
    return Array.from({ length: this.shardCount }, (_, peer) => (peer === shard ? null : this.ringsBetween(shard, peer)));
  }

  /** As `shard` sees them. */
  ringsBetween(shard: ShardId, peer: ShardId): PeerRings {
    const incoming = this.#rings[peer][shard];
    const outgoing = this.#rings[shard][peer];
    assert(incoming !== null && outgoing !== null, 'a shard has no ring to itself');
    return { incoming, outgoing };
  }

  fromMainTo(shard: ShardId): SharedArrayBuffer {
    return this.#fromMain[shard];
  }

  /** The shard died: every ring with it is made anew, and nobody else's. */
  replace(shard: ShardId): void {
    for (let peer = 0; peer < this.shardCount; peer += 1) {
      if (peer === shard) continue;
      this.#rings[shard][peer] = createRing(this.#capacity);
      this.#rings[peer][shard] = createRing(this.#capacity);
    }
    this.#fromMain[shard] = createRing(MAIN_RING_CAPACITY);
  }
}

/** Bytes of one ring between shards, a power of two. */
function ringCapacity(shardCount: number): number {
  const pairs = shardCount * (shardCount - 1);
  let capacity = RING_CAPACITY_DEFAULT;
  while (capacity > RING_CAPACITY_LEAST && capacity * pairs > RINGS_BYTES_MAX) capacity /= 2;
  return capacity;
}
