import type { SnapshotMark } from '../../src/raft/driver/ports.js';
import { decodeMark, encodeMark } from '../../src/raft/driver/snapshot-mark.js';
import type { LogIndex } from '../../src/raft/messages.js';
import { crc32c } from '../../src/wire/crc32c.js';
import type { SimulatedDisk } from './simulated-disk.js';

/*
  A snapshot, whole or coming in, is a file of pieces. The first piece is the mark of the snapshot that comes in, and empty of one that is taken here.

    piece    length u32 | CRC-32C u32 | bytes
*/

const HEAD_BYTES = 8;
const NOTHING = new Uint8Array(0);

interface Piece {
  readonly at: number;
  readonly length: number;
  readonly checksum: number;
}

export class SnapshotFile {
  readonly serial: number;
  /** null: it is taken here. */
  readonly incomingMark: SnapshotMark | null;
  /** CRC-32C of all chunks so far. */
  checksum = 0;
  bytes = 0;
  readonly #disk: SimulatedDisk;
  readonly #chunks: Piece[] = [];
  #end = 0;

  constructor(disk: SimulatedDisk, serial: number, incomingMark: SnapshotMark | null) {
    this.#disk = disk;
    this.serial = serial;
    this.incomingMark = incomingMark;
  }

  /** @returns null if the file has no first piece, or something behind its last whole one. */
  static open(disk: SimulatedDisk, serial: number): SnapshotFile | null {
    const bytes = disk.read(fileName(serial));
    const head = pieceAt(bytes, 0);
    if (head === null) return null;
    const mark = head.length === 0 ? null : decodeMark(bytes.subarray(head.at, head.at + head.length));
    const file = new SnapshotFile(disk, serial, mark);
    file.#end = head.at + head.length;
    for (let piece = pieceAt(bytes, file.#end); piece !== null; piece = pieceAt(bytes, file.#end)) {
      file.#note(piece.at, bytes.subarray(piece.at, piece.at + piece.length), piece.checksum);
    }
    return file.#end === bytes.length ? file : null;
  }

  get count(): number {
    return this.#chunks.length;
  }

  get name(): string {
    return fileName(this.serial);
  }

  isWhole(mark: SnapshotMark): boolean {
    return this.count === mark.chunkCount && this.bytes === mark.bytes && this.checksum === mark.checksum;
  }

  append(chunk: Uint8Array): void {
    if (this.#end === 0) this.begin();
    const checksum = crc32c(chunk, 0, chunk.length);
    this.#disk.append(this.name, pieceOf(chunk, checksum));
    this.#note(this.#end + HEAD_BYTES, chunk, checksum);
  }

  begin(): void {
    const head = this.incomingMark === null ? NOTHING : encodeMark(this.incomingMark);
    this.#disk.append(this.name, pieceOf(head, crc32c(head, 0, head.length)));
    this.#end = HEAD_BYTES + head.length;
  }

  /** @returns null if it is not what was written. */
  chunk(number: number): Uint8Array | null {
    const piece = this.#chunks[number];
    if (piece === undefined) return null;
    const bytes = this.#disk.read(this.name).slice(piece.at, piece.at + piece.length);
    return crc32c(bytes, 0, bytes.length) === piece.checksum ? bytes : null;
  }

  remove(): void {
    if (this.#end > 0) this.#disk.remove(this.name);
    this.#end = 0;
  }

  #note(at: number, chunk: Uint8Array, checksum: number): void {
    this.#chunks.push({ at, length: chunk.length, checksum });
    this.checksum = crc32c(chunk, 0, chunk.length, this.checksum);
    this.bytes += chunk.length;
    this.#end = at + chunk.length;
  }
}

export function fileName(serial: number): string {
  return `snapshot-${String(serial).padStart(8, '0')}`;
}

/** @returns null if it is no file of a snapshot. */
export function serialOf(name: string): number | null {
  return name.startsWith('snapshot-') ? Number(name.slice('snapshot-'.length)) : null;
}

/** Of a new node: the state that all first voters share, in which there is nothing. */
export function firstMark(voters: readonly number[], index: LogIndex = 1): SnapshotMark {
  const configuration = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  return { index, term: 1, configuration, chunkCount: 0, bytes: 0, checksum: 0 };
}

function pieceOf(bytes: Uint8Array, checksum: number): Uint8Array {
  const piece = new Uint8Array(HEAD_BYTES + bytes.length);
  const view = new DataView(piece.buffer);
  view.setUint32(0, bytes.length);
  view.setUint32(4, checksum);
  piece.set(bytes, HEAD_BYTES);
  return piece;
}

function pieceAt(bytes: Uint8Array, from: number): Piece | null {
  const at = from + HEAD_BYTES;
  if (at > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(from);
  const checksum = view.getUint32(from + 4);
  if (at + length > bytes.length || crc32c(bytes, at, at + length) !== checksum) return null;
  return { at, length, checksum };
}
