import type { OpenBatch, Sequence } from '../ports.js';

const RUNS_FIRST = 256;
export const NO_RUN = -1;
/** A start and a length in one number that sorts by the start: lengths below 2^21, starts below 2^32 within the commit. */
const PACK = 2 ** 21;

/** The runs of one index in the open commit: a list through `next`. */
export interface PendingList {
  head: number;
  tail: number;
}

/*
  What the open commit adds to indexes, before it has sequences: columns that are filled from the front and start again with the next commit.

    run      0     1     2     3
    batch    b1    b1    b2    b1
    from     0     0     0     5
    count    3     3     1     1
    next     3     -     -     -        lists: index A 0 -> 3, index B 1, index C 2
*/
export class PendingRuns {
  length = 0;
  #batches: (OpenBatch | null)[] = new Array<OpenBatch | null>(RUNS_FIRST).fill(null);
  #from = new Int32Array(RUNS_FIRST);
  #count = new Int32Array(RUNS_FIRST);
  #next = new Int32Array(RUNS_FIRST);
  /** Result of `gather`: runs that neither touch nor overlap, rising. */
  starts: Float64Array = new Float64Array(RUNS_FIRST);
  counts: Float64Array = new Float64Array(RUNS_FIRST);

  add(list: PendingList, batch: OpenBatch, from: number, count: number): void {
    const { tail } = list;
    if (
      tail !== NO_RUN &&
      this.#batches[tail] === batch &&
      this.#from[tail] + this.#count[tail] === from &&
      this.#count[tail] + count < PACK
    ) {
      this.#count[tail] += count;
      return;
    }
    const run = this.length;
    if (run === this.#from.length) this.#grow();
    this.length = run + 1;
    this.#batches[run] = batch;
    this.#from[run] = from;
    this.#count[run] = count;
    this.#next[run] = NO_RUN;
    if (tail === NO_RUN) list.head = run;
    else this.#next[tail] = run;
    list.tail = run;
  }

  /** The least sequence of all runs. The commit is closed: batches have their sequences. */
  lowest(): Sequence {
    let lowest = Number.POSITIVE_INFINITY;
    for (let run = 0; run < this.length; run += 1) lowest = Math.min(lowest, this.#sequenceOf(run));
    return lowest;
  }

  /** Puts the runs of a list in order into `starts` and `counts`. @returns how many there are. */
  gather(list: PendingList, lowest: Sequence): number {
    const { starts, counts } = this;
    let length = 0;
    let isRising = true;
    for (let run = list.head; run !== NO_RUN; run = this.#next[run]) {
      starts[length] = this.#sequenceOf(run);
      counts[length] = this.#count[run];
      if (length > 0 && starts[length] < starts[length - 1]) isRising = false;
      length += 1;
    }
    if (!isRising) this.#sort(length, lowest); // Batches of several partitions, added to by turns.
    let merged = 0;
    for (let i = 1; i < length; i += 1) {
      if (starts[i] === starts[merged] + counts[merged]) counts[merged] += counts[i];
      else {
        merged += 1;
        starts[merged] = starts[i];
        counts[merged] = counts[i];
      }
    }
    return length === 0 ? 0 : merged + 1;
  }

  clear(): void {
    for (let run = 0; run < this.length; run += 1) this.#batches[run] = null;
    this.length = 0;
  }

  #sequenceOf(run: number): Sequence {
    const batch = this.#batches[run];
    return batch === null ? 0 : batch.baseSequence + this.#from[run];
  }

  #sort(length: number, lowest: Sequence): void {
    const { starts, counts } = this;
    for (let i = 0; i < length; i += 1) starts[i] = (starts[i] - lowest) * PACK + counts[i];
    starts.subarray(0, length).sort();
    for (let i = 0; i < length; i += 1) {
      counts[i] = starts[i] % PACK;
      starts[i] = Math.floor(starts[i] / PACK) + lowest;
    }
  }

  #grow(): void {
    const capacity = this.#from.length * 2;
    const wider = (column: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(capacity);
      grown.set(column);
      return grown;
    };
    this.#from = wider(this.#from);
    this.#count = wider(this.#count);
    this.#next = wider(this.#next);
    for (let run = this.length; run < capacity; run += 1) this.#batches.push(null);
    this.starts = new Float64Array(capacity);
    this.counts = new Float64Array(capacity);
  }
}
