import { assert } from '../base/assert.js';

const CELL_BYTES = Float64Array.BYTES_PER_ELEMENT;
/** Two cache lines: the processor fetches them in pairs, and shards must not share one. */
const BLOCK_ALIGN_BYTES = 128;

/** What a thread needs to open a board; may be posted to workers. */
export interface CounterBoardHandOver {
  readonly names: readonly string[];
  readonly shardCount: number;
  readonly memory: SharedArrayBuffer;
}

/*
  Named counters in shared memory. Each shard writes its own block and nobody else's; anybody reads all of them.

    | shard 0: name 0, name 1, ... padding | shard 1: name 0, name 1, ... padding | ...     one Float64 each

  Plain stores: a reader may see a value that is a moment old, never one that is torn (cells are 8-byte aligned).
*/
export class CounterBoard {
  readonly handOver: CounterBoardHandOver;
  readonly #blocks: readonly Float64Array[];
  readonly #indexByName: ReadonlyMap<string, number>;

  constructor(handOver: CounterBoardHandOver) {
    const { names, shardCount, memory } = handOver;
    const blockBytes = blockBytesOf(names.length);
    assert(memory.byteLength === blockBytes * shardCount, 'the memory was made for these names and shards');
    this.handOver = handOver;
    this.#indexByName = new Map(names.map((name, index) => [name, index]));
    assert(this.#indexByName.size === names.length, 'counter names are distinct');
    this.#blocks = Array.from({ length: shardCount }, (_, shard) => new Float64Array(memory, shard * blockBytes, names.length));
  }

  static create(names: readonly string[], shardCount: number): CounterBoard {
    assert(names.length > 0 && shardCount > 0, 'a board has counters and shards');
    return new CounterBoard({ names, shardCount, memory: new SharedArrayBuffer(blockBytesOf(names.length) * shardCount) });
  }

  /** The cells of one shard, by the index of their name. Only that shard writes them. */
  blockOf(shard: number): Float64Array {
    assert(shard >= 0 && shard < this.#blocks.length, 'the shard has a block');
    return this.#blocks[shard];
  }

  /** Index of a counter within every block. */
  indexOf(name: string): number {
    const index = this.#indexByName.get(name);
    assert(index !== undefined, 'the counter is on the board');
    return index;
  }

  /** Sum over all shards. */
  totalOf(name: string): number {
    const index = this.indexOf(name);
    let total = 0;
    for (const block of this.#blocks) total += block[index];
    return total;
  }

  /** Every counter, summed over all shards. */
  totals(): Record<string, number> {
    return Object.fromEntries(this.handOver.names.map((name) => [name, this.totalOf(name)]));
  }
}

function blockBytesOf(cells: number): number {
  return Math.ceil((cells * CELL_BYTES) / BLOCK_ALIGN_BYTES) * BLOCK_ALIGN_BYTES;
}
