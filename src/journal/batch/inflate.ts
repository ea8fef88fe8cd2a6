import { BatchError } from './batch-error.js';
import { inflateGzip } from './compression/gzip.js';
import { inflateLz4 } from './compression/lz4.js';
import { inflateSnappy } from './compression/snappy.js';
import { inflateZstd } from './compression/zstd.js';
import { CODEC } from './layout.js';

/**
 * Records of a compressed batch. Nothing longer than `bytesMax` is allocated.
 * @throws BatchError `bad-record` if they are not what the codec makes, `too-large` if longer than `bytesMax`, `bad-codec`.
 */
export function inflateRecords(codec: number, bytes: Uint8Array, bytesMax: number): Uint8Array {
  switch (codec) {
    case CODEC.gzip:
      return inflateGzip(bytes, bytesMax);
    case CODEC.snappy:
      return inflateSnappy(bytes, bytesMax);
    case CODEC.lz4:
      return inflateLz4(bytes, bytesMax);
    case CODEC.zstd:
      return inflateZstd(bytes, bytesMax);
    default:
      throw new BatchError('bad-codec', `records are compressed with codec ${codec}, which is not known`);
  }
}
