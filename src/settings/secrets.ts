import { SECRET_PATHS } from './schema.js';

/* What of the settings nobody is shown: those of SECRET_PATHS, and parts of tables. */

const HIDDEN = '(secret)';

/** Keys within tables whose values are secrets. */
const SECRET_KEYS: ReadonlySet<string> = new Set(['password', 'bind_password', 'secret']);
/** Tables of texts each of which may be one. */
const SECRET_TABLES: ReadonlySet<string> = new Set(['headers']);
const PASSWORD_IN_URL = /^([a-z+]+:\/\/[^/@:]*:)[^@]*@/i;

/** The value of a setting as it may be shown. */
export function shownSetting(path: string, value: unknown): unknown {
  if (SECRET_PATHS.includes(path)) return value === '' ? '' : HIDDEN;
  return typeof value === 'object' ? shown(value) : value;
}

function shown(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(PASSWORD_IN_URL, `$1${HIDDEN}@`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shown);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => {
      if (SECRET_KEYS.has(key)) return [key, inner === '' ? '' : HIDDEN];
      return [key, SECRET_TABLES.has(key) ? hideAll(inner) : shown(inner)];
    }),
  );
}

function hideAll(table: unknown): unknown {
  return typeof table === 'object' && table !== null ? Object.fromEntries(Object.keys(table).map((key) => [key, HIDDEN])) : table;
}
