import type { CommandOutcome, Expected, PlainKind, Refused } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import {
  COMMENT_LENGTH_MAX,
  NAME_LENGTH_MAX,
  PASSWORD_HASH_LENGTH_MAX,
  PATTERN_LENGTH_MAX,
  SCRAM_KEYS_MAX,
  SQL_LENGTH_MAX,
} from './limits.js';
import type { KeyByKind, Principal, ValueByKind } from './resources.js';
import { faultOfControls, faultOfFilter, faultOfJson, faultOfLength, faultOfName, faultOfNetwork, faultOfRange } from './syntax.js';

/* Resources that stand alone: they are put and deleted as they are, if their fields are well and their tenant is there. */

const QOS_MAX = 2;

type Check<K extends PlainKind> = (edit: Edit, value: ValueByKind[K]) => Refused | null;

const CHECKS: { readonly [K in PlainKind]: Check<K> } = {
  user: (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('name', value.name) ??
    faultOfLength('passwordHash', value.passwordHash, PASSWORD_HASH_LENGTH_MAX) ??
    faultOfLength('comment', value.comment, COMMENT_LENGTH_MAX) ??
    faultOfScram(value.scram),
  'acl-rule': (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('name', value.name) ??
    faultOfPrincipal(value.principal) ??
    faultOfFilter('filter', value.filter) ??
    (value.actions.length === 0 ? refuse('invalid', 'actions: there is none') : faultOfSet('actions', value.actions)) ??
    faultOfSet('qos', value.qos) ??
    faultOfQos(value.qos),
  ban: (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('value', value.value) ??
    (value.kind === 'address' ? faultOfNetwork('value', value.value) : null) ??
    faultOfLength('reason', value.reason, COMMENT_LENGTH_MAX) ??
    faultOfLength('by', value.by, NAME_LENGTH_MAX),
  'retained-settings': (edit, value) => edit.faultOfTenant(value.tenant),
  'auto-subscription': (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('name', value.name) ??
    faultOfFilter('filter', value.filter) ??
    faultOfRange('qos', value.qos, 0, QOS_MAX) ??
    faultOfRange('retainHandling', value.retainHandling, 0, 2),
  'topic-rewrite': (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('name', value.name) ??
    faultOfFilter('filter', value.filter) ??
    faultOfLength('pattern', value.pattern, PATTERN_LENGTH_MAX) ??
    (value.target.length === 0 ? refuse('invalid', 'target is empty') : faultOfLength('target', value.target, PATTERN_LENGTH_MAX)) ??
    faultOfControls('target', value.target),
  connector: (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('name', value.name) ??
    faultOfName('type', value.type) ??
    faultOfJson('settings', value.settings),
  rule: (edit, value) =>
    edit.faultOfTenant(value.tenant) ??
    faultOfName('name', value.name) ??
    faultOfLength('sql', value.sql, SQL_LENGTH_MAX) ??
    faultOfJson('actions', value.actions),
  setting: (edit, value) => faultOfScope(edit, value.scope) ?? faultOfName('key', value.key) ?? faultOfJson('value', value.value),
};

export function putPlain<K extends PlainKind>(edit: Edit, kind: K, value: ValueByKind[K], expected: Expected): CommandOutcome {
  const current = edit.tables.get(kind, value);
  const fault = CHECKS[kind](edit, value) ?? faultOfExpected(current, expected) ?? (current === null ? edit.faultOfCount(kind, 1) : null);
  if (fault !== null) return fault;
  edit.put(kind, value);
  return edit.accept();
}

export function deletePlain<K extends PlainKind>(edit: Edit, kind: K, key: KeyByKind[K], expected: Expected): CommandOutcome {
  const current = edit.tables.get(kind, key);
  if (current === null) return refuse('not-found', 'it is not there');
  const fault = faultOfExpected(current, expected);
  if (fault !== null) return fault;
  edit.delete(kind, key);
  return edit.accept();
}

function faultOfScope(edit: Edit, scope: number): Refused | null {
  if (scope === 0) return null;
  const node = edit.tables.get('node', { id: scope });
  return node === null || node.state === 'removed' ? refuse('not-found', `there is no node ${scope}`) : null;
}

function faultOfPrincipal({ kind, value }: Principal): Refused | null {
  if (kind === 'any') return value === '' ? null : refuse('invalid', 'principal: "any" has no value');
  return faultOfName('principal', value) ?? (kind === 'address' ? faultOfNetwork('principal', value) : null);
}

function faultOfSet(field: string, values: readonly (string | number)[]): Refused | null {
  return new Set(values).size === values.length ? null : refuse('invalid', `${field}: one is named twice`);
}

function faultOfScram(keys: readonly string[]): Refused | null {
  if (keys.length > SCRAM_KEYS_MAX) return refuse('limit', `scram: there are ${keys.length}; ${SCRAM_KEYS_MAX} are allowed`);
  for (const key of keys) {
    const fault = faultOfLength('scram', key, PASSWORD_HASH_LENGTH_MAX);
    if (fault !== null) return fault;
  }
  return null;
}

function faultOfQos(values: readonly number[]): Refused | null {
  for (const qos of values) if (qos > QOS_MAX) return faultOfRange('qos', qos, 0, QOS_MAX);
  return null;
}
