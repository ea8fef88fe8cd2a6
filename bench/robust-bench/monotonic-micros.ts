/**
 * Microseconds of one clock for all threads of the process: latencies are taken between a sender and a receiver on different
 * threads, and each thread's `performance.now()` starts at its own zero.
 */
export class MonotonicMicros {
  readonly #offsetUs: number;

  constructor() {
    // Once per thread; the pair is read within a microsecond or so, which is the unit we report in.
    this.#offsetUs = Number(process.hrtime.bigint()) / 1_000 - performance.now() * 1_000;
  }

  /** Microseconds since the machine started, with a fraction. */
  now(): number {
    return performance.now() * 1_000 + this.#offsetUs;
  }
}
