import { assert } from '../base/assert.js';
import type { ShardId } from './ports.js';
import { TopicTrie } from './topic-trie.js';

/**
 * Which other shards have a subscription to which filter. Each shard is the only writer of its own interest; this is what
 * they told us.
 *
 * A filter's shards are an array in ascending order that never changes: most filters have one shard, and all of those share
 * one array per shard.
 */
export class Interest {
  readonly #shardCount: number;
  readonly #alone: readonly (readonly ShardId[])[];
  readonly #trie: TopicTrie<readonly ShardId[]>;
  /** 1 for each shard met by the match under way. */
  readonly #isMatched: Uint8Array;
  readonly #onMatch = (shards: readonly ShardId[]): void => {
    for (let index = 0; index < shards.length; index += 1) this.#isMatched[shards[index]] = 1;
  };

  constructor(shardCount: number, seed: number) {
    this.#shardCount = shardCount;
    this.#alone = Array.from({ length: shardCount }, (_, shard) => [shard]);
    this.#trie = new TopicTrie(seed);
    this.#isMatched = new Uint8Array(shardCount);
  }

  get filterCount(): number {
    return this.#trie.size;
  }

  /** False if it was known. */
  add(shard: ShardId, filter: string): boolean {
    assert(shard >= 0 && shard < this.#shardCount, 'interest comes from a shard of this node');
    const shards = this.#trie.get(filter);
    if (shards === undefined) {
      this.#trie.set(filter, this.#alone[shard]);
      return true;
    }
    if (shards.includes(shard)) return false;
    this.#trie.set(
      filter,
      [...shards, shard].sort((left, right) => left - right),
    );
    return true;
  }

  /** False if it was not there. */
  remove(shard: ShardId, filter: string): boolean {
    const shards = this.#trie.get(filter);
    if (shards === undefined || !shards.includes(shard)) return false;
    const others = this.#without(shards, shard);
    if (others === undefined) this.#trie.delete(filter);
    else this.#trie.set(filter, others);
    return true;
  }

  /** Takes away all that a shard told us. */
  forget(shard: ShardId): void {
    this.#trie.rewrite((shards) => (shards.includes(shard) ? this.#without(shards, shard) : shards));
  }

  /** The shards that have a matching filter, ascending. */
  shardsOf(topic: string): readonly ShardId[] {
    if (this.#trie.size === 0) return NO_SHARDS;
    this.#trie.match(topic, this.#onMatch);
    const shards: ShardId[] = [];
    for (let shard = 0; shard < this.#shardCount; shard += 1) {
      if (this.#isMatched[shard] === 1) shards.push(shard);
    }
    this.#isMatched.fill(0);
    return shards;
  }

  #without(shards: readonly ShardId[], shard: ShardId): readonly ShardId[] | undefined {
    if (shards.length === 1) return undefined;
    const others = shards.filter((other) => other !== shard);
    return others.length === 1 ? this.#alone[others[0]] : others;
  }
}

const NO_SHARDS: readonly ShardId[] = [];
