/** How much a key likes a place: the place that it likes best gets it (rendezvous hashing). A place is two numbers, say a shard and an index. */
export function affinity(hash: number, place: number, index: number): number {
  let mixed = hash ^ Math.imul(place + 1, 0x9e37_79b1) ^ Math.imul(index + 1, 0x7feb_352d);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
