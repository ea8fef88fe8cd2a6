import type { ShardId } from '../broker/ports.js';
import { ringDoorbell } from '../ring/doorbell.js';
import { RingConsumer } from '../ring/ring-consumer.js';
import { NO_SPACE, RingProducer } from '../ring/ring-producer.js';
import { ACCEPTED_HEAD_BYTES, ACCEPTED_TAG, ENVELOPE } from './envelope.js';
import type { ThreadCells } from './thread-cells.js';

export interface DealerOptions {
  readonly cells: ThreadCells;
  /** Of the whole node. */
  readonly connectionsMax: number;
  /** From main, by shard. */
  readonly rings: readonly SharedArrayBuffer[];
  readonly isServing: (shard: ShardId) => boolean;
  readonly closeDescriptor: (descriptor: number) => void;
}

/** Gives accepted descriptors to the shards, each to the one with the fewest connections. On the main thread. */
export class Dealer {
  /** Connections closed at once because the node was full. */
  refused = 0;
  readonly #options: DealerOptions;
  readonly #rings: RingProducer[];
  readonly #memory: SharedArrayBuffer[];
  /** Descriptors ever given to the shard, modulo 2^32, since it started. */
  readonly #dealt: Int32Array;
  readonly #loads: Int32Array;
  readonly #isRung: Uint8Array;

  constructor(options: DealerOptions) {
    this.#options = options;
    this.#memory = [...options.rings];
    this.#rings = options.rings.map((memory) => new RingProducer(memory));
    this.#dealt = new Int32Array(options.rings.length);
    this.#loads = new Int32Array(options.rings.length);
    this.#isRung = new Uint8Array(options.rings.length);
  }

  /** Connections of the node, and what is on its way to a shard. */
  get load(): number {
    let sum = 0;
    for (let shard = 0; shard < this.#rings.length; shard += 1) sum += this.#loadOf(shard);
    return sum;
  }

  deal(listenerTag: number, descriptors: Int32Array, count: number): void {
    const { cells, connectionsMax, closeDescriptor } = this.#options;
    const loads = this.#loads;
    let total = 0;
    for (let shard = 0; shard < loads.length; shard += 1) {
      loads[shard] = this.#loadOf(shard);
      total += loads[shard];
    }
    for (let index = 0; index < count; index += 1) {
      const shard = this.#leastLoaded();
      if (total >= connectionsMax || !this.#hand(shard, listenerTag, descriptors[index])) {
        this.refused += 1;
        closeDescriptor(descriptors[index]);
        continue;
      }
      loads[shard] += 1;
      total += 1;
    }
    for (let shard = 0; shard < loads.length; shard += 1) {
      if (this.#isRung[shard] === 1) ringDoorbell(cells.cells, cells.doorbellOf(shard));
      this.#isRung[shard] = 0;
    }
  }

  /** The shard died. What it had not taken yet is dealt again. Its cells were cleared. */
  replace(shard: ShardId, memory: SharedArrayBuffer): void {
    const left = new RingConsumer(this.#memory[shard]);
    this.#memory[shard] = memory;
    this.#rings[shard] = new RingProducer(memory);
    this.#dealt[shard] = 0;
    left.read(Number.MAX_SAFE_INTEGER, left.capacity, (_type, offset, length) => {
      const tag = left.words[(offset >> 2) + ACCEPTED_TAG];
      const descriptors = left.words.slice((offset + ACCEPTED_HEAD_BYTES) >> 2, (offset + length) >> 2);
      this.deal(tag, descriptors, descriptors.length);
    });
  }

  /** One record per descriptor: 16 bytes, and a burst of accepts is rare next to what the connections do later. */
  #hand(shard: ShardId, listenerTag: number, descriptor: number): boolean {
    const ring = this.#rings[shard];
    const at = ring.claim(ENVELOPE.accepted, ACCEPTED_HEAD_BYTES + 4);
    if (at === NO_SPACE) return false;
    ring.words[(at >> 2) + ACCEPTED_TAG] = listenerTag;
    ring.words[(at + ACCEPTED_HEAD_BYTES) >> 2] = descriptor;
    ring.commit();
    this.#dealt[shard] += 1;
    this.#isRung[shard] = 1;
    return true;
  }

  /** A shard that is starting gets some only if none is serving: its ring keeps them until it is. */
  #leastLoaded(): ShardId {
    const loads = this.#loads;
    let best = 0;
    let bestServes = this.#options.isServing(0);
    for (let shard = 1; shard < loads.length; shard += 1) {
      const serves = this.#options.isServing(shard);
      if (serves === bestServes ? loads[shard] >= loads[best] : !serves) continue;
      best = shard;
      bestServes = serves;
    }
    return best;
  }

  #loadOf(shard: ShardId): number {
    const { cells } = this.#options;
    return cells.connectionsOf(shard) + ((this.#dealt[shard] - cells.adoptedOf(shard)) | 0);
  }
}
