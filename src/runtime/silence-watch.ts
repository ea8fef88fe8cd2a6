/** What one look adds to a silence at most. If it came later the whole process did not run, and the thread is not to blame. */
const COUNTED_MS_MAX = 200;

/** Notices that a thread which says something each second has stopped to. On the main thread, without a timer: `isSilent` is asked every 100 ms or so. */
export class SilenceWatch {
  readonly #silenceMsMax: number;
  #silentMs = 0;
  #lookedMs = Number.NaN;

  constructor(silenceMsMax: number) {
    this.#silenceMsMax = silenceMsMax;
  }

  /** It said something, or is a new one. */
  heard(): void {
    this.#silentMs = 0;
  }

  /** Whether it has been silent for too long, as far as this thread ran too. @param nowMs of a clock that only goes forward. */
  isSilent(nowMs: number): boolean {
    const passedMs = Number.isNaN(this.#lookedMs) ? 0 : nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    this.#silentMs += Math.min(passedMs, COUNTED_MS_MAX);
    return this.#silentMs > this.#silenceMsMax;
  }
}
