import type { WireReader } from '../../wire/reader.js';
import type { WireWriter } from '../../wire/writer.js';
import { choice, type Form, flag, keysOf, list, record, text, whole, wholeFrom } from './forms.js';
import type {
  KeyByKind,
  NodeState,
  OffsetPosition,
  Principal,
  ResourceKind,
  ResourceRecord,
  SchemaWish,
  StreamSettings,
  StreamValue,
  StreamWish,
  TenantQuotas,
  ValueByKind,
} from './resources.js';

/*
  How each resource is written, in commands, snapshots and deltas. A field is added at the end of its record, with its value for older logs as
  `later`; a word at the end of its choice. Nothing else may change: test/metadata/catalogue/golden.test.ts has the bytes.
*/

/** In snapshots and deltas. Never used again. */
export const RESOURCE_NUMBERS: Readonly<Record<ResourceKind, number>> = {
  cluster: 1,
  node: 2,
  tenant: 3,
  user: 4,
  'acl-rule': 5,
  ban: 6,
  stream: 7,
  'deleted-stream': 8,
  shape: 9,
  placement: 10,
  group: 11,
  offset: 12,
  'retained-settings': 13,
  'auto-subscription': 14,
  'topic-rewrite': 15,
  connector: 16,
  rule: 17,
  'schema-subject': 18,
  schema: 19,
  setting: 20,
};

export const RESOURCE_KINDS: readonly ResourceKind[] = keysOf(RESOURCE_NUMBERS);

/** @returns null if this version knows none of this number. */
export function resourceOfNumber(number: number): ResourceKind | null {
  return RESOURCE_KINDS.find((kind) => RESOURCE_NUMBERS[kind] === number) ?? null;
}

export const nodeRoles: Form<ValueByKind['node']['roles']> = list(choice({ meta: 0, broker: 1, journal: 2 }));
const nodeState = choice({ joining: 0, active: 1, leaving: 2, removed: 3 });
export const liveNodeState: Form<Exclude<NodeState, 'removed'>> = choice({ joining: 0, active: 1, leaving: 2 });

const quotas: Form<TenantQuotas> = record<TenantQuotas>({
  connections: whole,
  messagesPerSecond: whole,
  bytesPerSecond: whole,
  sessions: whole,
  subscriptions: whole,
  retained: whole,
  storageBytes: whole,
  streams: whole,
});

const principal: Form<Principal> = record<Principal>({ kind: choice({ user: 0, client: 1, address: 2, any: 3 }), value: text });

const streamSettings: Form<StreamSettings> = record<StreamSettings>({
  flush: choice({ commit: 0, interval: 1, none: 2 }),
  retention: record<StreamSettings['retention']>({ timeMs: whole, bytes: whole, records: whole }),
  isCompacted: flag,
  tombstoneMs: whole,
});

const STREAM_FIELDS = {
  name: text,
  partitions: whole,
  storage: choice({ lmdb: 0, memory: 1 }),
  settings: streamSettings,
  filters: list(text),
  key: text,
  takesQos0: flag,
  origin: choice({ system: 0, settings: 1, command: 2 }),
} as const;

export const streamWish: Form<StreamWish> = record<StreamWish>({ tenant: text, ...STREAM_FIELDS });
/** In an import: of the one tenant there is. */
export const importedStream: Form<Omit<StreamValue, 'tenant'>> = record<Omit<StreamValue, 'tenant'>>({ id: whole, ...STREAM_FIELDS });

const schemaType = choice({ json: 0, avro: 1, protobuf: 2 });
export const schemaWish: Form<SchemaWish> = record<SchemaWish>({ tenant: text, name: text, type: schemaType, text });

const POSITION_FIELDS = { stream: whole, partition: whole, offset: whole, leaderEpoch: wholeFrom(-1), metadata: text } as const;
export const offsetPosition: Form<OffsetPosition> = record<OffsetPosition>(POSITION_FIELDS);

const banKind = choice({ client: 0, user: 1, address: 2, 'client-pattern': 3, 'user-pattern': 4 });

export const VALUE_FORMS: { readonly [K in ResourceKind]: Form<ValueByKind[K]> } = {
  cluster: record({ id: text, name: text, createdAtMs: whole, tokenHash: text }),
  node: record({
    id: whole,
    uuid: text,
    name: text,
    address: text,
    roles: nodeRoles,
    version: text,
    state: nodeState,
    joinedAtMs: whole,
  }),
  tenant: record({ name: text, quotas, comment: text }),
  user: record(
    { tenant: text, name: text, passwordHash: text, isSuperuser: flag, comment: text, scram: list(text) },
    { scram: [] }, // Version 1 had none.
  ),
  'acl-rule': record({
    tenant: text,
    name: text,
    order: whole,
    permission: choice({ allow: 0, deny: 1 }),
    principal,
    actions: list(choice({ publish: 0, subscribe: 1 })),
    filter: text,
    qos: list(whole),
    retain: choice({ any: 0, retained: 1, plain: 2 }),
  }),
  ban: record({
    tenant: text,
    kind: banKind,
    value: text,
    untilMs: whole,
    reason: text,
    by: text,
  }),
  stream: record({ tenant: text, id: whole, ...STREAM_FIELDS }),
  'deleted-stream': record({ id: whole, deletedAtMs: whole }),
  shape: record({ node: whole, groups: whole, groupLanes: whole, lanes: whole }),
  placement: record({ group: whole, replicas: list(whole), leader: whole }),
  group: record({ tenant: text, name: text, generation: whole }),
  offset: record({ tenant: text, group: text, ...POSITION_FIELDS, committedAtMs: whole }),
  'retained-settings': record({ tenant: text, messagesMax: whole, bytesMax: whole, payloadBytesMax: whole, expiryMs: whole }),
  'auto-subscription': record({
    tenant: text,
    name: text,
    filter: text,
    qos: whole,
    noLocal: flag,
    retainAsPublished: flag,
    retainHandling: whole,
  }),
  'topic-rewrite': record({
    tenant: text,
    name: text,
    order: whole,
    action: choice({ publish: 0, subscribe: 1, all: 2 }),
    filter: text,
    pattern: text,
    target: text,
  }),
  connector: record({ tenant: text, name: text, type: text, settings: text, isEnabled: flag }),
  rule: record({ tenant: text, name: text, sql: text, actions: text, isEnabled: flag }),
  'schema-subject': record({ tenant: text, name: text, versionLast: whole }),
  schema: record({ tenant: text, name: text, type: schemaType, text, version: whole }),
  setting: record({ scope: whole, key: text, value: text }),
};

const named = record<{ readonly tenant: string; readonly name: string }>({ tenant: text, name: text });

export const KEY_FORMS: { readonly [K in ResourceKind]: Form<KeyByKind[K]> } = {
  cluster: record({}),
  node: record({ id: whole }),
  tenant: record({ name: text }),
  user: named,
  'acl-rule': named,
  ban: record({ tenant: text, kind: banKind, value: text }),
  stream: named,
  'deleted-stream': record({ id: whole }),
  shape: record({ node: whole }),
  placement: record({ group: whole }),
  group: named,
  offset: record({ tenant: text, group: text, stream: whole, partition: whole }),
  'retained-settings': record({ tenant: text }),
  'auto-subscription': named,
  'topic-rewrite': named,
  connector: named,
  rule: named,
  'schema-subject': named,
  schema: record({ tenant: text, name: text, version: whole }),
  setting: record({ scope: whole, key: text }),
};

export function recordBytesMax<K extends ResourceKind>(kind: K, value: ResourceRecord<K>): number {
  return VALUE_FORMS[kind].bytesMax(value) + whole.bytesMax(value.revision);
}

/** A record is its value and then its revision. */
export function writeRecord<K extends ResourceKind>(writer: WireWriter, kind: K, value: ResourceRecord<K>): void {
  VALUE_FORMS[kind].write(writer, value);
  whole.write(writer, value.revision);
}

export function readRecord<K extends ResourceKind>(reader: WireReader, kind: K): ResourceRecord<K> {
  const value = VALUE_FORMS[kind].read(reader);
  return { ...value, revision: whole.read(reader) };
}
