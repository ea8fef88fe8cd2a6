import { assert } from '../../base/assert.js';
import { keysOf } from '../catalogue/forms.js';
import { resourceOfNumber } from '../catalogue/record-forms.js';
import {
  NO_QUOTAS,
  type ResourceKind,
  type ResourceRecord,
  type StreamValue,
  TENANT_DEFAULT,
  type ValueByKind,
} from '../catalogue/resources.js';
import { invalidRequest } from './error-status.js';
import type { Kind, Record as RecordMessage, Resource } from './generated/robustmq/v1/resources.js';
import { type Stream, StreamOrigin } from './generated/robustmq/v1/streams.js';
import {
  ACL_ACTION,
  ACL_RETAIN,
  BAN_KIND,
  NODE_ROLE,
  NODE_STATE,
  PERMISSION,
  PRINCIPAL_KIND,
  REWRITE_ACTION,
  SCHEMA_TYPE,
  STREAM_FLUSH,
  STREAM_ORIGIN,
  STREAM_STORAGE,
} from './wire-words.js';

/*
  Resources as messages and back: one row for each kind. Where both have the same fields nothing is copied; a codec writes the fields that it
  knows, so a record may go out with its revision. Without a tenant the default one is meant.
*/

type ResourceUnion = NonNullable<Resource['resource']>;
type ResourceCase = ResourceUnion['$case'];
type WireValue<C extends ResourceCase> = Extract<ResourceUnion, { readonly $case: C }>['value'];

/** How messages call the kinds. */
export interface Cases {
  readonly cluster: 'cluster';
  readonly node: 'node';
  readonly tenant: 'tenant';
  readonly user: 'user';
  readonly 'acl-rule': 'aclRule';
  readonly ban: 'ban';
  readonly stream: 'stream';
  readonly 'deleted-stream': 'deletedStream';
  readonly shape: 'shape';
  readonly placement: 'placement';
  readonly group: 'group';
  readonly offset: 'offset';
  readonly 'retained-settings': 'retainedSettings';
  readonly 'auto-subscription': 'autoSubscription';
  readonly 'topic-rewrite': 'topicRewrite';
  readonly connector: 'connector';
  readonly rule: 'rule';
  readonly 'schema-subject': 'schemaSubject';
  readonly schema: 'schema';
  readonly setting: 'setting';
}

interface Conversion<V, W> {
  toWire(value: V): W;
  /** @throws CallFailure. Only what the table of types cannot say is looked at; the catalogue judges the rest. */
  fromWire(value: W): V;
}

type Conversions = { readonly [K in ResourceKind]: Conversion<ValueByKind[K], WireValue<Cases[K]>> };

/** The fields are the same. */
function plain<T>(): Conversion<T, T> {
  return { toWire: (value) => value, fromWire: (value) => value };
}

/** The same, of a tenant. */
function plainInTenant<T extends { readonly tenant: string }>(): Conversion<T, T> {
  return { toWire: (value) => value, fromWire: (value) => (value.tenant === '' ? { ...value, tenant: TENANT_DEFAULT } : value) };
}

export const tenantOf = (tenant: string): string => (tenant === '' ? TENANT_DEFAULT : tenant);
/** -1, not known, is a number that has no place on the wire. */
export const epochToWire = (epoch: number): number | undefined => (epoch < 0 ? undefined : epoch);
export const epochFromWire = (epoch: number | undefined): number => epoch ?? -1;

/** How messages call the kinds. */
export const CASES: Cases = {
  cluster: 'cluster',
  node: 'node',
  tenant: 'tenant',
  user: 'user',
  'acl-rule': 'aclRule',
  ban: 'ban',
  stream: 'stream',
  'deleted-stream': 'deletedStream',
  shape: 'shape',
  placement: 'placement',
  group: 'group',
  offset: 'offset',
  'retained-settings': 'retainedSettings',
  'auto-subscription': 'autoSubscription',
  'topic-rewrite': 'topicRewrite',
  connector: 'connector',
  rule: 'rule',
  'schema-subject': 'schemaSubject',
  schema: 'schema',
  setting: 'setting',
};

const stream: Conversion<StreamValue, Stream> = {
  toWire: ({ settings, storage, origin, ...rest }) => ({
    ...rest,
    storage: STREAM_STORAGE.toWire(storage),
    settings: { ...settings, flush: STREAM_FLUSH.toWire(settings.flush) },
    origin: STREAM_ORIGIN.toWire(origin),
  }),
  fromWire({ settings, storage, origin, tenant, ...rest }) {
    if (settings?.retention === undefined) throw invalidRequest('a stream without settings or retention');
    const { flush, isCompacted, tombstoneMs, retention } = settings;
    return {
      ...rest,
      tenant: tenantOf(tenant),
      storage: STREAM_STORAGE.fromWire(storage),
      settings: { flush: STREAM_FLUSH.fromWire(flush), retention, isCompacted, tombstoneMs },
      origin: origin === StreamOrigin.UNSPECIFIED ? 'command' : STREAM_ORIGIN.fromWire(origin),
    };
  },
};

const CONVERSIONS: Conversions = {
  cluster: plain(),
  node: {
    toWire: (node) => ({ ...node, roles: node.roles.map(NODE_ROLE.toWire), state: NODE_STATE.toWire(node.state) }),
    fromWire: (node) => ({ ...node, roles: node.roles.map(NODE_ROLE.fromWire), state: NODE_STATE.fromWire(node.state) }),
  },
  tenant: { toWire: (tenant) => tenant, fromWire: (tenant) => ({ ...tenant, quotas: tenant.quotas ?? NO_QUOTAS }) },
  user: plainInTenant(),
  'acl-rule': {
    toWire: (rule) => ({
      ...rule,
      permission: PERMISSION.toWire(rule.permission),
      principal: { kind: PRINCIPAL_KIND.toWire(rule.principal.kind), value: rule.principal.value },
      actions: rule.actions.map(ACL_ACTION.toWire),
      retain: ACL_RETAIN.toWire(rule.retain),
    }),
    fromWire: (rule) => ({
      ...rule,
      tenant: tenantOf(rule.tenant),
      permission: PERMISSION.fromWire(rule.permission),
      principal: { kind: PRINCIPAL_KIND.fromWire(rule.principal?.kind ?? 0), value: rule.principal?.value ?? '' },
      actions: rule.actions.map(ACL_ACTION.fromWire),
      retain: ACL_RETAIN.fromWire(rule.retain),
    }),
  },
  ban: {
    toWire: (ban) => ({ ...ban, kind: BAN_KIND.toWire(ban.kind) }),
    fromWire: (ban) => ({ ...ban, tenant: tenantOf(ban.tenant), kind: BAN_KIND.fromWire(ban.kind) }),
  },
  stream,
  'deleted-stream': plain(),
  shape: plain(),
  placement: plain(),
  group: plainInTenant(),
  offset: {
    toWire: (offset) => ({ ...offset, leaderEpoch: epochToWire(offset.leaderEpoch) }),
    fromWire: (offset) => ({ ...offset, tenant: tenantOf(offset.tenant), leaderEpoch: epochFromWire(offset.leaderEpoch) }),
  },
  'retained-settings': plainInTenant(),
  'auto-subscription': plainInTenant(),
  'topic-rewrite': {
    toWire: (rewrite) => ({ ...rewrite, action: REWRITE_ACTION.toWire(rewrite.action) }),
    fromWire: (rewrite) => ({ ...rewrite, tenant: tenantOf(rewrite.tenant), action: REWRITE_ACTION.fromWire(rewrite.action) }),
  },
  connector: plainInTenant(),
  rule: plainInTenant(),
  'schema-subject': plainInTenant(),
  schema: {
    toWire: (schema) => ({ ...schema, type: SCHEMA_TYPE.toWire(schema.type) }),
    fromWire: (schema) => ({ ...schema, tenant: tenantOf(schema.tenant), type: SCHEMA_TYPE.fromWire(schema.type) }),
  },
  setting: plain(),
};

/** One kind with its value. */
export type KindedValue = { readonly [K in ResourceKind]: { readonly kind: K; readonly value: ValueByKind[K] } }[ResourceKind];

export function resourceToWire<K extends ResourceKind>(kind: K, value: ValueByKind[K]): Resource {
  return { resource: { $case: CASES[kind], value: CONVERSIONS[kind].toWire(value) } as ResourceUnion }; // Both are of the same row.
}

export function streamToWire(value: StreamValue): Stream {
  return stream.toWire(value);
}

export function recordToWire<K extends ResourceKind>(kind: K, record: ResourceRecord<K>): RecordMessage {
  return { resource: resourceToWire(kind, record), revision: record.revision };
}

/** @throws CallFailure */
export function resourceFromWire(message: Resource | undefined): KindedValue {
  const union = message?.resource;
  if (union === undefined) throw invalidRequest('no resource is given');
  return fromUnion(kindOfCase(union.$case), union.value);
}

function fromUnion<K extends ResourceKind>(kind: K, value: ResourceUnion['value']): KindedValue {
  const { fromWire } = CONVERSIONS[kind];
  return { kind, value: fromWire(value as WireValue<Cases[K]>) } as KindedValue; // The union has the value of the case that says the kind.
}

const KIND_BY_CASE = new Map<string, ResourceKind>(keysOf(CASES).map((kind) => [CASES[kind], kind]));

/** @param name of the case of a message. */
export function kindOfCase(name: Cases[ResourceKind]): ResourceKind {
  const kind = KIND_BY_CASE.get(name);
  assert(kind !== undefined, 'every case has a kind');
  return kind;
}

/** Kinds have the same numbers in messages as in snapshots. @throws CallFailure if it is the number of none. */
export function kindFromWire(kind: Kind): ResourceKind {
  const known = resourceOfNumber(kind);
  if (known === null) throw invalidRequest('a kind is missing or unknown');
  return known;
}
