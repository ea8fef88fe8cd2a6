import { assert } from '../base/assert.js';
import type { LogIndex } from './messages.js';

/**
 * Append messages to one follower that are not answered, oldest first. Full is full by count or by bytes; the last one may go over the bytes,
 * so that a single large entry passes.
 */
export class InFlight {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  /** Index of the last entry of each message, increasing. */
  #lastIndexes: LogIndex[] = [];
  #sizes: number[] = [];
  #bytes = 0; // Invariant: the sum of #sizes.

  constructor(messagesMax: number, bytesMax: number) {
    assert(messagesMax > 0 && bytesMax > 0, 'something can be in flight');
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#lastIndexes.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#lastIndexes.length >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.isFull, 'nothing is sent while too much is in flight');
    assert(this.count === 0 || lastIndex > this.#lastIndexes[this.count - 1], 'messages are sent in order');
    this.#lastIndexes.push(lastIndex);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Those whose entries all end at or before `index` are answered. */
  freeUpTo(index: LogIndex): void {
    let freed = 0;
    while (freed < this.#lastIndexes.length && this.#lastIndexes[freed] <= index) {
      this.#bytes -= this.#sizes[freed];
      freed += 1;
    }
    if (freed === 0) return;
    this.#lastIndexes.splice(0, freed);
    this.#sizes.splice(0, freed);
  }

  clear(): void {
    this.#lastIndexes = [];
    this.#sizes = [];
    this.#bytes = 0;
  }
}
