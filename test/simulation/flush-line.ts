import type { StoreDone } from '../../src/raft/driver/ports.js';
import type { Schedule } from './event-queue.js';
import { DiskError, type SimulatedDisk } from './simulated-disk.js';

/** A full disk is tried again: somebody may make room. */
const RETRY_MS = 500;

interface Write {
  /** @throws DiskError full: then it wrote nothing. */
  readonly run: () => void;
  readonly done: StoreDone;
}

/*
  Writes in their order, and flushes that they share: what is written while a flush is under way waits for the next one.

      write 1 | flush ........ done 1
         write 2 | write 3 | .......| flush ....... done 2, 3
*/
export class FlushLine {
  readonly #schedule: Schedule;
  readonly #disk: SimulatedDisk;
  readonly #onFlushBegin: () => () => void;
  /** Those that a full disk holds up. */
  #held: Write[] = [];
  #waiting: StoreDone[] = [];
  #isFlushing = false;
  #failure: Error | null = null;

  /** @param onFlushBegin returns what to do when that flush is done. */
  constructor(schedule: Schedule, disk: SimulatedDisk, onFlushBegin: () => () => void) {
    this.#schedule = schedule;
    this.#disk = disk;
    this.#onFlushBegin = onFlushBegin;
  }

  push(run: () => void, done: StoreDone): void {
    const failure = this.#failure;
    if (failure !== null) {
      this.#schedule.after(0, () => done(failure)); // It is never tried again: nobody knows what is on the disk.
      return;
    }
    this.#held.push({ run, done });
    if (this.#held.length === 1) this.#write();
  }

  #write(): void {
    while (this.#held.length > 0) {
      const { run, done } = this.#held[0];
      try {
        run();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        this.#schedule.after(RETRY_MS, () => this.#write());
        return;
      }
      this.#held.shift();
      this.#waiting.push(done);
    }
    if (!this.#isFlushing && this.#waiting.length > 0) this.#flush();
  }

  #flush(): void {
    this.#isFlushing = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    const onFlushed = this.#onFlushBegin();
    this.#disk.flush((error) => {
      this.#isFlushing = false;
      if (error === null) onFlushed();
      else this.#failure = error;
      for (const done of waiting) done(error);
      if (error === null && !this.#isFlushing && this.#waiting.length > 0) this.#flush();
    });
  }
}
