import type { OpenBatch, Sequence, SequenceIndex } from '../ports.js';
import type { IndexParts } from './index-parts.js';
import { NO_RUN, type PendingList, type PendingRuns } from './pending-runs.js';

/** Where an index says that the open commit adds to it. */
export interface PendingIndexes {
  readonly pending: PendingRuns;
  noteAdded(index: KeyIndex): void;
}

/** An index as others see it. It ends with `dropIndex`; whoever holds it then sees nothing more come. */
export class KeyIndex implements SequenceIndex, PendingList {
  readonly key: string;
  readonly parts: IndexParts;
  isDropped = false;
  head: number = NO_RUN;
  tail: number = NO_RUN;
  readonly #owner: PendingIndexes;

  constructor(key: string, parts: IndexParts, owner: PendingIndexes) {
    this.key = key;
    this.parts = parts;
    this.#owner = owner;
  }

  get count(): number {
    return this.parts.count;
  }

  countFrom(from: Sequence): number {
    return this.parts.countFrom(from);
  }

  get last(): Sequence {
    return this.parts.last;
  }

  add(batch: OpenBatch, from: number, count: number): void {
    if (this.head === NO_RUN) this.#owner.noteAdded(this);
    this.#owner.pending.add(this, batch, from, count);
  }

  read(from: Sequence, into: Float64Array): number {
    return this.parts.read(from, into);
  }

  trim(below: Sequence): void {
    this.parts.trim(below);
  }
}
