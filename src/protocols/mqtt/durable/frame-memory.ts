const BYTES_FIRST = 64 * 1024;
/** Memory that is kept for later. */
const SPARE_BYTES_MAX = 8 * 1024 * 1024;

/** Where the frames of one pull are until the client has acknowledged the last of them. */
export class FrameMemory {
  readonly bytes: Uint8Array;
  readonly #pool: FrameMemories;
  #users = 0;

  constructor(bytes: Uint8Array, pool: FrameMemories) {
    this.bytes = bytes;
    this.#pool = pool;
  }

  /** So many messages more are in it. */
  use(count: number): void {
    this.#users += count;
  }

  /** So many are not wanted any more. Who is forgotten without it costs nothing but the memory's return to the pool. */
  release(count: number): void {
    this.#users -= count;
    if (this.#users === 0) this.#pool.give(this);
  }
}

/** Pulled messages pass in great numbers: their memory goes round, or the collector would come for it seldom and late. */
export class FrameMemories {
  readonly #spare: FrameMemory[] = [];
  #bytes = 0;

  /** @returns at least `length` bytes. */
  take(length: number): FrameMemory {
    for (let i = this.#spare.length - 1; i >= 0; i -= 1) {
      const memory = this.#spare[i];
      if (memory.bytes.length < length) continue;
      this.#spare.splice(i, 1);
      this.#bytes -= memory.bytes.length;
      return memory;
    }
    let size = BYTES_FIRST;
    while (size < length) size *= 2;
    return new FrameMemory(new Uint8Array(size), this);
  }

  give(memory: FrameMemory): void {
    if (this.#bytes + memory.bytes.length > SPARE_BYTES_MAX) return;
    this.#bytes += memory.bytes.length;
    this.#spare.push(memory);
  }
}
