import { createHash, pbkdf2Sync } from 'node:crypto';
import { verifySync } from '@node-rs/argon2';
import { areEqual, type StoredPassword } from './stored-password.js';

/** Whether it takes milliseconds: that is work for the pool. */
export function isCostly(stored: StoredPassword): boolean {
  return stored.kind !== 'salted';
}

/** Takes this thread for as long as the hash costs. */
export function verifyPassword(stored: StoredPassword, password: Uint8Array): boolean {
  switch (stored.kind) {
    case 'argon2':
      return verifyArgon2(stored.phc, password);
    case 'pbkdf2': {
      const { salt, iterations, hash, digest } = stored;
      return areEqual(pbkdf2Sync(password, salt, iterations, hash.length, digest), hash);
    }
    case 'salted': {
      const made = createHash(stored.digest).update(stored.prefix).update(password).update(stored.suffix).digest();
      return areEqual(made, stored.hash);
    }
  }
}

function verifyArgon2(phc: string, password: Uint8Array): boolean {
  try {
    return verifySync(phc, password);
  } catch {
    return false; // It has the form of a PHC string, and the library cannot read it: nobody has its password.
  }
}
