import { createHmac, randomBytes } from 'node:crypto';
import { BoundedMemory } from '../chain/bounded-memory.js';
import { makeDecoy } from './credentials.js';
import type { StoredPassword } from './stored-password.js';
import { isCostly, verifyPassword } from './verify.js';

/** Threads that hash. Rejects with TooBusy when as many wait as may. */
export interface HashPool {
  verify(stored: StoredPassword, password: Uint8Array): Promise<boolean>;
  readonly waiting: number;
  close(): Promise<void>;
}

const REMEMBERED_MAX = 50_000;
const REMEMBERED_MS = 10 * 60 * 1000;

/**
 * Verifies passwords. What costs milliseconds goes to the pool, and is remembered: the same password against the same hash has the same outcome for ever, and
 * another hash is another key. No password is kept, only its HMAC under a key that ends with this thread.
 */
export class PasswordChecker {
  readonly #pool: HashPool;
  readonly #memory: BoundedMemory<boolean>;
  readonly #key = randomBytes(32);

  constructor(pool: HashPool, nowMs: () => number) {
    this.#pool = pool;
    this.#memory = new BoundedMemory(REMEMBERED_MAX, nowMs);
  }

  async check(stored: StoredPassword, password: Uint8Array): Promise<boolean> {
    if (!isCostly(stored)) return verifyPassword(stored, password);
    const key = this.#keyOf(stored, password);
    const known = this.#memory.get(key);
    if (known !== undefined) return known;
    const isRight = await this.#pool.verify(stored, password);
    this.#memory.set(key, isRight, REMEMBERED_MS);
    return isRight;
  }

  /** Takes as long as for somebody who is there, so that time does not tell who is; remembered alike, too. */
  async waste(name: string, password: Uint8Array): Promise<void> {
    await this.check({ kind: 'argon2', phc: makeDecoy(this.#key, name) }, password);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #keyOf(stored: StoredPassword, password: Uint8Array): string {
    const hmac = createHmac('sha256', this.#key);
    if (stored.kind === 'argon2') hmac.update(`${stored.phc}\n`);
    else if (stored.kind === 'pbkdf2')
      hmac.update(`${stored.digest} ${stored.iterations} ${stored.salt.length}\n`).update(stored.salt).update(stored.hash);
    return hmac.update(password).digest('base64');
  }
}
