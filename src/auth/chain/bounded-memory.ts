interface Entry<T> {
  readonly value: T;
  readonly untilMs: number;
}

/** Values that are good for a while, at most so many: of those that are too many the oldest goes. */
export class BoundedMemory<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #limit: number;
  readonly #nowMs: () => number;

  constructor(limit: number, nowMs: () => number) {
    this.#limit = limit;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs > this.#nowMs()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: T, forMs: number): void {
    this.#entries.delete(key); // To the end of the order.
    this.#entries.set(key, { value, untilMs: this.#nowMs() + forMs });
    if (this.#entries.size <= this.#limit) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
