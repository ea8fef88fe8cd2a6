import { BoundedQueue } from '../../base/bounded-queue.js';
import { TooBusy } from '../sources/source.js';

/** So many at a time, so many more may wait; the rest is told that it is too much. */
export class Gate {
  readonly #limit: number;
  readonly #waiting: BoundedQueue<() => void>;
  #active = 0;

  constructor(limit: number, waitingMax: number) {
    this.#limit = limit;
    this.#waiting = new BoundedQueue(waitingMax);
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Rejects with TooBusy, or as the task does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#active < this.#limit) this.#active += 1;
    else await new Promise<void>((resolve, reject) => this.#waiting.push(resolve) || reject(new TooBusy('too many wait')));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#active -= 1;
      else next(); // The place goes on to it.
    }
  }
}
