import { assert } from '../base/assert.js';
import { DOORBELL_CELLS } from '../ring/doorbell.js';

/*
  A few numbers that every thread of the node can see, 32 bits each. One block per shard, then one of the node:

    shard:  +0 doorbell (a line pair of its own)   +32 heartbeat   +33 connections   +34 adopted
    node:   +0 log level

  heartbeat and connections are written by the shard, and read by main.
  adopted counts, modulo 2^32, the descriptors the shard took from main: what main dealt less this is still on its way.
*/
const BLOCK_CELLS = DOORBELL_CELLS * 2;
const HEARTBEAT = DOORBELL_CELLS;
const CONNECTIONS = DOORBELL_CELLS + 1;
const ADOPTED = DOORBELL_CELLS + 2;

export class ThreadCells {
  readonly memory: SharedArrayBuffer;
  readonly cells: Int32Array;
  readonly #shardCount: number;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.cells = new Int32Array(memory);
    this.#shardCount = this.cells.length / BLOCK_CELLS - 1;
    assert(Number.isInteger(this.#shardCount) && this.#shardCount > 0, 'the memory holds whole blocks');
  }

  static create(shardCount: number): ThreadCells {
    return new ThreadCells(new SharedArrayBuffer((shardCount + 1) * BLOCK_CELLS * 4));
  }

  doorbellOf(shard: number): number {
    return this.#block(shard);
  }

  beat(shard: number): void {
    Atomics.add(this.cells, this.#block(shard) + HEARTBEAT, 1);
  }

  heartbeatOf(shard: number): number {
    return Atomics.load(this.cells, this.#block(shard) + HEARTBEAT);
  }

  setConnections(shard: number, count: number): void {
    Atomics.store(this.cells, this.#block(shard) + CONNECTIONS, count);
  }

  connectionsOf(shard: number): number {
    return Atomics.load(this.cells, this.#block(shard) + CONNECTIONS);
  }

  addAdopted(shard: number, count: number): void {
    Atomics.add(this.cells, this.#block(shard) + ADOPTED, count);
  }

  adoptedOf(shard: number): number {
    return Atomics.load(this.cells, this.#block(shard) + ADOPTED);
  }

  /** A new thread takes the block of a dead one. */
  clearShard(shard: number): void {
    Atomics.store(this.cells, this.#block(shard) + CONNECTIONS, 0);
    Atomics.store(this.cells, this.#block(shard) + ADOPTED, 0);
  }

  /** Index into LOG_LEVELS of the lowest level that is written. */
  set logLevel(index: number) {
    Atomics.store(this.cells, this.#shardCount * BLOCK_CELLS, index);
  }

  get logLevel(): number {
    return Atomics.load(this.cells, this.#shardCount * BLOCK_CELLS);
  }

  #block(shard: number): number {
    assert(shard >= 0 && shard < this.#shardCount, 'the shard is one of the node');
    return shard * BLOCK_CELLS;
  }
}
