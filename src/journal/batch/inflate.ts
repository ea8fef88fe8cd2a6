import { gunzipSync } from 'node:zlib';
import { BatchError } from './batch-error.js';
import { CODEC } from './layout.js';

/** Records of a compressed batch. @throws BatchError: they are not what the codec makes, or longer than `bytesMax`. */
export function inflateRecords(codec: number, bytes: Uint8Array, bytesMax: number): Uint8Array {
  switch (codec) {
    case CODEC.gzip:
      return inflateGzip(bytes, bytesMax);
    default:
      throw new BatchError('bad-codec', `records are compressed with codec ${codec}, which is not known`);
  }
}

function inflateGzip(bytes: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch (cause) {
    const isLong = cause instanceof RangeError;
    throw new BatchError(isLong ? 'too-large' : 'bad-record', isLong ? 'records are too long when inflated' : 'records are no gzip', {
      cause,
    });
  }
}
