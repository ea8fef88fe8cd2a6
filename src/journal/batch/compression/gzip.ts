import { gunzipSync } from 'node:zlib';
import type { BatchError } from '../batch-error.js';
import { broken, tooLarge } from './faults.js';

/** zlib's own 16 KiB would make many small pieces. */
const CHUNK_BYTES = 64 * 1024;

/** gzip, RFC 1952; members may follow one another. @throws BatchError. */
export function inflateGzip(bytes: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax, chunkSize: CHUNK_BYTES });
  } catch (cause) {
    throw faultOf(cause, bytesMax);
  }
}

function faultOf(cause: unknown, bytesMax: number): BatchError {
  const isLong = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
  return isLong ? tooLarge('gzip', bytesMax, cause) : broken('gzip', 'zlib cannot inflate them', cause);
}
