export interface FlappingLimits {
  readonly connectsMax: number;
  readonly windowMs: number;
}

interface Window {
  sinceMs: number;
  connects: number;
}

/** Clients that are looked at. */
const CLIENTS_MAX = 100_000;

/** Counts how often clients connect. When there are too many, those whose window began first are forgotten. */
export class FlappingCounts {
  readonly #limits: FlappingLimits;
  /** In the order in which their windows began. */
  readonly #windows = new Map<string, Window>();
  readonly #clientsMax: number;

  constructor(limits: FlappingLimits, clientsMax: number = CLIENTS_MAX) {
    this.#limits = limits;
    this.#clientsMax = clientsMax;
  }

  get size(): number {
    return this.#windows.size;
  }

  /** @returns true: that is more often than a client may. Its count begins anew then. */
  note(tenant: string, clientId: string, connects: number, nowMs: number): boolean {
    const key = `${tenant}\0${clientId}`;
    this.#forgetOld(nowMs);
    const known = this.#windows.get(key);
    const window = known ?? { sinceMs: nowMs, connects: 0 };
    window.connects += connects;
    if (window.connects > this.#limits.connectsMax) {
      this.#windows.delete(key);
      return true;
    }
    if (known !== undefined) return false;
    this.#windows.set(key, window);
    if (this.#windows.size > this.#clientsMax)
      for (const oldest of this.#windows.keys()) {
        this.#windows.delete(oldest);
        break;
      }
    return false;
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { sinceMs }] of this.#windows) {
      if (nowMs - sinceMs <= this.#limits.windowMs) return;
      this.#windows.delete(key);
    }
  }
}
