import { statSync } from 'node:fs';
import { corrupt } from './file-meta.js';

/**
 * The file of an environment that is open. It never becomes shorter: if it did, pages that LMDB maps are no more, and to read one would end the
 * process. So whoever is about to read or write asks before. It costs a system call.
 */
export class GrowingFile {
  readonly path: string;
  #seen: number;

  constructor(path: string) {
    this.path = path;
    this.#seen = this.bytes;
  }

  /** 0 if it is gone. */
  get bytes(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** @throws StoreError corrupt. */
  mustBeWhole(): void {
    const { bytes } = this;
    if (bytes < this.#seen) throw corrupt(this.path, `was cut short to ${bytes} of ${this.#seen} bytes`);
    this.#seen = bytes;
  }
}
