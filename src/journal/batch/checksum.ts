import { loadNative } from '../../native/door.js';
import { crc32c } from '../../wire/crc32c.js';

/** A call into the addon costs more than so many bytes by table. */
const NATIVE_BYTES_MIN = 64;

const native = loadNative();
const fast = 'unavailable' in native ? null : native;

/** CRC-32C of `bytes` from `from` to before `to`: by the processor's own instruction where the native addon is there, else by tables. */
export function checksum(bytes: Uint8Array, from: number, to: number): number {
  if (fast === null || to - from < NATIVE_BYTES_MIN) return crc32c(bytes, from, to) >>> 0;
  return fast.crc32c(bytes.subarray(from, to), 0) >>> 0;
}
