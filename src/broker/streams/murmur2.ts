/** Seed and mixing constant of Kafka's Java client (org.apache.kafka.common.utils.Utils.murmur2). */
const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/** MurmurHash2 as Kafka's Java client computes it: a key lands in the same partition whoever writes it. @returns 32 bits, signed. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let i = 0; i < whole; i += 4) {
    let word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    word = Math.imul(word, MIX);
    word ^= word >>> 24;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  if (length > whole) {
    for (let i = length - 1; i >= whole; i -= 1) hash ^= bytes[i] << (8 * (i - whole));
    hash = Math.imul(hash, MIX);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MIX);
  return (hash ^ (hash >>> 15)) | 0;
}

/** Partition of a key, as Kafka's default partitioner chooses it. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}
