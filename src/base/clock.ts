import { assert } from './assert.js';

/** Time is passed in, so that tests turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch, whole; may jump when the system's clock is set. For stamps and expiry. */
  nowMs(): number;
  /** Milliseconds since some start, with a fraction; never goes back. For timeouts and measuring. */
  monotonicMs(): number;
}

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #epochMs: number;
  #monotonicMs = 0;

  constructor(epochMs = 1_700_000_000_000) {
    this.#epochMs = epochMs;
  }

  nowMs(): number {
    return this.#epochMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  advance(ms: number): void {
    assert(ms >= 0, 'time does not go back');
    this.#epochMs += ms;
    this.#monotonicMs += ms;
  }

  /** The system's clock is set, as NTP or an operator does it: monotonic time does not notice. */
  setEpoch(epochMs: number): void {
    this.#epochMs = epochMs;
  }
}
