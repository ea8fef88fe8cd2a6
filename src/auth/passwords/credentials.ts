import { createHmac } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import { makeScramKeys, SCRAM_MECHANISMS } from '../scram/stored-keys.js';

/** OWASP's first choice: 19 MiB, two passes. */
const ARGON2_OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** What the catalogue keeps of a user's password (UserValue): enough to prove it, not to know it. */
export interface Credentials {
  /** A PHC string of argon2id. */
  readonly passwordHash: string;
  /** For enhanced authentication: one for each mechanism. */
  readonly scram: readonly string[];
}

/** Takes some 50 ms, on the threads of libuv. @throws RangeError if no mechanism can carry the password. */
export async function makeCredentials(password: string): Promise<Credentials> {
  const [passwordHash, ...scram] = await Promise.all([
    hash(password, ARGON2_OPTIONS),
    ...SCRAM_MECHANISMS.map((mechanism) => makeScramKeys(mechanism, password)),
  ]);
  return { passwordHash, scram };
}

/** A hash that no password has, as costly as one of ours, for a name that nobody has: the same each time, another for each name. */
export function makeDecoy(key: Uint8Array, name: string): string {
  const { memoryCost, timeCost, parallelism } = ARGON2_OPTIONS;
  const bytes = createHmac('sha512', key).update(name).digest();
  const salt = base64(bytes.subarray(0, SALT_BYTES));
  const digest = base64(bytes.subarray(SALT_BYTES, SALT_BYTES + HASH_BYTES));
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${salt}$${digest}`;
}

/** As PHC strings have it: without the padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
