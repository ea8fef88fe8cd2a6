import { ownerOf } from '../../src/broker/level-hash.js';

/** Of each broker that is killed. */
export const SHARDS = 2;

/** A child of `parent` that belongs to the shard. */
export function nameOf(parent: string, shard: number, index: number): string {
  for (let i = 0; ; i += 1) {
    const name = `${parent}/${index}-${i}`;
    if (ownerOf(name, SHARDS) === shard) return name;
  }
}
