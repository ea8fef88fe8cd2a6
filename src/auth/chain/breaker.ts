const FAILURES_MAX = 5;
const PAUSE_MS_FIRST = 1000;
const PAUSE_MS_MAX = 30_000;

/*
  Spares a source that does not answer, and those who wait for it:

    closed --5 failures in a row--> open --pause is over--> one may try --success--> closed
                                     ^                            |
                                     +------ failure, twice as long
*/
export class Breaker {
  #failuresInRow = 0;
  #pauseMs = PAUSE_MS_FIRST;
  #openUntilMs = 0;
  #isTrying = false;

  get isOpen(): boolean {
    return this.#failuresInRow >= FAILURES_MAX;
  }

  /** Whether the source may be asked now. Who is told yes reports how it went. */
  allows(nowMs: number): boolean {
    if (!this.isOpen) return true;
    if (this.#isTrying || nowMs < this.#openUntilMs) return false;
    this.#isTrying = true;
    return true;
  }

  onSuccess(): void {
    this.#failuresInRow = 0;
    this.#pauseMs = PAUSE_MS_FIRST;
    this.#isTrying = false;
  }

  /** It was not asked after all. */
  onBusy(): void {
    this.#isTrying = false;
  }

  /** @returns whether it has opened by this one. */
  onFailure(nowMs: number): boolean {
    const wasOpen = this.isOpen;
    this.#failuresInRow += 1;
    if (!this.isOpen || (wasOpen && !this.#isTrying)) return false;
    this.#isTrying = false;
    this.#openUntilMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(PAUSE_MS_MAX, this.#pauseMs * 2);
    return !wasOpen;
  }
}
