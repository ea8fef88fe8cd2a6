/**
 * The first of many keys in their order, of which only so many are kept: for pages of lists whose whole is large. Time grows with the keys that
 * are offered, not with sorting them all.
 */
export class FirstKeys {
  readonly keys: string[] = [];
  readonly #after: string;
  readonly #limit: number;
  /** Some that are in order were left out: there is another page. */
  isCut = false;

  /** @param after only keys behind it. */
  constructor(after: string, limit: number) {
    this.#after = after;
    this.#limit = limit;
  }

  offer(key: string): void {
    if (key <= this.#after) return;
    const { keys } = this;
    if (keys.length === this.#limit) {
      this.isCut = true;
      if (key >= keys[keys.length - 1]) return;
    }
    keys.splice(this.#placeOf(key), 0, key);
    if (keys.length > this.#limit) keys.pop();
  }

  #placeOf(key: string): number {
    const { keys } = this;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
