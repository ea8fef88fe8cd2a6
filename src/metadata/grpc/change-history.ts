import type { ChangesDelta, Delta } from '../catalogue/delta.js';

/** References to records, most of which are in the catalogue anyway. */
const CHANGES_MAX = 16_384;

/*
  The last changes of the catalogue, for whoever watches. There is one for all watchers: each only knows its own revision, so a slow one costs
  nothing. One that is slower than the history is long begins again with everything.

    forgotten ... | delta | delta | delta | -- newer -->
               from        ^ a watcher      revision
*/
export class ChangeHistory {
  readonly #listeners = new Set<() => void>();
  readonly #changesMax: number;
  #deltas: ChangesDelta[] = [];
  #changes = 0;
  #from: number;
  #revision: number;
  #epoch = 0;

  /** @param revision of the catalogue now. */
  constructor(revision: number, changesMax: number = CHANGES_MAX) {
    this.#from = revision;
    this.#revision = revision;
    this.#changesMax = changesMax;
  }

  /** All changes after this one are known. */
  get from(): number {
    return this.#from;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Another one: whatever was told before may be of another catalogue. */
  get epoch(): number {
    return this.#epoch;
  }

  add(delta: Delta): void {
    if (delta.type === 'reset' || delta.previousRevision !== this.#revision) {
      this.reset(delta.revision);
      return;
    }
    this.#deltas.push(delta);
    this.#changes += delta.changes.length;
    this.#revision = delta.revision;
    this.#trim();
    this.#tell();
  }

  /** The catalogue is another one, or something was missed. Every watcher has to begin again. */
  reset(revision: number): void {
    this.#deltas = [];
    this.#changes = 0;
    this.#from = revision;
    this.#revision = revision;
    this.#epoch += 1;
    this.#tell();
  }

  /** The first delta that a watcher at this revision does not have. null: it has all of them. */
  after(revision: number): ChangesDelta | null {
    let low = 0;
    let high = this.#deltas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#deltas[middle].revision > revision) high = middle;
      else low = middle + 1;
    }
    return this.#deltas[low] ?? null;
  }

  /** @returns what ends it. */
  onAdd(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #trim(): void {
    let count = 0;
    while (this.#changes > this.#changesMax && count < this.#deltas.length - 1) {
      this.#changes -= this.#deltas[count].changes.length;
      this.#from = this.#deltas[count].revision;
      count += 1;
    }
    if (count > 0) this.#deltas.splice(0, count);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
