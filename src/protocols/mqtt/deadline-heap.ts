interface Deadline<T> {
  readonly dueMs: number;
  readonly value: T;
}

/** Things to do at a time, earliest first. A thing that is no longer due is told by its owner when it comes up. */
export class DeadlineHeap<T> {
  readonly #items: Deadline<T>[] = [];

  get length(): number {
    return this.#items.length;
  }

  push(dueMs: number, value: T): void {
    const items = this.#items;
    let index = items.length;
    items.push({ dueMs, value });
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((items[parent] as Deadline<T>).dueMs <= dueMs) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** Calls `onDue` for everything due at `nowMs`. */
  advance(nowMs: number, onDue: (value: T, dueMs: number) => void): void {
    for (;;) {
      const first = this.#items[0];
      if (first === undefined || first.dueMs > nowMs) return;
      this.#removeFirst();
      onDue(first.value, first.dueMs);
    }
  }

  #removeFirst(): void {
    const items = this.#items;
    const last = items.pop() as Deadline<T>;
    if (items.length === 0) return;
    items[0] = last;
    let index = 0;
    for (;;) {
      const left = index * 2 + 1;
      const right = left + 1;
      let least = index;
      if (left < items.length && (items[left] as Deadline<T>).dueMs < (items[least] as Deadline<T>).dueMs) least = left;
      if (right < items.length && (items[right] as Deadline<T>).dueMs < (items[least] as Deadline<T>).dueMs) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    const held = items[a] as Deadline<T>;
    items[a] = items[b] as Deadline<T>;
    items[b] = held;
  }
}
