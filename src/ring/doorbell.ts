import { assert } from '../base/assert.js';

/*
  How a thread that found nothing to do sleeps, and how another wakes it. One 32-bit cell per sleeping thread, shared by all
  threads that have something for it:

    AWAKE --sleep()--> ASLEEP --ring() of any thread--> AWAKE

  No wake-up is lost. The sleeper (1) stores ASLEEP, then (2) looks once more for work, then (3) waits while the cell is ASLEEP.
  The producer (a) publishes, then (b) loads the cell. Atomics are in one total order:

    - if (b) comes after (1), the producer sees ASLEEP, turns it to AWAKE and notifies. Either the wait of (3) stands and is
      ended by the notification, or it comes later, finds AWAKE and does not begin: `waitAsync` compares and enlists in one step.
    - if (b) comes before (1), then (a) came before (1) too, and (2) finds what was published.

  A thread that is awake costs its producers one load. A wait that is pending does not keep a thread's event loop alive.
*/

const AWAKE = 0;
const ASLEEP = 1;

/** 32-bit cells that a doorbell takes: two cache lines of its own. */
export const DOORBELL_CELLS = 32;

/** Wakes the thread that sleeps on the cell; nothing if it is awake. Call it after publishing. Any thread. */
export function ringDoorbell(cells: Int32Array, cell: number): void {
  if (Atomics.load(cells, cell) !== ASLEEP) return;
  if (Atomics.compareExchange(cells, cell, ASLEEP, AWAKE) === ASLEEP) Atomics.notify(cells, cell);
}

/** The sleeper's side of the cell; one per thread. */
export class Doorbell {
  readonly #cells: Int32Array;
  readonly #cell: number;
  readonly #hasWork: () => boolean;
  readonly #onRung: () => void;
  #isWaiting = false;
  #isClosed = false;

  /**
   * @param hasWork looks for published work, at `sleep`.
   * @param onRung called on this thread after a ring, from the event loop. It works, and calls `sleep` again.
   */
  constructor(cells: Int32Array, cell: number, hasWork: () => boolean, onRung: () => void) {
    this.#cells = cells;
    this.#cell = cell;
    this.#hasWork = hasWork;
    this.#onRung = onRung;
    Atomics.store(cells, cell, AWAKE); // An earlier thread on this cell may have died asleep.
  }

  /**
   * @returns false if there is work: do it, then try again. True: `onRung` will be called when there is. Calling it again while
   * asleep is harmless; a thread that another event woke may work and call it without having been rung.
   */
  sleep(): boolean {
    if (this.#isWaiting || this.#isClosed) return true;
    Atomics.store(this.#cells, this.#cell, ASLEEP);
    if (this.#hasWork()) {
      Atomics.store(this.#cells, this.#cell, AWAKE);
      return false;
    }
    const wait = Atomics.waitAsync(this.#cells, this.#cell, ASLEEP);
    if (!wait.async) {
      assert(wait.value === 'not-equal', 'a wait without a timeout begins or finds the cell changed');
      return false;
    }
    this.#isWaiting = true;
    void wait.value.then(() => this.#wake());
    return true;
  }

  /** No `onRung` after this. */
  close(): void {
    this.#isClosed = true;
    Atomics.store(this.#cells, this.#cell, AWAKE);
    Atomics.notify(this.#cells, this.#cell);
  }

  #wake(): void {
    this.#isWaiting = false;
    if (!this.#isClosed) this.#onRung();
  }
}
