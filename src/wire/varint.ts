/*
  Variable byte integers, MQTT 5.0 §1.5.5: seven bits a byte, low bits first, the high bit says that another byte follows,
  at most four bytes, and no more bytes than needed.

    127 => 7f    128 => 80 01    16,383 => ff 7f    268,435,455 => ff ff ff 7f
*/

export const VARINT_MAX = 268_435_455;
export const VARINT_BYTES_MAX = 4;

/** Bytes that a value from 0 to VARINT_MAX takes: 1 to 4. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return 4;
}
