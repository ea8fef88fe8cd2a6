import { type StoreDone, StoreError } from '../ports.js';

interface Write {
  readonly startedMs: number;
  readonly bytes: number;
  readonly done: StoreDone;
  isOver: boolean;
  error: StoreError | null;
}

/** How often overdue writes are looked for. */
const WATCH_MS = 250;

export interface WriteLineOptions {
  readonly deadlineMs: number;
  /** Whether the disk has room for a write of so many bytes. */
  readonly hasRoom: (bytes: number) => boolean;
}

/*
  Writes under way, answered in the order in which they were made.

  After an error of the disk, or none at all within the deadline, nobody knows what is on it: everything under way and everything that follows
  fails with the same error, and nothing is tried again. Only a full disk is different: the transaction was undone as a whole. So a write for
  which there is no room is not begun, and an error is a full disk only if LMDB says so, or there is no room indeed.
*/
export class WriteLine {
  readonly #writes: Write[] = [];
  readonly #options: WriteLineOptions;
  readonly #timer: NodeJS.Timeout;
  #idle: (() => void)[] = [];
  #failure: StoreError | null = null;
  /** Told to one of them, so told to all behind it: one that was over before the reason was known is one of those. */
  #broken: StoreError | null = null;

  constructor(options: WriteLineOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#watch(), WATCH_MS);
    this.#timer.unref();
  }

  /**
   * @param bytes that it takes on the disk, at most.
   * @param write starts the write. Its promise resolves when everything is flushed.
   */
  push(bytes: number, write: () => Promise<unknown>, done: StoreDone): void {
    const entry: Write = { startedMs: performance.now(), bytes, done, isOver: false, error: null };
    this.#writes.push(entry);
    const refusal = this.#failure ?? this.#roomFault(bytes);
    if (refusal !== null) {
      queueMicrotask(() => this.#finish(entry, refusal));
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
      async (error: unknown) => this.#finish(entry, this.#storeErrorOf(await causeOf(error), entry)),
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
      if (error !== null && error.fault !== 'disk-full') this.#broken = error;
      done(this.#broken ?? error);
    }
    if (this.#writes.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #watch(): void {
    const oldest = this.#writes[0];
    const { deadlineMs } = this.#options;
    if (oldest === undefined || performance.now() - oldest.startedMs < deadlineMs) return;
    this.#fail(new StoreError('too-slow', `a write was not flushed within ${deadlineMs} ms`));
    this.#answer();
  }

  #roomFault(bytes: number): StoreError | null {
    try {
      return this.#options.hasRoom(bytes) ? null : new StoreError('disk-full', 'the disk has no room for the write');
    } catch (cause) {
      return new StoreError('io-error', `cannot write: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  #storeErrorOf(cause: unknown, write: Write): StoreError {
    if (cause instanceof StoreError) return cause;
    const text = cause instanceof Error ? `${cause.message}${codeOf(cause)}` : String(cause);
    const saysFull = /ENOSPC|No space left|MDB_MAP_FULL|mapsize limit|EDQUOT|quota/i.test(text);
    // LMDB makes EIO of a write that the disk took a part of, which is what most writes to a full disk are.
    const isFull = saysFull || (/Input\/output error/.test(text) && this.#roomFault(write.bytes)?.fault === 'disk-full');
    return new StoreError(isFull ? 'disk-full' : 'io-error', `cannot write: ${text}`, { cause });
  }
}

function codeOf(error: Error): string {
  return 'code' in error ? ` (${String(error.code)})` : '';
}

/** lmdb says "Commit failed", and why in a promise that is rejected with it. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    return await error.commitError;
  } catch (cause) {
    return cause;
  }
}
