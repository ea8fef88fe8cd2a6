import type { DoorWatch, Refused } from '../ports.js';

/** Alike refusals are one, counted. */
export interface RefusalNote extends Refused {
  readonly count: number;
}

export interface ConnectNote {
  readonly tenant: string;
  readonly clientId: string;
  readonly count: number;
}

/** What a shard saw at its door since the last time. */
export interface DoorNotesTaken {
  readonly refusals: readonly RefusalNote[];
  readonly connects: readonly ConnectNote[];
  /** Refusals that are in no note. */
  readonly missing: number;
}

/** Different ones between two takings: whoever is refused under ever new names writes so many lines and no more. */
const REFUSALS_MAX = 100;
const CONNECTS_MAX = 20_000;

/** Collects on a shard what main wants to know, so that a storm at the door is a few lines. */
export class DoorNotes implements DoorWatch {
  readonly #refusals = new Map<string, { readonly refused: Refused; count: number }>();
  readonly #connects = new Map<string, { readonly tenant: string; readonly clientId: string; count: number }>();
  readonly #countsConnects: boolean;
  #missing = 0;

  /** @param countsConnects whether somebody looks for clients that come and go. */
  constructor(countsConnects: boolean) {
    this.#countsConnects = countsConnects;
  }

  entered(tenant: string, clientId: string): void {
    if (!this.#countsConnects) return;
    const key = `${tenant}\0${clientId}`;
    const known = this.#connects.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#connects.size < CONNECTS_MAX) this.#connects.set(key, { tenant, clientId, count: 1 });
  }

  refused(refused: Refused): void {
    const { what, why, tenant, clientId, user, address } = refused;
    const key = [what, why, tenant, clientId, user, address].join('\0');
    const known = this.#refusals.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#refusals.size < REFUSALS_MAX) this.#refusals.set(key, { refused, count: 1 });
    else this.#missing += 1;
  }

  /** @returns null: there is nothing to tell. */
  take(): DoorNotesTaken | null {
    if (this.#refusals.size === 0 && this.#connects.size === 0 && this.#missing === 0) return null;
    const taken = {
      refusals: [...this.#refusals.values()].map(({ refused, count }) => ({ ...refused, count })),
      connects: [...this.#connects.values()],
      missing: this.#missing,
    };
    this.#refusals.clear();
    this.#connects.clear();
    this.#missing = 0;
    return taken;
  }
}
