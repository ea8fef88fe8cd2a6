import type { BlockKind, BlockSink, EntryPlace } from '../keeper.js';
import { BLOCK_HEAD_BYTES, ENTRY_HEAD_BYTES, sealEntry, writeU32 } from './entry.js';

/** An entry of a broker with little to do is one message. */
const BYTES_FIRST = 512;

/** Memory of entries, given back when nobody reads them any more: kept by size, so that a steady load allocates nothing. */
export class EntryMemory {
  readonly #spare = new Map<number, Uint8Array[]>();
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns at least `length` bytes, with whatever is in them. */
  take(length: number): Uint8Array {
    let size = BYTES_FIRST;
    while (size < length) size *= 2;
    const bytes = this.#spare.get(size)?.pop();
    if (bytes === undefined) return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
    this.#bytes -= size;
    return bytes;
  }

  give(bytes: Uint8Array): void {
    const size = bytes.length;
    if ((size & (size - 1)) !== 0 || this.#bytes + size > this.#bytesMax) return; // It may be from elsewhere.
    this.#bytes += size;
    const spare = this.#spare.get(size);
    if (spare === undefined) this.#spare.set(size, [bytes]);
    else spare.push(bytes);
  }
}

/** Builds one entry after the other. The memory of a finished entry is its taker's. */
export class EntryBuilder implements BlockSink {
  place: EntryPlace = { segment: 0, group: 0, index: 0 };
  bytes: Uint8Array = new Uint8Array(0);
  length: number = ENTRY_HEAD_BYTES;
  readonly #memory: EntryMemory;

  constructor(memory: EntryMemory) {
    this.#memory = memory;
  }

  start(place: EntryPlace, expectedBytes: number): void {
    this.place = place;
    this.bytes = this.#memory.take(ENTRY_HEAD_BYTES + expectedBytes);
    this.length = ENTRY_HEAD_BYTES;
  }

  begin(kind: BlockKind, length: number): number {
    const at = this.length;
    const end = at + BLOCK_HEAD_BYTES + length;
    if (end > this.bytes.length) {
      const grown = this.#memory.take(end);
      grown.set(this.bytes.subarray(0, at));
      this.#memory.give(this.bytes);
      this.bytes = grown;
    }
    this.bytes[at] = kind;
    writeU32(this.bytes, at + 1, length);
    this.length = end;
    return at + BLOCK_HEAD_BYTES;
  }

  /** @returns the entry, in memory that is longer by what was taken too much: `subarray` of it. */
  finish(commit: number, firstSequence: number, span: number): Uint8Array {
    sealEntry(this.bytes, this.length, { place: this.place, commit, firstSequence, span, isRewritten: false });
    return this.bytes.subarray(0, this.length);
  }
}
