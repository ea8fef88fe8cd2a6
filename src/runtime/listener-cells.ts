import { assert } from '../base/assert.js';
import type { ListenerDefinition } from '../settings/listener-schema.js';

/*
  How many connections came by each listener, for limits of the whole node, in memory that all shards share. 32-bit cells:

    per listener:  +0 the second, since the start, of the last new connection   +1 new connections in it
    behind those:  open connections, per shard and listener

  A shard writes its own counts alone, so that those of a dead one can be cleared. The rate is exact enough: at the turn of a second two
  shards may both begin it.
*/
const RATE_CELLS = 2;
const MS_PER_SECOND = 1000;

export interface ListenerLimits {
  /** 0: none. */
  readonly connectionsMax: number;
  /** 0: none. */
  readonly perSecondMax: number;
}

export class ListenerCells {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly #tagsMax: number;
  readonly #shardCount: number;

  /** @param tagsMax the highest tag. */
  constructor(memory: SharedArrayBuffer, tagsMax: number, shardCount: number) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
    this.#tagsMax = tagsMax;
    this.#shardCount = shardCount;
    assert(memory.byteLength === bytesFor(tagsMax, shardCount), 'the memory has a cell for each shard and listener');
  }

  static create(tagsMax: number, shardCount: number): ListenerCells {
    return new ListenerCells(new SharedArrayBuffer(bytesFor(tagsMax, shardCount)), tagsMax, shardCount);
  }

  /** Whether a connection may come in; it counts for the rate then. @param nowMs since the start of the process. */
  admits(tag: number, { connectionsMax, perSecondMax }: ListenerLimits, nowMs: number): boolean {
    if (connectionsMax > 0 && this.connectionsOf(tag) >= connectionsMax) return false;
    if (perSecondMax === 0) return true;
    const cells = this.#cells;
    const at = tag * RATE_CELLS;
    const second = Math.floor(nowMs / MS_PER_SECOND);
    if (Atomics.exchange(cells, at, second) !== second) Atomics.store(cells, at + 1, 0);
    return Atomics.add(cells, at + 1, 1) < perSecondMax;
  }

  add(tag: number, shard: number, change: 1 | -1): void {
    Atomics.add(this.#cells, this.#at(tag, shard), change);
  }

  connectionsOf(tag: number): number {
    let sum = 0;
    for (let shard = 0; shard < this.#shardCount; shard += 1) sum += Atomics.load(this.#cells, this.#at(tag, shard));
    return sum;
  }

  /** Connections of the node. */
  get total(): number {
    let sum = 0;
    for (let at = this.#at(0, 0); at < this.#cells.length; at += 1) sum += Atomics.load(this.#cells, at);
    return sum;
  }

  /** It died, and its connections with it. */
  clearShard(shard: number): void {
    for (let tag = 0; tag <= this.#tagsMax; tag += 1) Atomics.store(this.#cells, this.#at(tag, shard), 0);
  }

  #at(tag: number, shard: number): number {
    return (this.#tagsMax + 1) * RATE_CELLS + shard * (this.#tagsMax + 1) + tag;
  }
}

/** The highest tag. */
export function tagsMaxOf(definitions: readonly ListenerDefinition[]): number {
  return definitions.reduce((highest, { tag }) => Math.max(highest, tag), 0);
}

function bytesFor(tagsMax: number, shardCount: number): number {
  return (tagsMax + 1) * (RATE_CELLS + shardCount) * 4;
}
