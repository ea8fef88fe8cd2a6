import { type FileHandle, open } from 'node:fs/promises';
import { crc32c } from '../../wire/crc32c.js';

/*
  What a sealed segment file is, byte for byte: its size, and the CRC-32C of each MiB. LMDB has no checksums, and a file holds more than entries:
  page heads, meta pages, pages that are free. A CRC-32C finds every single wrong bit of its piece, and says in which MiB it is.

  Stored form, big-endian:   version u8 | bytes u48 | sum u32 * ceil(bytes / 2^20) | crc u32 of what is before it
*/

export const SUM_PIECE_BYTES: number = 2 ** 20;
/** Read and summed in one go: a quarter of a millisecond of the thread. */
const READ_BYTES = 2 ** 18;
const VERSION = 1;
const HEAD_BYTES = 7;
const CRC_BYTES = 4;

export interface FileSums {
  readonly bytes: number;
  readonly pieces: Uint32Array;
}

/** Reads a file from front to end without stalling the thread. @returns null if `isWanted` said no on the way. */
export async function sumFile(path: string, isWanted: () => boolean = () => true): Promise<FileSums | null> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const pieces = new Uint32Array(Math.ceil(size / SUM_PIECE_BYTES));
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, Math.max(size, 1)));
    for (let at = 0; at < size; at += buffer.length) {
      if (!isWanted()) return null;
      const length = Math.min(buffer.length, size - at);
      const piece = Math.floor(at / SUM_PIECE_BYTES);
      await fill(file, buffer, length, at, path);
      pieces[piece] = crc32c(buffer, 0, length, pieces[piece]);
    }
    return { bytes: size, pieces };
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle, buffer: Buffer, length: number, at: number, path: string): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, at + done);
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
    done += bytesRead;
  }
}

export function encodeSums({ bytes, pieces }: FileSums): Buffer {
  const value = Buffer.allocUnsafe(HEAD_BYTES + pieces.length * 4 + CRC_BYTES);
  value[0] = VERSION;
  value.writeUIntBE(bytes, 1, 6);
  let at = HEAD_BYTES;
  for (const sum of pieces) at = value.writeUInt32BE(sum, at);
  value.writeUInt32BE(crc32c(value, 0, at), at);
  return value;
}

/** Null: these are no sums, or not those that were written. */
export function decodeSums(bytes: Uint8Array): FileSums | null {
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = value.length - CRC_BYTES;
  if (end < HEAD_BYTES || value[0] !== VERSION || value.readUInt32BE(end) !== crc32c(value, 0, end)) return null;
  const size = value.readUIntBE(1, 6);
  const pieces = new Uint32Array((end - HEAD_BYTES) / 4);
  if (pieces.length !== Math.ceil(size / SUM_PIECE_BYTES) || HEAD_BYTES + pieces.length * 4 !== end) return null;
  for (let i = 0; i < pieces.length; i += 1) pieces[i] = value.readUInt32BE(HEAD_BYTES + i * 4);
  return { bytes: size, pieces };
}

/** Where a file is not what it was; null if it is. */
export function differenceOf(stored: FileSums, found: FileSums): string | null {
  if (stored.bytes !== found.bytes) return `it has ${found.bytes} bytes and had ${stored.bytes} when it was sealed`;
  const wrong: number[] = [];
  for (let i = 0; i < stored.pieces.length; i += 1) if (stored.pieces[i] !== found.pieces[i]) wrong.push(i);
  if (wrong.length === 0) return null;
  const some = wrong.slice(0, 8).join(', ');
  return `${wrong.length} of ${stored.pieces.length} MiB are not what was sealed: number ${some}${wrong.length > 8 ? ', ...' : ''}`;
}
