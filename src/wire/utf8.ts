/*
  What a UTF-8 string from outside contains, in one pass over its bytes (RFC 3629, and MQTT 5.0 §1.5.4 which forbids U+0000).

  Refused: continuation bytes without a start, cut sequences, overlong forms, surrogates (U+D800..U+DFFF), values above U+10FFFF.
*/

/** Not UTF-8. */
export const TEXT_MALFORMED = -1;
/** Bits of the answer for well-formed text: it contains U+0000; it contains a control character (U+0001..U+001F, U+007F..U+009F). */
export const TEXT_HAS_NUL = 1;
export const TEXT_HAS_CONTROL = 2;

/** @returns TEXT_MALFORMED, or 0 with the bits TEXT_HAS_NUL and TEXT_HAS_CONTROL set where they apply. */
export function scanUtf8(bytes: Uint8Array, from: number, to: number): number {
  let found = 0;
  let at = from;
  while (at < to) {
    const first = bytes[at];
    if (first < 0x80) {
      if (first < 0x20) found |= first === 0 ? TEXT_HAS_NUL : TEXT_HAS_CONTROL;
      else if (first === 0x7f) found |= TEXT_HAS_CONTROL;
      at += 1;
      continue;
    }
    const length = sequenceLength(bytes, at, to);
    if (length === 0) return TEXT_MALFORMED;
    if (first === 0xc2 && bytes[at + 1] < 0xa0) found |= TEXT_HAS_CONTROL;
    at += length;
  }
  return found;
}

/*
  RFC 3629 §4. The second byte alone decides over overlong forms, surrogates and the upper limit:

    C2..DF 80..BF            E0 A0..BF 80..BF          E1..EC, EE..EF 80..BF 80..BF    ED 80..9F 80..BF
    F0 90..BF 80..BF 80..BF  F1..F3 80..BF (3 times)   F4 80..8F 80..BF 80..BF
*/
function sequenceLength(bytes: Uint8Array, at: number, to: number): number {
  const first = bytes[at];
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > to) return 0;
  const second = bytes[at + 1];
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = 2; i < length; i += 1) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  return length;
}
