import { type StoreDone, StoreError } from '../ports.js';

interface Write {
  readonly startedMs: number;
  readonly done: StoreDone;
  isOver: boolean;
  error: StoreError | null;
}

/** How often overdue writes are looked for. */
const WATCH_MS = 250;

/*
  Writes under way, answered in the order in which they were made.

  After an error of the disk, or none at all within the deadline, nobody knows what is on it: everything under way and everything that follows
  fails with the same error, and nothing is tried again. Only a full disk is different: the transaction was undone as a whole.
*/
export class WriteLine {
  readonly #writes: Write[] = [];
  readonly #deadlineMs: number;
  readonly #timer: NodeJS.Timeout;
  #idle: (() => void)[] = [];
  #failure: StoreError | null = null;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#timer = setInterval(() => this.#watch(), WATCH_MS);
    this.#timer.unref();
  }

  /** @param write starts the write. Its promise resolves when everything is flushed. */
  push(write: () => Promise<unknown>, done: StoreDone): void {
    const entry: Write = { startedMs: performance.now(), done, isOver: false, error: null };
    this.#writes.push(entry);
    if (this.#failure !== null) {
      const error = this.#failure;
      queueMicrotask(() => this.#finish(entry, error));
      return;
    }
    let promise: Promise<unknown>;
    try {
      promise = write();
    } catch (error) {
      promise = Promise.reject(error);
    }
    promise.then(
      () => this.#finish(entry, null),
      (error: unknown) => this.#finish(entry, storeErrorOf(error)),
    );
  }

  /** Resolves when nothing is under way, or it never will be over. */
  idle(): Promise<void> {
    if (this.#writes.length === 0 || this.#failure?.fault === 'too-slow') return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Nothing is taken any more. */
  close(): void {
    clearInterval(this.#timer);
    this.#failure ??= new StoreError('closed', 'the store is closed');
  }

  #finish(entry: Write, error: StoreError | null): void {
    if (entry.isOver) return;
    entry.isOver = true;
    entry.error = this.#failure ?? error;
    if (error !== null && error.fault !== 'disk-full') this.#fail(error);
    this.#answer();
  }

  #fail(error: StoreError): void {
    this.#failure ??= error;
    for (const write of this.#writes) {
      if (write.isOver) continue;
      write.isOver = true;
      write.error = this.#failure;
    }
  }

  #answer(): void {
    while (this.#writes.length > 0 && this.#writes[0].isOver) {
      const { done, error } = this.#writes.shift() as Write;
      done(error);
    }
    if (this.#writes.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #watch(): void {
    const oldest = this.#writes[0];
    if (oldest === undefined || performance.now() - oldest.startedMs < this.#deadlineMs) return;
    this.#fail(new StoreError('too-slow', `a write was not flushed within ${this.#deadlineMs} ms`));
    this.#answer();
  }
}

function storeErrorOf(cause: unknown): StoreError {
  const text = reasonsOf(cause);
  const isFull = /ENOSPC|No space left|MDB_MAP_FULL|mapsize limit|EDQUOT|quota/i.test(text);
  return new StoreError(isFull ? 'disk-full' : 'io-error', `cannot write: ${text}`, { cause });
}

/** What lmdb says stands in the error or in one that it names as its cause. */
function reasonsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const nested = (error as { commitError?: unknown }).commitError ?? error.cause;
  const own = code === undefined ? error.message : `${error.message} (${String(code)})`;
  return nested === undefined ? own : `${own}: ${reasonsOf(nested)}`;
}
