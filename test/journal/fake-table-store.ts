import { type StateTableStore, type StoreDone, StoreError, type TableChange } from '../../src/storage/ports.js';

interface Application {
  readonly changes: readonly TableChange[];
  readonly done: StoreDone;
}

function hexKey(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

/** The store's table, whose flushes end when the test says so. `rows` is what a crash leaves. */
export class FakeTableStore implements StateTableStore {
  readonly rows: Map<string, Uint8Array> = new Map();
  readonly #pending: Application[] = [];

  get pendingCount(): number {
    return this.#pending.length;
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.rows.get(hexKey(key)) ?? null;
  }

  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    const start = hexKey(prefix);
    for (const key of [...this.rows.keys()].filter((it) => it.startsWith(start)).sort())
      if (!visit(Buffer.from(key, 'hex'), this.rows.get(key) as Uint8Array)) return;
  }

  apply(changes: readonly TableChange[], done: StoreDone): void {
    this.#pending.push({ changes, done });
  }

  /** The oldest `apply` ends well. @returns false if there is none. */
  complete(): boolean {
    const next = this.#pending.shift();
    if (next === undefined) return false;
    this.#write(next.changes);
    next.done(null);
    return true;
  }

  /** The oldest `apply` fails: nothing was written. */
  fail(): boolean {
    const next = this.#pending.shift();
    next?.done(new StoreError('disk-full', 'as the test wants it'));
    return next !== undefined;
  }

  /** The process ends. Of what is under way the first `kept` were written, though nobody was told. */
  crash(kept: number): void {
    for (const { changes } of this.#pending.splice(0).slice(0, kept)) this.#write(changes);
  }

  #write(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      if (value === null) this.rows.delete(hexKey(key));
      else this.rows.set(hexKey(key), value.slice());
    }
  }
}
