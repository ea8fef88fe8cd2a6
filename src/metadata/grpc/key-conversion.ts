import type { KeyByKind, ResourceKey, ResourceKind } from '../catalogue/resources.js';
import { invalidRequest } from './error-status.js';
import type { Key } from './generated/robustmq/v1/resources.js';
import { CASES, type Cases, kindOfCase, tenantOf } from './resource-conversion.js';
import { BAN_KIND } from './wire-words.js';

/* Keys as messages and back: one row for each kind. */

type KeyUnion = NonNullable<Key['key']>;
type WireKey<K extends ResourceKind> = Extract<KeyUnion, { readonly $case: Cases[K] }>['value'];

interface KeyConversion<K extends ResourceKind> {
  /** A record is a key, too. */
  toWire(key: KeyByKind[K]): WireKey<K>;
  /** @throws CallFailure */
  fromWire(key: WireKey<K>): KeyByKind[K];
}

type KeyConversions = { readonly [K in ResourceKind]: KeyConversion<K> };

interface Named {
  readonly tenant: string;
  readonly name: string;
}

const NAMED = {
  toWire: ({ tenant, name }: Named): Named => ({ tenant, name }),
  fromWire: ({ tenant, name }: Named): Named => ({ tenant: tenantOf(tenant), name }),
} as const;

const CONVERSIONS: KeyConversions = {
  cluster: { toWire: () => ({}), fromWire: () => ({}) },
  node: { toWire: ({ id }) => ({ number: id }), fromWire: ({ number }) => ({ id: number }) },
  tenant: { toWire: ({ name }) => ({ tenant: name }), fromWire: ({ tenant }) => ({ name: tenant }) },
  user: NAMED,
  'acl-rule': NAMED,
  ban: {
    toWire: ({ tenant, kind, value }) => ({ tenant, kind: BAN_KIND.toWire(kind), value }),
    fromWire: ({ tenant, kind, value }) => ({ tenant: tenantOf(tenant), kind: BAN_KIND.fromWire(kind), value }),
  },
  stream: NAMED,
  'deleted-stream': { toWire: ({ id }) => ({ number: id }), fromWire: ({ number }) => ({ id: number }) },
  shape: { toWire: ({ node }) => ({ number: node }), fromWire: ({ number }) => ({ node: number }) },
  placement: { toWire: ({ group }) => ({ number: group }), fromWire: ({ number }) => ({ group: number }) },
  group: NAMED,
  offset: {
    toWire: ({ tenant, group, stream, partition }) => ({ tenant, group, stream, partition }),
    fromWire: ({ tenant, group, stream, partition }) => ({ tenant: tenantOf(tenant), group, stream, partition }),
  },
  'retained-settings': { toWire: ({ tenant }) => ({ tenant }), fromWire: ({ tenant }) => ({ tenant: tenantOf(tenant) }) },
  'auto-subscription': NAMED,
  'topic-rewrite': NAMED,
  connector: NAMED,
  rule: NAMED,
  'schema-subject': NAMED,
  schema: {
    toWire: ({ tenant, name, version }) => ({ tenant, name, version }),
    fromWire: ({ tenant, name, version }) => ({ tenant: tenantOf(tenant), name, version }),
  },
  setting: { toWire: ({ scope, key }) => ({ scope, key }), fromWire: ({ scope, key }) => ({ scope, key }) },
};

export type KindedKey = { readonly [K in ResourceKind]: { readonly kind: K; readonly key: KeyByKind[K] } }[ResourceKind];

export function keyToWire<K extends ResourceKind>(kind: K, key: ResourceKey<K>): Key {
  return { key: { $case: CASES[kind], value: CONVERSIONS[kind].toWire(key) } as KeyUnion }; // Both are of the same row.
}

/** @throws CallFailure */
export function keyFromWire(message: Key | undefined): KindedKey {
  const union = message?.key;
  if (union === undefined) throw invalidRequest('no key is given');
  return fromUnion(kindOfCase(union.$case), union.value);
}

function fromUnion<K extends ResourceKind>(kind: K, value: KeyUnion['value']): KindedKey {
  const { fromWire } = CONVERSIONS[kind];
  return { kind, key: fromWire(value as WireKey<K>) } as KindedKey; // The union has the key of the case that says the kind.
}
