import type { DigestName, StoredPassword } from '../passwords/stored-password.js';
import { parseStoredPassword } from '../passwords/stored-password.js';

const DIGESTS: Readonly<Record<string, readonly [digest: DigestName, bytes: number]>> = {
  SHA: ['sha1', 20],
  SSHA: ['sha1', 20],
  SHA256: ['sha256', 32],
  SSHA256: ['sha256', 32],
  SHA512: ['sha512', 64],
  SSHA512: ['sha512', 64],
};
const FORM = /^\{([A-Za-z0-9-]+)\}(.+)$/s;
const NOTHING = new Uint8Array(0);

/** A value of userPassword, RFC 2307: `{SSHA}` and base64 of digest and salt; `{ARGON2}$argon2id$...`; `{PBKDF2-SHA256}10000$salt$hash`. null: another form. */
export function parseLdapPassword(text: string): StoredPassword | null {
  const match = FORM.exec(text);
  if (match === null) return null; // In clear: that is nothing to compare with.
  const scheme = match[1].toUpperCase();
  if (scheme === 'ARGON2') return parseStoredPassword(match[2]);
  if (scheme === 'PBKDF2-SHA256' || scheme === 'PBKDF2-SHA512') return parseStoredPassword(`$${scheme.toLowerCase()}$${match[2]}`);
  const digest = Object.hasOwn(DIGESTS, scheme) ? DIGESTS[scheme] : null;
  if (digest === null) return null;
  const bytes = Buffer.from(match[2], 'base64');
  const isSalted = scheme.startsWith('SS');
  if (isSalted ? bytes.length <= digest[1] : bytes.length !== digest[1]) return null;
  return { kind: 'salted', digest: digest[0], prefix: NOTHING, suffix: bytes.subarray(digest[1]), hash: bytes.subarray(0, digest[1]) };
}
