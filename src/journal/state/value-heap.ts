import { assert } from '../../base/assert.js';

const CHUNK_BYTES = 65_536;
const HEAD_BYTES = 8;
const NOWHERE = -1;

/*
  The bytes of many small rows without an object for each.

    chunk   | row u32 | length u32 | bytes | row u32 | length u32 | bytes | ... free
                                     ^ #chunkOf[row], #atOf[row]

  Bytes that were written never change, so a view that somebody holds stays what it was: a new value goes to the end of the open chunk, and
  a chunk of which less than half is alive is left for the garbage collector after its living part has moved to the open one. That costs one more copy
  of a byte at most, on average. Numbers are little-endian; none of this is ever written to a disk.
*/
export class ValueHeap {
  readonly #chunks: (Uint8Array | null)[] = [];
  /** Bytes in use by living rows, and bytes used at all, by chunk. */
  readonly #live: number[] = [];
  readonly #used: number[] = [];
  readonly #freeChunks: number[] = [];
  /** Chunks to look at, whether their living part should move. */
  readonly #sparse: number[] = [];
  #chunkOf = new Int32Array(0);
  #atOf = new Int32Array(0);
  #open = NOWHERE;
  #isMoving = false;

  /** Bytes of memory that chunks take. */
  get bytes(): number {
    let sum = 0;
    for (const chunk of this.#chunks) sum += chunk === null ? 0 : chunk.length;
    return sum;
  }

  /** Rows below `capacity` have a place from now on. */
  reserve(capacity: number): void {
    const before = this.#chunkOf.length;
    if (capacity <= before) return;
    const chunkOf = new Int32Array(capacity).fill(NOWHERE, before);
    chunkOf.set(this.#chunkOf);
    const atOf = new Int32Array(capacity);
    atOf.set(this.#atOf);
    this.#chunkOf = chunkOf;
    this.#atOf = atOf;
  }

  has(row: number): boolean {
    return this.#chunkOf[row] !== NOWHERE;
  }

  lengthOf(row: number): number {
    return lengthAt(this.#chunkAt(this.#chunkOf[row]), this.#atOf[row] - HEAD_BYTES);
  }

  /** A view that stays valid and unchanged, also after the row has another value. */
  get(row: number): Uint8Array {
    const chunk = this.#chunkAt(this.#chunkOf[row]);
    const at = this.#atOf[row];
    return chunk.subarray(at, at + lengthAt(chunk, at - HEAD_BYTES));
  }

  copyTo(row: number, target: Uint8Array, targetAt: number): void {
    const chunk = this.#chunkAt(this.#chunkOf[row]);
    const at = this.#atOf[row];
    const length = lengthAt(chunk, at - HEAD_BYTES);
    if (length <= 64) for (let i = 0; i < length; i += 1) target[targetAt + i] = chunk[at + i];
    else target.set(chunk.subarray(at, at + length), targetAt);
  }

  /** Copies `source[from..to)`. */
  set(row: number, source: Uint8Array, from: number, to: number): void {
    const oldChunk = this.#chunkOf[row];
    const oldBytes = oldChunk === NOWHERE ? 0 : HEAD_BYTES + this.lengthOf(row);
    this.#write(row, source, from, to);
    if (oldChunk !== NOWHERE) this.#release(oldChunk, oldBytes);
    if (this.#sparse.length > 0) this.#moveSparse();
  }

  delete(row: number): void {
    const chunk = this.#chunkOf[row];
    assert(chunk !== NOWHERE, 'only a row that is there is deleted');
    const bytes = HEAD_BYTES + this.lengthOf(row);
    this.#chunkOf[row] = NOWHERE;
    this.#release(chunk, bytes);
    if (this.#sparse.length > 0) this.#moveSparse();
  }

  #write(row: number, source: Uint8Array, from: number, to: number): void {
    const length = to - from;
    const number = this.#chunkFor(HEAD_BYTES + length);
    const chunk = this.#chunkAt(number);
    const head = this.#used[number];
    const at = head + HEAD_BYTES;
    writeU32(chunk, head, row);
    writeU32(chunk, head + 4, length);
    if (length <= 64) for (let i = 0; i < length; i += 1) chunk[at + i] = source[from + i];
    else chunk.set(source.subarray(from, to), at);
    this.#used[number] += HEAD_BYTES + length;
    this.#live[number] += HEAD_BYTES + length;
    this.#chunkOf[row] = number;
    this.#atOf[row] = at;
  }

  /** The open chunk, a new one if it is full; a large value has one of its own. */
  #chunkFor(bytes: number): number {
    if (bytes > CHUNK_BYTES / 4) return this.#addChunk(bytes);
    const open = this.#open;
    if (open !== NOWHERE && this.#used[open] + bytes <= CHUNK_BYTES) return open;
    this.#open = this.#addChunk(CHUNK_BYTES);
    if (open !== NOWHERE) this.#sparse.push(open);
    return this.#open;
  }

  #addChunk(bytes: number): number {
    const number = this.#freeChunks.pop() ?? this.#chunks.length;
    this.#chunks[number] = new Uint8Array(bytes);
    this.#live[number] = 0;
    this.#used[number] = 0;
    return number;
  }

  #release(chunk: number, bytes: number): void {
    this.#live[chunk] -= bytes;
    assert(this.#live[chunk] >= 0, 'a chunk has no less than nothing');
    if (chunk !== this.#open && this.#live[chunk] * 2 < this.#used[chunk]) this.#sparse.push(chunk);
  }

  #moveSparse(): void {
    if (this.#isMoving) return;
    this.#isMoving = true;
    for (let chunk = this.#sparse.pop(); chunk !== undefined; chunk = this.#sparse.pop()) {
      if (chunk === this.#open || this.#chunks[chunk] === null || this.#live[chunk] * 2 >= this.#used[chunk]) continue;
      if (this.#live[chunk] > 0) this.#moveLiving(chunk);
      assert(this.#live[chunk] === 0, 'all that was alive has moved');
      this.#chunks[chunk] = null;
      this.#freeChunks.push(chunk);
    }
    this.#isMoving = false;
  }

  #moveLiving(number: number): void {
    const chunk = this.#chunkAt(number);
    const used = this.#used[number];
    for (let head = 0; head < used; ) {
      const row = readU32(chunk, head);
      const at = head + HEAD_BYTES;
      const end = at + lengthAt(chunk, head);
      if (this.#chunkOf[row] === number && this.#atOf[row] === at) {
        this.#write(row, chunk, at, end);
        this.#live[number] -= end - head;
      }
      head = end;
    }
  }

  #chunkAt(number: number): Uint8Array {
    const chunk = this.#chunks[number];
    assert(chunk !== null && chunk !== undefined, 'a row that is there has a chunk');
    return chunk;
  }
}

function lengthAt(chunk: Uint8Array, head: number): number {
  return readU32(chunk, head + 4);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
