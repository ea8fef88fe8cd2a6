/** An operation that never came back may have happened at any time since. */
export const NEVER: number = Number.POSITIVE_INFINITY;

interface Timed {
  readonly client: number;
  readonly key: number;
  readonly invokedMs: number;
  /** NEVER: nobody knows what became of it. */
  readonly returnedMs: number;
}

/** The record has this revision, and was written by this operation. */
export interface ReadOperation extends Timed {
  readonly kind: 'read';
  readonly revision: number;
  /** Number of the operation; 0: there is no record. */
  readonly writer: number;
}

/** Compare-and-set: a put of the value `writer`, or a delete. */
export interface WriteOperation extends Timed {
  readonly kind: 'put' | 'delete';
  readonly writer: number;
  /** null: whatever is there. 0: there must be none. */
  readonly expected: number | null;
  /** null: not known. */
  readonly outcome: WriteOutcome | null;
}

export type WriteOutcome =
  | { readonly isOk: true; readonly revision: number }
  /** What it found: the revision of the record, 0 if there was none. */
  | { readonly isOk: false; readonly found: number };

export type Operation = ReadOperation | WriteOperation;

/** What clients asked and were told, for each key. */
export class History {
  readonly #byKey = new Map<number, Operation[]>();
  count = 0;

  add(operation: Operation): void {
    this.count += 1;
    const known = this.#byKey.get(operation.key);
    if (known === undefined) this.#byKey.set(operation.key, [operation]);
    else known.push(operation);
  }

  keys(): number[] {
    return [...this.#byKey.keys()].sort((a, b) => a - b);
  }

  of(key: number): readonly Operation[] {
    return this.#byKey.get(key) ?? [];
  }
}
