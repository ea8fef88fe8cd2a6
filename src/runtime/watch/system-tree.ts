import { type NodeFigures, type StatName, statsOf, systemValues } from './system-values.js';

/** The highest values are looked for so often. */
const PEAK_MS = 1000;

export interface SystemTreeHost {
  figures(): NodeFigures;
  /** To the shards: the values as they are now. */
  tell(values: readonly { readonly topic: string; readonly text: string }[]): void;
}

/** Tells the shards now and then what they publish under `$SYS`. On the main thread; has no timer of its own. */
export class SystemTree {
  readonly #host: SystemTreeHost;
  readonly #intervalMs: number;
  readonly #peaks: Map<StatName, number> = new Map();
  #dueMs = 0;
  #peakDueMs = 0;

  /** @param intervalMs 0: nothing is ever told. */
  constructor(host: SystemTreeHost, intervalMs: number) {
    this.#host = host;
    this.#intervalMs = intervalMs;
  }

  /** @param nowMs of a clock that never goes back. */
  tick(nowMs: number): void {
    if (this.#intervalMs === 0 || nowMs < this.#peakDueMs) return;
    this.#peakDueMs = nowMs + PEAK_MS;
    const figures = this.#host.figures();
    const stats = statsOf(figures);
    for (const name of Object.keys(stats) as StatName[]) this.#peaks.set(name, Math.max(stats[name], this.#peaks.get(name) ?? 0));
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + this.#intervalMs;
    this.#host.tell(systemValues(figures, this.#peaks));
  }

  /** A shard that came new knows nothing yet. */
  tellSoon(): void {
    this.#dueMs = 0;
    this.#peakDueMs = 0;
  }
}
