import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from '@mongodb-js/saslprep';

/*
  What a server keeps for SCRAM (RFC 5802 §3, RFC 7677): with it a client can be verified, but nobody can log in.

    SaltedPassword = PBKDF2(SASLprep(password), salt, iterations)
    StoredKey      = H(HMAC(SaltedPassword, "Client Key"))
    ServerKey      = HMAC(SaltedPassword, "Server Key")

  As text, in the form that PostgreSQL has too:   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
*/

export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type ScramMechanism = (typeof SCRAM_MECHANISMS)[number];

export interface ScramKeys {
  readonly mechanism: ScramMechanism;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** RFC 7677 asks for 4,096 at least. */
export const SCRAM_ITERATIONS = 15_000;
const ITERATIONS_MAX = 10_000_000;
export const SCRAM_SALT_BYTES = 16;
const FORM = /^(SCRAM-SHA-(?:256|512))\$(\d{1,8}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2}):([A-Za-z0-9+/]+={0,2})$/;

const derive = promisify(pbkdf2);

export function isScramMechanism(name: string): name is ScramMechanism {
  return name === 'SCRAM-SHA-256' || name === 'SCRAM-SHA-512';
}

/** As node:crypto calls it. */
export function digestOf(mechanism: ScramMechanism): 'sha256' | 'sha512' {
  return mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
}

export function digestBytesOf(mechanism: ScramMechanism): number {
  return mechanism === 'SCRAM-SHA-256' ? 32 : 64;
}

/** On the threads of libuv. @throws RangeError if SASLprep forbids a character of the password. */
export async function makeScramKeys(
  mechanism: ScramMechanism,
  password: string,
  salt: Uint8Array = randomBytes(SCRAM_SALT_BYTES),
  iterations: number = SCRAM_ITERATIONS,
): Promise<string> {
  const digest = digestOf(mechanism);
  const salted = await derive(preparePassword(password), salt, iterations, digestBytesOf(mechanism), digest);
  const storedKey = createHash(digest).update(createHmac(digest, salted).update('Client Key').digest()).digest('base64');
  const serverKey = createHmac(digest, salted).update('Server Key').digest('base64');
  return `${mechanism}$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}

/** @returns null if it is not of that form. */
export function parseScramKeys(text: string): ScramKeys | null {
  const match = FORM.exec(text);
  if (match === null || !isScramMechanism(match[1])) return null;
  const mechanism = match[1];
  const iterations = Number(match[2]);
  const [salt, storedKey, serverKey] = match.slice(3).map((part) => Buffer.from(part, 'base64'));
  const length = digestBytesOf(mechanism);
  if (iterations < 1 || iterations > ITERATIONS_MAX || storedKey.length !== length || serverKey.length !== length) return null;
  return { mechanism, iterations, salt, storedKey, serverKey };
}

/** RFC 4013. A password that is chosen now must not have unassigned code points (RFC 5802 §2.2). */
function preparePassword(password: string): string {
  try {
    return saslprep(password);
  } catch (cause) {
    throw new RangeError('the password has a character that SASLprep (RFC 4013) forbids', { cause });
  }
}

/** @returns null if SASLprep forbids a character of it. */
export function prepareName(name: string): string | null {
  try {
    return saslprep(name, { allowUnassigned: true });
  } catch {
    return null; // Whoever asks refuses the client.
  }
}
