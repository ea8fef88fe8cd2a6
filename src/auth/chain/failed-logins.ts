interface Entry {
  failures: number;
  lastMs: number;
  blockedUntilMs: number;
}

export interface BackOff {
  /** Failures before there is a wait. */
  readonly failures_max: number;
  /** Milliseconds of the first wait; each further failure doubles it. 0: there is none. */
  readonly backoff: number;
  readonly backoff_max: number;
}

const ENTRIES_MAX = 65_536;
/** Failures that are older are forgiven. */
const FORGIVEN_MS = 15 * 60 * 1000;

/**
 * Who guessed too often has to wait, by account and address: others of the account, and others at the address, do not. Bounded: with more of them
 * than fit, those that failed longest ago are forgiven.
 */
export class FailedLogins {
  readonly #rules: BackOff;
  readonly #entries = new Map<string, Entry>();

  constructor(rules: BackOff) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#entries.size;
  }

  static keyOf(tenant: string, user: string, address: string): string {
    return `${tenant}\n${address}\n${user}`;
  }

  /** @returns milliseconds that it has to wait still; 0: none. */
  waitMs(key: string, nowMs: number): number {
    const entry = this.#entries.get(key);
    return entry === undefined ? 0 : Math.max(0, entry.blockedUntilMs - nowMs);
  }

  /** @returns whether it has to wait from now on, and had not before. */
  onFailure(key: string, nowMs: number): boolean {
    const { failures_max, backoff, backoff_max } = this.#rules;
    const known = this.#entries.get(key);
    const entry = known !== undefined && nowMs - known.lastMs < FORGIVEN_MS ? known : { failures: 0, lastMs: 0, blockedUntilMs: 0 };
    entry.failures += 1;
    entry.lastMs = nowMs;
    const beyond = entry.failures - failures_max;
    if (beyond >= 0) entry.blockedUntilMs = nowMs + Math.min(backoff_max, backoff * 2 ** Math.min(beyond, 30));
    this.#entries.delete(key); // To the end of the order.
    this.#entries.set(key, entry);
    if (this.#entries.size > ENTRIES_MAX) this.#dropOldest();
    return beyond === 0 && backoff > 0;
  }

  onSuccess(key: string): void {
    this.#entries.delete(key);
  }

  #dropOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key);
      return;
    }
  }
}
