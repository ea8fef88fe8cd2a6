import { keysOf } from './forms.js';
import type { KeyByKind, ResourceKind } from './resources.js';

/*
  A key as text. Tables are sorted by it, and a list goes on after one. Parts are separated by U+0000, which no name contains, so that no two
  keys have the same text and those of one tenant are neighbours. Numbers have leading zeros, so that they sort as numbers.

    user      tenant \0 name                              offset    tenant \0 group \0 stream \0 partition
    ban       tenant \0 kind \0 value                     setting   scope \0 key
*/

const SEPARATOR = '\u0000';
/** The unit behind the separator: where the keys that begin with a part and the separator end. */
const AFTER_SEPARATOR = '\u0001';
const ID_DIGITS = 16;
const STREAM_DIGITS = 10;
const PARTITION_DIGITS = 6;

const digits = (value: number, count: number): string => String(value).padStart(count, '0');
/** `join` makes one flat string. A template makes a tree of its parts, which is slow to compare and takes twice the room. */
const join = (...parts: readonly string[]): string => parts.join(SEPARATOR);
const named = ({ tenant, name }: { readonly tenant: string; readonly name: string }): string => join(tenant, name);

interface KeyRule<K extends ResourceKind> {
  /** Its first part is the tenant. */
  readonly isInTenant: boolean;
  readonly text: (key: KeyByKind[K]) => string;
}

const NAMED = { isInTenant: true, text: named } as const;

const KEY_RULES: { readonly [K in ResourceKind]: KeyRule<K> } = {
  cluster: { isInTenant: false, text: () => '' },
  node: { isInTenant: false, text: ({ id }) => digits(id, ID_DIGITS) },
  tenant: { isInTenant: false, text: ({ name }) => name },
  user: NAMED,
  'acl-rule': NAMED,
  ban: { isInTenant: true, text: ({ tenant, kind, value }) => join(tenant, kind, value) },
  stream: NAMED,
  'deleted-stream': { isInTenant: false, text: ({ id }) => digits(id, STREAM_DIGITS) },
  shape: { isInTenant: false, text: ({ node }) => digits(node, ID_DIGITS) },
  placement: { isInTenant: false, text: ({ group }) => digits(group, PARTITION_DIGITS) },
  group: NAMED,
  offset: {
    isInTenant: true,
    text: ({ tenant, group, stream, partition }) => join(tenant, group, digits(stream, STREAM_DIGITS), digits(partition, PARTITION_DIGITS)),
  },
  'retained-settings': { isInTenant: true, text: ({ tenant }) => join(tenant, '') },
  'auto-subscription': NAMED,
  'topic-rewrite': NAMED,
  connector: NAMED,
  rule: NAMED,
  'schema-subject': NAMED,
  schema: {
    isInTenant: true,
    text: ({ tenant, name, version }) => join(tenant, name, digits(version, STREAM_DIGITS)),
  },
  setting: { isInTenant: false, text: ({ scope, key }) => join(digits(scope, ID_DIGITS), key) },
};

/** Kinds whose records belong to a tenant. */
export const TENANT_KINDS: readonly ResourceKind[] = keysOf(KEY_RULES).filter((kind) => KEY_RULES[kind].isInTenant);

/** @param key a key, or a record: it has the fields of its key. */
export function keyText<K extends ResourceKind>(kind: K, key: KeyByKind[K]): string {
  return KEY_RULES[kind].text(key);
}

/** What the keys of a list begin with. */
export function listPrefix(kind: ResourceKind, tenant: string | undefined, prefix: string): string {
  return tenant !== undefined && KEY_RULES[kind].isInTenant ? join(tenant, prefix) : prefix;
}

/** Keys that have `parts` as their first ones are from `from` on and before `to`. */
export function keyRange(...parts: readonly string[]): { readonly from: string; readonly to: string } {
  const text = join(...parts);
  return { from: text + SEPARATOR, to: text + AFTER_SEPARATOR };
}

export function settingsOfNode(id: number): { readonly from: string; readonly to: string } {
  return keyRange(digits(id, ID_DIGITS));
}
