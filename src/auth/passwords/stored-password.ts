import { timingSafeEqual } from 'node:crypto';

/*
  Passwords as others keep them: never in clear. A text says by its beginning what it is:

    $argon2id$v=19$m=19456,t=2,p=1$salt$hash     PHC, also argon2i and argon2d               what we make ourselves
    $pbkdf2-sha256$29000$salt$hash               passlib; also sha512, also `i=29000`        imported
    $7$iterations$salt$hash                      mosquitto_passwd, PBKDF2 with SHA-512
    $6$salt$hash                                 mosquitto_passwd of 1.x: SHA-512 of password and salt

  A bare digest (`5e88...`) says nothing of itself: its source is told how it was made.
*/

/** sha1: of directories alone. */
export type DigestName = 'sha1' | 'sha256' | 'sha512';

export type StoredPassword =
  | { readonly kind: 'argon2'; readonly phc: string }
  | {
      readonly kind: 'pbkdf2';
      readonly digest: DigestName;
      readonly iterations: number;
      readonly salt: Uint8Array;
      readonly hash: Uint8Array;
    }
  /** One pass over prefix, password and suffix. */
  | {
      readonly kind: 'salted';
      readonly digest: DigestName;
      readonly prefix: Uint8Array;
      readonly suffix: Uint8Array;
      readonly hash: Uint8Array;
    };

/** How bare digests of a source were made. */
export interface DigestForm {
  readonly algorithm: 'phc' | 'sha256' | 'sha512' | 'pbkdf2-sha256' | 'pbkdf2-sha512';
  readonly salt: 'none' | 'prefix' | 'suffix';
  /** Of PBKDF2. */
  readonly iterations: number;
}

/** What is stored is data from outside: it must not make one login cost a machine's memory or an hour. */
const ARGON2_KIB_MAX = 1024 * 1024;
const ARGON2_PASSES_MAX = 64;
const ARGON2_LANES_MAX = 64;
const ITERATIONS_MAX = 10_000_000;
const TEXT_LENGTH_MAX = 1024;

const ARGON2 = /^\$argon2(?:id|i|d)(?:\$v=\d{1,3})?\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,4})\$[A-Za-z0-9+/]{4,}\$[A-Za-z0-9+/]{4,}$/;
const PBKDF2 = /^\$pbkdf2-(sha256|sha512)\$(?:i=)?(\d{1,8})(?:,l=\d{1,4})?\$([A-Za-z0-9./+=]*)\$([A-Za-z0-9./+=]+)$/;
const MOSQUITTO_7 = /^\$7\$(\d{1,8})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;
const MOSQUITTO_6 = /^\$6\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;
const SHA512_BYTES = 64;
const DIGEST_BYTES: Readonly<Record<DigestName, number>> = { sha1: 20, sha256: 32, sha512: SHA512_BYTES };
const NOTHING = new Uint8Array(0);

/** @returns null if it is none of the forms, or would cost more than any login may. */
export function parseStoredPassword(text: string): StoredPassword | null {
  if (text.length > TEXT_LENGTH_MAX) return null;
  return parseArgon2(text) ?? parsePbkdf2(text) ?? parseMosquitto(text);
}

/**
 * A password in the columns of a table or the fields of a document.
 * @param salt as text; hex or base64 are not looked for, since a salt is bytes of the text in the schemas there are.
 */
export function parseDigest(form: DigestForm, hash: string, salt: string): StoredPassword | null {
  if (form.algorithm === 'phc') return parseStoredPassword(hash);
  const digest: DigestName = form.algorithm.endsWith('sha256') ? 'sha256' : 'sha512';
  const bytes = digestBytes(hash, DIGEST_BYTES[digest]);
  if (bytes === null) return null;
  const saltBytes = Buffer.from(salt, 'utf8');
  if (form.algorithm.startsWith('pbkdf2')) return { kind: 'pbkdf2', digest, iterations: form.iterations, salt: saltBytes, hash: bytes };
  const prefix = form.salt === 'prefix' ? saltBytes : NOTHING;
  const suffix = form.salt === 'suffix' ? saltBytes : NOTHING;
  return { kind: 'salted', digest, prefix, suffix, hash: bytes };
}

/** Without a hint by its time where they differ. */
export function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

function parseArgon2(text: string): StoredPassword | null {
  const match = ARGON2.exec(text);
  if (match === null) return null;
  const [memoryKib, passes, lanes] = match.slice(1).map(Number);
  const isBearable = memoryKib <= ARGON2_KIB_MAX && passes <= ARGON2_PASSES_MAX && lanes <= ARGON2_LANES_MAX;
  return isBearable ? { kind: 'argon2', phc: text } : null;
}

function parsePbkdf2(text: string): StoredPassword | null {
  const match = PBKDF2.exec(text);
  if (match === null) return null;
  const digest: DigestName = match[1] === 'sha256' ? 'sha256' : 'sha512';
  // passlib writes a dot where base64 has a plus.
  const [salt, hash] = [match[3], match[4]].map((part) => Buffer.from(part.replaceAll('.', '+'), 'base64'));
  return pbkdf2Of(digest, Number(match[2]), salt, hash);
}

function parseMosquitto(text: string): StoredPassword | null {
  const seven = MOSQUITTO_7.exec(text);
  if (seven !== null) return pbkdf2Of('sha512', Number(seven[1]), Buffer.from(seven[2], 'base64'), Buffer.from(seven[3], 'base64'));
  const six = MOSQUITTO_6.exec(text);
  if (six === null) return null;
  const hash = Buffer.from(six[2], 'base64');
  if (hash.length !== SHA512_BYTES) return null; // crypt(3) has the same beginning and is something else.
  return { kind: 'salted', digest: 'sha512', prefix: NOTHING, suffix: Buffer.from(six[1], 'base64'), hash };
}

function pbkdf2Of(digest: DigestName, iterations: number, salt: Uint8Array, hash: Uint8Array): StoredPassword | null {
  if (iterations < 1 || iterations > ITERATIONS_MAX || hash.length < 16 || hash.length > SHA512_BYTES) return null;
  return { kind: 'pbkdf2', digest, iterations, salt, hash };
}

/** Hex or base64, by its length. */
function digestBytes(text: string, length: number): Uint8Array | null {
  if (text.length === 2 * length) return /^[0-9a-fA-F]+$/.test(text) ? Buffer.from(text, 'hex') : null;
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : NOTHING;
  return bytes.length === length ? bytes : null;
}
