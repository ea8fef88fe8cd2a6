import { assert } from '../base/assert.js';
import { DOORBELL_CELLS } from '../ring/doorbell.js';

/*
  A few numbers that every thread of the node can see, 32 bits each. One block per shard, then one of the node:

    shard:  +0 doorbell (a line pair of its own)   +32 heartbeat   +33 connections   +34 adopted   +35 must close
    node:   +0 log level   +1 the process ends

  heartbeat, connections and must close are written by the shard, and read by main.
  adopted counts, modulo 2^32, the descriptors the shard took from main: what main dealt less this is still on its way.
*/
const BLOCK_CELLS = DOORBELL_CELLS * 2;
const HEARTBEAT = DOORBELL_CELLS;
const CONNECTIONS = DOORBELL_CELLS + 1;
const ADOPTED = DOORBELL_CELLS + 2;
const MUST_CLOSE = DOORBELL_CELLS + 3;
const LOG_LEVEL = 0;
const PROCESS_ENDS = 1;

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

  get shardCount(): number {
    return this.#shardCount;
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

  /**
   * The thread of a shard is about to open what it must close before it ends: main waits for it.
   * @returns false if the process is ending; then it must not open. Either the shard sees that, or main sees the shard: Atomics
   * are in one total order.
   */
  beginMustClose(shard: number): boolean {
    Atomics.store(this.cells, this.#block(shard) + MUST_CLOSE, 1);
    if (Atomics.load(this.cells, this.#node() + PROCESS_ENDS) === 0) return true;
    this.endMustClose(shard);
    return false;
  }

  /** The shard has closed it, or its thread is gone. */
  endMustClose(shard: number): void {
    const cell = this.#block(shard) + MUST_CLOSE;
    Atomics.store(this.cells, cell, 0);
    Atomics.notify(this.cells, cell);
  }

  beginProcessEnd(): void {
    Atomics.store(this.cells, this.#node() + PROCESS_ENDS, 1);
  }

  /** Stops this thread until the shard has closed what it must. @returns false if the time was over first. */
  waitForClose(shard: number, timeoutMs: number): boolean {
    return Atomics.wait(this.cells, this.#block(shard) + MUST_CLOSE, 1, timeoutMs) !== 'timed-out';
  }

  /** A new thread takes the block of a dead one. */
  clearShard(shard: number): void {
    Atomics.store(this.cells, this.#block(shard) + CONNECTIONS, 0);
    Atomics.store(this.cells, this.#block(shard) + ADOPTED, 0);
  }

  /** Index into LOG_LEVELS of the lowest level that is written. */
  set logLevel(index: number) {
    Atomics.store(this.cells, this.#node() + LOG_LEVEL, index);
  }

  get logLevel(): number {
    return Atomics.load(this.cells, this.#node() + LOG_LEVEL);
  }

  #block(shard: number): number {
    assert(shard >= 0 && shard < this.#shardCount, 'the shard is one of the node');
    return shard * BLOCK_CELLS;
  }

  #node(): number {
    return this.#shardCount * BLOCK_CELLS;
  }
}
