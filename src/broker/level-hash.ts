/*
  FNV-1a over UTF-16 code units. Two uses: the edge table of a level tree (seeded, so that a client cannot choose its
  collisions), and the owner of a name among the shards (not seeded: every shard must compute the same owner).
*/
const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** Hash of `text[start, end)`, a 32-bit integer. */
export function levelHash(text: string, start: number, end: number, seed: number): number {
  let hash = FNV_OFFSET ^ seed;
  for (let index = start; index < end; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return hash;
}

/** Which of `shardCount` shards owns a name: the retained message of a topic, the registration of a client identifier. */
export function ownerOf(name: string, shardCount: number): number {
  if (shardCount === 1) return 0;
  let hash = levelHash(name, 0, name.length, 0);
  // FNV leaves its high bits poorly mixed for short names; the remainder below looks at all of them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shardCount;
}
