/*
  What the catalogue holds. A value is what somebody wrote; a record is a value with the revision that it has had since. Both are plain data,
  never changed once they are made, so that a snapshot, a delta and a reader can hold the same object.

  All numbers are whole, from 0 to 2^53 - 1, unless said otherwise. Times are milliseconds since 1970 by the clock of the leader at the time.
*/

/** Always there, and for whoever names no other. */
export const TENANT_DEFAULT = 'default';
/** Numbers of streams whose records are in memory start here: the same number as in journal/placement.ts. */
export const MEMORY_STREAMS_FROM = 0x4000_0000;

/** The catalogue's own counter after the command that wrote the record; it grows by one with each command that is not refused. */
export interface Revised {
  readonly revision: number;
}

export interface ClusterValue {
  /** A UUID, made with the cluster. */
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** Of the token with which others join; empty: nobody may. */
  readonly tokenHash: string;
}

export type NodeRole = 'meta' | 'broker' | 'journal';
/** removed: for good. The record stays, so that neither number nor UUID is used again. */
export type NodeState = 'joining' | 'active' | 'leaving' | 'removed';

export interface NodeValue {
  /** From 1, never used again. */
  readonly id: number;
  /** Made with the data directory. */
  readonly uuid: string;
  readonly name: string;
  /** Where other nodes reach it: host:port. */
  readonly address: string;
  readonly roles: readonly NodeRole[];
  readonly version: string;
  readonly state: NodeState;
  readonly joinedAtMs: number;
}

/** 0: no limit. */
export interface TenantQuotas {
  readonly connections: number;
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly storageBytes: number;
  readonly streams: number;
}

export const NO_QUOTAS: TenantQuotas = {
  connections: 0,
  messagesPerSecond: 0,
  bytesPerSecond: 0,
  sessions: 0,
  subscriptions: 0,
  retained: 0,
  storageBytes: 0,
  streams: 0,
};

export interface TenantValue {
  readonly name: string;
  readonly quotas: TenantQuotas;
  readonly comment: string;
}

export interface UserValue {
  readonly tenant: string;
  readonly name: string;
  /** A PHC string; empty: no password lets this user in. */
  readonly passwordHash: string;
  readonly isSuperuser: boolean;
  readonly comment: string;
  /** For enhanced authentication, one for each mechanism: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. */
  readonly scram: readonly string[];
}

export interface Principal {
  readonly kind: 'user' | 'client' | 'address' | 'any';
  /** Empty for `any`. An address may be a network: 10.0.0.0/8. */
  readonly value: string;
}

export interface AclRuleValue {
  readonly tenant: string;
  readonly name: string;
  /** Lower ones are looked at first; equal ones by name. */
  readonly order: number;
  readonly permission: 'allow' | 'deny';
  readonly principal: Principal;
  readonly actions: readonly ('publish' | 'subscribe')[];
  readonly filter: string;
  /** 0, 1, 2. Empty: all of them. */
  readonly qos: readonly number[];
  /** Which publishes it is about: all, those with the retain flag, those without. */
  readonly retain: 'any' | 'retained' | 'plain';
}

export interface BanValue {
  readonly tenant: string;
  readonly kind: 'client' | 'user' | 'address' | 'client-pattern' | 'user-pattern';
  readonly value: string;
  /** 0: for ever. */
  readonly untilMs: number;
  readonly reason: string;
  readonly by: string;
}

/** As PartitionSettings of journal/ports.ts. */
export interface StreamSettings {
  readonly flush: 'commit' | 'interval' | 'none';
  /** 0: no limit. */
  readonly retention: { readonly timeMs: number; readonly bytes: number; readonly records: number };
  readonly isCompacted: boolean;
  readonly tombstoneMs: number;
}

/** As StreamDefinition of broker/streams/definition.ts, without the number, and of a tenant. */
export interface StreamWish {
  readonly tenant: string;
  readonly name: string;
  /** Never fewer than before. */
  readonly partitions: number;
  /** For good. */
  readonly storage: 'lmdb' | 'memory';
  readonly settings: StreamSettings;
  readonly filters: readonly string[];
  readonly key: string;
  readonly takesQos0: boolean;
  /** system: cannot be deleted. settings: not while the settings name it. */
  readonly origin: 'system' | 'settings' | 'command';
}

export interface StreamValue extends StreamWish {
  /** For good; from 1, or MEMORY_STREAMS_FROM if the records are in memory. Never used again. */
  readonly id: number;
}

/** Records of such streams are to be forgotten by whoever still has some. */
export interface DeletedStreamValue {
  readonly id: number;
  readonly deletedAtMs: number;
}

/** As JournalShape of journal/placement.ts, of the journal in a node's data directory. The node tells it; others see what groups there are. */
export interface ShapeValue {
  readonly node: number;
  readonly groups: number;
  readonly groupLanes: number;
  /** May grow. */
  readonly lanes: number;
}

export interface PlacementValue {
  /** Of the journal. */
  readonly group: number;
  /** Ids of nodes. */
  readonly replicas: readonly number[];
  /** One of the replicas that should lead if it can; 0: any. */
  readonly leader: number;
}

/** A group of consumers. It is made by the first commit. */
export interface GroupValue {
  readonly tenant: string;
  readonly name: string;
  /** The highest that committed: an older one's commits are refused. 0: nobody gave one yet. */
  readonly generation: number;
}

/** Where a partition is to be read on. */
export interface OffsetPosition {
  /** Id of the stream. */
  readonly stream: number;
  readonly partition: number;
  readonly offset: number;
  /** From -1: not known. */
  readonly leaderEpoch: number;
  /** Whatever the consumer wants to find again. */
  readonly metadata: string;
}

export interface OffsetValue extends OffsetPosition {
  readonly tenant: string;
  readonly group: string;
  readonly committedAtMs: number;
}

/** 0: no limit. */
export interface RetainedSettingsValue {
  readonly tenant: string;
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly payloadBytesMax: number;
  readonly expiryMs: number;
}

export interface AutoSubscriptionValue {
  readonly tenant: string;
  readonly name: string;
  readonly filter: string;
  /** 0, 1 or 2. */
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0, 1 or 2, MQTT 5.0 §3.8.3.1. */
  readonly retainHandling: number;
}

export interface TopicRewriteValue {
  readonly tenant: string;
  readonly name: string;
  /** Lower ones are looked at first; equal ones by name. */
  readonly order: number;
  readonly action: 'publish' | 'subscribe' | 'all';
  readonly filter: string;
  /** A regular expression. Whoever uses it compiles it; here it is text, as engines differ. */
  readonly pattern: string;
  readonly target: string;
}

export interface ConnectorValue {
  readonly tenant: string;
  readonly name: string;
  readonly type: string;
  /** JSON. */
  readonly settings: string;
  readonly isEnabled: boolean;
}

export interface RuleValue {
  readonly tenant: string;
  readonly name: string;
  readonly sql: string;
  /** JSON. */
  readonly actions: string;
  readonly isEnabled: boolean;
}

/** A name of schemas. It stays when all versions are deleted, so that no version is used again. */
export interface SchemaSubjectValue {
  readonly tenant: string;
  readonly name: string;
  readonly versionLast: number;
}

export interface SchemaWish {
  readonly tenant: string;
  readonly name: string;
  readonly type: 'json' | 'avro' | 'protobuf';
  readonly text: string;
}

/** It never changes. */
export interface SchemaValue extends SchemaWish {
  /** From 1. */
  readonly version: number;
}

export interface SettingValue {
  /** 0: the whole cluster; else the id of a node. */
  readonly scope: number;
  /** As in the settings file: `mqtt.output_high_mark`. */
  readonly key: string;
  /** JSON. */
  readonly value: string;
}

export interface ValueByKind {
  readonly cluster: ClusterValue;
  readonly node: NodeValue;
  readonly tenant: TenantValue;
  readonly user: UserValue;
  readonly 'acl-rule': AclRuleValue;
  readonly ban: BanValue;
  readonly stream: StreamValue;
  readonly 'deleted-stream': DeletedStreamValue;
  readonly shape: ShapeValue;
  readonly placement: PlacementValue;
  readonly group: GroupValue;
  readonly offset: OffsetValue;
  readonly 'retained-settings': RetainedSettingsValue;
  readonly 'auto-subscription': AutoSubscriptionValue;
  readonly 'topic-rewrite': TopicRewriteValue;
  readonly connector: ConnectorValue;
  readonly rule: RuleValue;
  readonly 'schema-subject': SchemaSubjectValue;
  readonly schema: SchemaValue;
  readonly setting: SettingValue;
}

export type ResourceKind = keyof ValueByKind;

/** Which fields make a record the only one. A value is its own key. Of the cluster there is one. */
export interface KeyByKind {
  readonly cluster: Pick<ClusterValue, never>;
  readonly node: Pick<NodeValue, 'id'>;
  readonly tenant: Pick<TenantValue, 'name'>;
  readonly user: Pick<UserValue, 'tenant' | 'name'>;
  readonly 'acl-rule': Pick<AclRuleValue, 'tenant' | 'name'>;
  readonly ban: Pick<BanValue, 'tenant' | 'kind' | 'value'>;
  readonly stream: Pick<StreamValue, 'tenant' | 'name'>;
  readonly 'deleted-stream': Pick<DeletedStreamValue, 'id'>;
  readonly shape: Pick<ShapeValue, 'node'>;
  readonly placement: Pick<PlacementValue, 'group'>;
  readonly group: Pick<GroupValue, 'tenant' | 'name'>;
  readonly offset: Pick<OffsetValue, 'tenant' | 'group' | 'stream' | 'partition'>;
  readonly 'retained-settings': Pick<RetainedSettingsValue, 'tenant'>;
  readonly 'auto-subscription': Pick<AutoSubscriptionValue, 'tenant' | 'name'>;
  readonly 'topic-rewrite': Pick<TopicRewriteValue, 'tenant' | 'name'>;
  readonly connector: Pick<ConnectorValue, 'tenant' | 'name'>;
  readonly rule: Pick<RuleValue, 'tenant' | 'name'>;
  readonly 'schema-subject': Pick<SchemaSubjectValue, 'tenant' | 'name'>;
  readonly schema: Pick<SchemaValue, 'tenant' | 'name' | 'version'>;
  readonly setting: Pick<SettingValue, 'scope' | 'key'>;
}

export type ResourceKey<K extends ResourceKind = ResourceKind> = KeyByKind[K];
export type ResourceRecord<K extends ResourceKind = ResourceKind> = ValueByKind[K] & Revised;
