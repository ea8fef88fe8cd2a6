import { assert } from '../../base/assert.js';

const TAIL_BYTES_MIN = 256;
const TAIL_BYTES_MAX = 64 * 1024;

/**
 * Bytes of one connection that were received and not yet cut.
 *
 *   chunks[0]           chunks[1]            tail (ours, has room)
 *   |consumed| bytes... | bytes.......... | | bytes...|  room  |
 *
 * Whole reads are kept as they came. Small ones that pile up behind them, as when a peer sends byte by byte, are gathered
 * in a tail that doubles, so the memory held is at most a small multiple of the bytes held.
 */
export class InputQueue {
  length = 0;
  #chunks: Uint8Array[] = [];
  #headOffset = 0;
  /** The last chunk if it is ours to append to, and how much of it is filled. */
  #tail: Uint8Array | null = null;
  #tailUsed = 0;

  /** @param isOurs false if the bytes are valid only during the call. */
  append(bytes: Uint8Array, isOurs: boolean): void {
    if (bytes.length === 0) return;
    this.length += bytes.length;
    if (isOurs && (this.#chunks.length === 0 || bytes.length >= TAIL_BYTES_MAX / 4)) {
      this.#closeTail();
      this.#chunks.push(bytes);
      return;
    }
    let at = 0;
    while (at < bytes.length) {
      const tail = this.#tail ?? this.#openTail(bytes.length - at);
      const taken = Math.min(tail.length - this.#tailUsed, bytes.length - at);
      tail.set(bytes.subarray(at, at + taken), this.#tailUsed);
      this.#tailUsed += taken;
      at += taken;
      if (this.#tailUsed === tail.length) this.#closeTail();
    }
  }

  /** Copies the first `count` bytes to `target`. They stay in the queue. */
  copyTo(target: Uint8Array, at: number, count: number): void {
    assert(count <= this.length, 'no more than there is');
    let position = at;
    let left = count;
    for (let i = 0; left > 0; i += 1) {
      const chunk = this.#chunks[i];
      const from = i === 0 ? this.#headOffset : 0;
      const taken = Math.min(this.#filled(i) - from, left);
      target.set(from === 0 && taken === chunk.length ? chunk : chunk.subarray(from, from + taken), position);
      position += taken;
      left -= taken;
    }
  }

  consume(count: number): void {
    assert(count <= this.length, 'no more than there is');
    this.length -= count;
    if (this.length === 0) {
      this.clear();
      return;
    }
    let left = count;
    let whole = 0;
    while (left >= this.#filled(whole) - this.#headOffset && left > 0) {
      left -= this.#filled(whole) - this.#headOffset;
      this.#headOffset = 0;
      whole += 1;
    }
    if (whole > 0) this.#chunks.splice(0, whole);
    this.#headOffset += left;
    this.#shrinkHead();
  }

  clear(): void {
    this.length = 0;
    this.#chunks = [];
    this.#headOffset = 0;
    this.#tail = null;
    this.#tailUsed = 0;
  }

  #filled(index: number): number {
    return index === this.#chunks.length - 1 && this.#tail !== null ? this.#tailUsed : this.#chunks[index].length;
  }

  #openTail(atLeast: number): Uint8Array {
    const last = this.#chunks.at(-1)?.length ?? 0;
    const size = Math.max(Math.min(Math.max(last * 2, TAIL_BYTES_MIN), TAIL_BYTES_MAX), Math.min(atLeast, TAIL_BYTES_MAX));
    const tail = new Uint8Array(size);
    this.#tail = tail;
    this.#tailUsed = 0;
    this.#chunks.push(tail);
    return tail;
  }

  #closeTail(): void {
    const tail = this.#tail;
    if (tail !== null && this.#tailUsed < tail.length) this.#chunks[this.#chunks.length - 1] = tail.subarray(0, this.#tailUsed);
    this.#tail = null;
    this.#tailUsed = 0;
  }

  /** A few bytes left of a long chunk would hold all of it. */
  #shrinkHead(): void {
    const head = this.#chunks[0];
    if (this.#tail === head || this.#headOffset < head.length / 2 || head.buffer.byteLength < 1024) return;
    this.#chunks[0] = Uint8Array.from(head.subarray(this.#headOffset));
    this.#headOffset = 0;
  }
}
