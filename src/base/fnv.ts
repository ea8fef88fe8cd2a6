/* FNV-1a: quick, the same on every thread and in every process. Not against whoever looks for collisions. */

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** Of `bytes[from, to)`, a 32-bit integer. */
export function hashOfBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = FNV_OFFSET;
  for (let index = from; index < to; index += 1) hash = Math.imul(hash ^ bytes[index], FNV_PRIME);
  return hash;
}

/** Of text by its UTF-16 code units: for text beyond ASCII not that of its bytes. */
export function hashOfText(text: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return hash;
}
