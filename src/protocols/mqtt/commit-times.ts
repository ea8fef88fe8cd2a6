/** More than commits that can be under way. A power of two. */
const COMMITS = 16;

/** When the first message of each commit came, for the time that passes until it is delivered. Integers and one clock reading per commit. */
export class CommitTimes {
  readonly #startedMs: Float64Array = new Float64Array(COMMITS);
  #last = 0;

  /** A message rides in this commit. */
  note(commit: number): void {
    if (commit === this.#last) return;
    this.#last = commit;
    this.#startedMs[commit & (COMMITS - 1)] = performance.now();
  }

  /** @returns milliseconds since its first message; -1: it had none. */
  take(commit: number): number {
    const at = commit & (COMMITS - 1);
    const startedMs = this.#startedMs[at];
    this.#startedMs[at] = 0;
    return startedMs === 0 ? -1 : performance.now() - startedMs;
  }
}
