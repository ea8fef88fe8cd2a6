import type { HashSettings } from '../../settings/auth-source-schema.js';
import { parseDigest } from '../passwords/stored-password.js';
import type { AccessRule } from '../ports.js';
import type { Account } from './account-source.js';
import { SourceFault } from './source.js';

/** An account as a row of a table, a hash or a document: password_hash, salt, is_superuser. @throws SourceFault. */
export function accountOfRow(row: object, hash: HashSettings, rules: readonly AccessRule[] | null): Account {
  const text = (name: string): string => {
    const value: unknown = Reflect.get(row, name) ?? '';
    return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
  };
  const passwordHash = text('password_hash');
  const password = passwordHash === '' ? null : parseDigest(hash, passwordHash, text('salt'));
  if (passwordHash !== '' && password === null) throw new SourceFault('a password hash is not of the form that hash.algorithm names');
  return { password, isSuperuser: isTrue(Reflect.get(row, 'is_superuser')), rules };
}

/** Booleans as databases have them. */
export function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === 1n || value === '1' || value === 'true' || value === 't' || value === 'TRUE';
}
