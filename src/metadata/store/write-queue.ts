import type { StoreDone } from '../../raft/driver/ports.js';
import type { StateTableStore, TableChange } from '../../storage/ports.js';

/** A disk that is full is tried again: nothing was written, and somebody may make room. */
const RETRY_MS = 500;

interface Write {
  readonly changes: readonly TableChange[];
  readonly done: StoreDone;
}

/*
  One write is under way at a time; what comes meanwhile goes together into the next: the more there is to do, the more shares a flush.

    write 1 ............ flushed
       write 2, 3, 4 .......... one transaction .......... flushed: done 2, 3, 4
*/
export class WriteQueue {
  /** The disk is full, or has room again. */
  onFull: (isFull: boolean) => void = () => {};
  readonly #table: StateTableStore;
  #waiting: Write[] = [];
  #underWay: readonly Write[] = [];
  #isFull = false;
  #isClosed = false;

  constructor(table: StateTableStore) {
    this.#table = table;
  }

  /** All of it or nothing, after everything before it. */
  push(changes: readonly TableChange[], done: StoreDone): void {
    this.#waiting.push({ changes, done });
    if (this.#underWay.length > 0) return;
    this.#underWay = this.#waiting;
    this.#waiting = [];
    // Within the turn others may follow: they share the flush.
    queueMicrotask(() => this.#begin());
  }

  close(): void {
    this.#isClosed = true;
  }

  #begin(): void {
    if (this.#isClosed) return;
    this.#underWay = [...this.#underWay, ...this.#waiting];
    this.#waiting = [];
    this.#write();
  }

  #write(): void {
    const changes = this.#underWay.length === 1 ? this.#underWay[0].changes : this.#underWay.flatMap((write) => write.changes);
    if (changes.length === 0) {
      this.#end(null);
      return;
    }
    this.#table.apply(changes, (error) => {
      if (error?.fault === 'disk-full') this.#retry();
      else this.#end(error);
    });
  }

  #retry(): void {
    if (!this.#isFull) this.onFull(true);
    this.#isFull = true;
    setTimeout(() => {
      if (!this.#isClosed) this.#write();
    }, RETRY_MS);
  }

  #end(error: Error | null): void {
    if (this.#isFull) this.onFull(false);
    this.#isFull = false;
    const done = this.#underWay;
    this.#underWay = this.#waiting;
    this.#waiting = [];
    if (this.#underWay.length > 0) queueMicrotask(() => this.#begin());
    for (const write of done) write.done(error);
  }
}
