import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { Gate } from '../auth/chain/gate.js';
import type { HashPool } from '../auth/passwords/password-checker.js';
import type { StoredPassword } from '../auth/passwords/stored-password.js';
import type { HashTask } from './hash-thread.js';

/** Below everything that serves clients: a storm of logins gets what they leave. */
const NICE = 15;
/** Threads that have nothing to do for so long end. */
const IDLE_MS = 60_000;

/** Threads that verify passwords, at a low priority. They are there when the first password comes. */
export class HashThreads implements HashPool {
  readonly #threads: number;
  readonly #gate: Gate;
  #pool: Promise<Piscina<HashTask, boolean>> | null = null;

  /** @param waitingMax beyond it `verify` rejects with TooBusy. */
  constructor(threads: number, waitingMax: number) {
    this.#threads = threads;
    this.#gate = new Gate(threads, waitingMax);
  }

  get waiting(): number {
    return this.#gate.waiting;
  }

  verify(stored: StoredPassword, password: Uint8Array): Promise<boolean> {
    return this.#gate.run(async () => {
      this.#pool ??= this.#open();
      return (await this.#pool).run({ stored, password });
    });
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    if (pool !== null) await (await pool).destroy();
  }

  async #open(): Promise<Piscina<HashTask, boolean>> {
    const { Piscina: Pool } = await import('piscina');
    return new Pool<HashTask, boolean>({
      filename: fileURLToPath(new URL('../../workers/hash.js', import.meta.url)),
      name: 'verify',
      minThreads: 1,
      maxThreads: this.#threads,
      idleTimeout: IDLE_MS,
      niceIncrement: NICE,
    });
  }
}
