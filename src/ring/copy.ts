/** Up to this many bytes a loop over words beats `set`, which needs a view of the source. Measured: 41 against 67 ns at 160 bytes, 85 against 78 at 400. */
export const COPY_BY_WORDS_BYTES_MAX = 320;

/**
 * Copies bytes whose places in source and target have the same remainder by 4, without making a view.
 * The words are views of the very memory of the bytes, from its start.
 */
export function copyByWords(
  target: Uint8Array,
  targetWords: Int32Array,
  targetOffset: number,
  source: Uint8Array,
  sourceWords: Int32Array,
  sourceOffset: number,
  length: number,
): void {
  let to = targetOffset;
  let from = sourceOffset;
  const end = sourceOffset + length;
  while ((from & 3) !== 0 && from < end) {
    target[to] = source[from];
    to += 1;
    from += 1;
  }
  const words = (end - from) >> 2;
  const toWord = to >> 2;
  const fromWord = from >> 2;
  for (let index = 0; index < words; index += 1) targetWords[toWord + index] = sourceWords[fromWord + index];
  to += words << 2;
  from += words << 2;
  while (from < end) {
    target[to] = source[from];
    to += 1;
    from += 1;
  }
}
