import type { StoredPassword } from '../auth/passwords/stored-password.js';
import { verifyPassword } from '../auth/passwords/verify.js';

/** One password that a thread of the pool verifies. */
export interface HashTask {
  readonly stored: StoredPassword;
  readonly password: Uint8Array;
}

export function runHash({ stored, password }: HashTask): boolean {
  return verifyPassword(stored, password);
}
