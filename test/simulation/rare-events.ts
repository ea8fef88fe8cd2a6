/** How often situations came about that few worlds meet: a simulator that never meets them proves nothing about them. */
export class RareEvents {
  readonly #counts = new Map<string, number>();

  count(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  add(other: RareEvents): void {
    for (const [what, times] of other.#counts) this.count(what, times);
  }

  entries(): [string, number][] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
