import type { SegmentId } from '../ports.js';
import { encodeSums, sumFile } from './file-sums.js';

export interface SealedSumsOptions {
  /** Segments whose sums are stored, and the size of their files. */
  readonly known: Iterable<readonly [SegmentId, number]>;
  readonly pathOf: (id: SegmentId) => string;
  /** Stores sums; resolves to false if they could not be. */
  readonly store: (id: SegmentId, sums: Uint8Array) => Promise<boolean>;
}

/**
 * Sums of sealed segments, made in the background, one file at a time. What could not be summed or stored is tried again when the segment
 * is wanted again: a full disk, or a process that ended in between, costs nothing.
 */
export class SealedSums {
  readonly #options: SealedSumsOptions;
  readonly #known: Map<SegmentId, number>;
  readonly #wanted = new Set<SegmentId>();
  #run: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: SealedSumsOptions) {
    this.#options = options;
    this.#known = new Map(options.known);
  }

  has(id: SegmentId): boolean {
    return this.#known.has(id);
  }

  /** Of its file, when it was sealed. */
  bytesOf(id: SegmentId): number | undefined {
    return this.#known.get(id);
  }

  want(id: SegmentId): void {
    if (this.#isClosed || this.#known.has(id)) return;
    this.#wanted.add(id);
    this.#run ??= this.#work().finally(() => {
      this.#run = null;
    });
  }

  /** The segment is gone or set aside. */
  forget(id: SegmentId): void {
    this.#known.delete(id);
    this.#wanted.delete(id);
  }

  /** Ends what is under way: the next start goes on with it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#run;
  }

  async #work(): Promise<void> {
    for (const id of this.#wanted) {
      try {
        const sums = await sumFile(this.#options.pathOf(id), () => !this.#isClosed && this.#wanted.has(id));
        if (sums !== null && this.#wanted.has(id) && (await this.#options.store(id, encodeSums(sums)))) this.#known.set(id, sums.bytes);
      } catch {
        // It cannot be read, or is gone meanwhile: whoever reads entries of it will say so.
      }
      this.#wanted.delete(id);
    }
  }
}
