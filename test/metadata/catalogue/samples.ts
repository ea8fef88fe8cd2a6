import { Catalogue } from '../../../src/metadata/catalogue/catalogue.js';
import { encodeBatch } from '../../../src/metadata/catalogue/command-codec.js';
import type { Accepted, Command, CommandEnvelope, CommandKind, CommandOutcome, Refused } from '../../../src/metadata/catalogue/commands.js';
import type { Delta } from '../../../src/metadata/catalogue/delta.js';
import { NO_QUOTAS, type StreamWish, TENANT_DEFAULT } from '../../../src/metadata/catalogue/resources.js';

export const AT_MS = 1_700_000_000_000;
export const UUID = '0e6f1c1a-6ad0-4f0b-9a57-2f1f5d6f0001';
const T = TENANT_DEFAULT;

export function streamWish(name: string, changes: Partial<StreamWish> = {}): StreamWish {
  return {
    tenant: T,
    name,
    partitions: 4,
    storage: 'lmdb',
    settings: { flush: 'commit', retention: { timeMs: 604_800_000, bytes: 2 ** 30, records: 0 }, isCompacted: false, tombstoneMs: 0 },
    filters: ['site/+/events/#'],
    key: '{level:2}',
    takesQos0: true,
    origin: 'command',
    ...changes,
  };
}

const { tenant: _tenant, ...imported } = streamWish('imported');

/** One of each kind. Applied in this order to a new catalogue each is accepted, but for `import`, which must be alone. */
export const SAMPLES: { readonly [K in CommandKind]: Command<K> } = {
  'initialise-cluster': { kind: 'initialise-cluster', id: UUID, name: 'plant', tokenHash: 'sha256:00ff', firstVoters: 1 },
  'change-cluster': { kind: 'change-cluster', name: 'plant 2', tokenHash: '', expected: null },
  'register-node': {
    kind: 'register-node',
    id: 1,
    uuid: UUID,
    name: 'a',
    address: '10.0.0.1:1228',
    roles: ['meta', 'broker', 'journal'],
    version: '0.1.0',
  },
  'change-node': {
    kind: 'change-node',
    id: 1,
    name: 'a',
    address: '10.0.0.2:1228',
    roles: ['meta'],
    version: '0.2.0',
    state: 'active',
    expected: null,
  },
  'put-tenant': {
    kind: 'put-tenant',
    value: { name: 'acme', quotas: { ...NO_QUOTAS, connections: 1000, streams: 300 }, comment: 'Zürich' },
    expected: 0,
  },
  'create-stream': { kind: 'create-stream', stream: streamWish('events') },
  'change-stream': { kind: 'change-stream', stream: streamWish('events', { partitions: 8, filters: [] }), expected: null },
  'put-shape': { kind: 'put-shape', value: { node: 1, groups: 16, groupLanes: 3, lanes: 4 }, expected: 0 },
  'place-group': { kind: 'place-group', value: { group: 0x4001, replicas: [1], leader: 1 }, expected: null },
  'commit-offsets': {
    kind: 'commit-offsets',
    tenant: T,
    group: 'billing',
    generation: 7,
    offsets: [
      { stream: 1, partition: 0, offset: 128, leaderEpoch: -1, metadata: '' },
      { stream: 1, partition: 7, offset: 2 ** 40, leaderEpoch: 5, metadata: 'x' },
    ],
  },
  'put-schema': { kind: 'put-schema', schema: { tenant: T, name: 'temperature', type: 'json', text: '{"type":"number"}' }, expected: 0 },
  'put-user': {
    kind: 'put-user',
    value: {
      tenant: T,
      name: 'jürg',
      passwordHash: '$argon2id$v=19$m=65536',
      isSuperuser: true,
      comment: '',
      scram: ['SCRAM-SHA-256$4096:QSXCR+Q6sek8bf92'],
    },
    expected: 0,
  },
  'put-acl-rule': {
    kind: 'put-acl-rule',
    value: {
      tenant: T,
      name: 'devices',
      order: 10,
      permission: 'deny',
      principal: { kind: 'address', value: '10.0.0.0/8' },
      actions: ['publish', 'subscribe'],
      filter: 'a/+/#',
      qos: [1, 2],
      retain: 'retained',
    },
    expected: null,
  },
  'put-ban': {
    kind: 'put-ban',
    value: { tenant: T, kind: 'client-pattern', value: 'bad-*', untilMs: AT_MS + 1000, reason: 'flood', by: 'admin' },
    expected: null,
  },
  'put-retained-settings': {
    kind: 'put-retained-settings',
    value: { tenant: T, messagesMax: 1000, bytesMax: 2 ** 20, payloadBytesMax: 65_536, expiryMs: 0 },
    expected: null,
  },
  'put-auto-subscription': {
    kind: 'put-auto-subscription',
    value: { tenant: T, name: 'own', filter: 'to/%c/#', qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 2 },
    expected: null,
  },
  'put-topic-rewrite': {
    kind: 'put-topic-rewrite',
    value: { tenant: T, name: 'old', order: 1, action: 'all', filter: 'old/#', pattern: '^old/(.+)$', target: 'new/$1' },
    expected: null,
  },
  'put-connector': {
    kind: 'put-connector',
    value: { tenant: T, name: 'lake', type: 's3', settings: '{"bucket":"b"}', isEnabled: true },
    expected: null,
  },
  'put-rule': {
    kind: 'put-rule',
    value: { tenant: T, name: 'hot', sql: 'SELECT * FROM "a/#"', actions: '["lake"]', isEnabled: false },
    expected: null,
  },
  'put-setting': { kind: 'put-setting', value: { scope: 0, key: 'mqtt.output_high_mark', value: '65536' }, expected: 0 },
  'delete-setting': { kind: 'delete-setting', key: { scope: 0, key: 'mqtt.output_high_mark' }, expected: null },
  'delete-rule': { kind: 'delete-rule', key: { tenant: T, name: 'hot' }, expected: null },
  'delete-connector': { kind: 'delete-connector', key: { tenant: T, name: 'lake' }, expected: null },
  'delete-topic-rewrite': { kind: 'delete-topic-rewrite', key: { tenant: T, name: 'old' }, expected: null },
  'delete-auto-subscription': { kind: 'delete-auto-subscription', key: { tenant: T, name: 'own' }, expected: null },
  'delete-retained-settings': { kind: 'delete-retained-settings', key: { tenant: T }, expected: null },
  'delete-ban': { kind: 'delete-ban', key: { tenant: T, kind: 'client-pattern', value: 'bad-*' }, expected: null },
  'delete-acl-rule': { kind: 'delete-acl-rule', key: { tenant: T, name: 'devices' }, expected: null },
  'delete-user': { kind: 'delete-user', key: { tenant: T, name: 'jürg' }, expected: null },
  'delete-schema': { kind: 'delete-schema', key: { tenant: T, name: 'temperature', version: 1 }, expected: null },
  'delete-group': { kind: 'delete-group', key: { tenant: T, name: 'billing' }, expected: null },
  'unplace-group': { kind: 'unplace-group', key: { group: 0x4001 }, expected: null },
  'delete-stream': { kind: 'delete-stream', key: { tenant: T, name: 'events' }, expected: null },
  'delete-tenant': { kind: 'delete-tenant', key: { name: 'acme' }, expected: null },
  'remove-node': { kind: 'remove-node', id: 1, expected: null },
  import: {
    kind: 'import',
    streamIdNext: 4,
    memoryStreamIdNext: 0x4000_0000,
    streams: [{ ...imported, id: 1 }],
    deleted: [3],
  },
};

export const ALL_SAMPLES: readonly Command[] = Object.values(SAMPLES);
export const PUT_SAMPLES: readonly Command[] = ALL_SAMPLES.filter(({ kind }) => !/^(delete|unplace|remove|import)/.test(kind));

/** A catalogue with a log of its own. */
export class Machine {
  readonly deltas: Delta[] = [];
  readonly catalogue: Catalogue;
  /** Data of the entries so far. */
  readonly log: Uint8Array[] = [];
  index = 0;
  atMs: number = AT_MS;

  constructor(requestsRemembered = 65_536) {
    this.catalogue = new Catalogue({ onDelta: (delta) => this.deltas.push(delta), requestsRemembered });
    this.catalogue.isReporting = true;
  }

  applyData(data: Uint8Array): readonly CommandOutcome[] {
    this.index += 1;
    this.log.push(data);
    return this.catalogue.apply({ term: 1, index: this.index, type: 'normal', data });
  }

  applyBatch(envelopes: readonly CommandEnvelope[]): readonly CommandOutcome[] {
    return this.applyData(encodeBatch({ atMs: this.atMs, envelopes }));
  }

  run(command: Command, requestId: Uint8Array | null = null): CommandOutcome {
    return this.applyBatch([{ command, requestId }])[0];
  }

  accept(command: Command): Accepted {
    const outcome = this.run(command);
    if (!outcome.isOk) throw new Error(`${command.kind}: ${outcome.code}, ${outcome.detail}`);
    return outcome;
  }

  refuse(command: Command): Refused {
    const outcome = this.run(command);
    if (outcome.isOk) throw new Error(`${command.kind} was accepted`);
    return outcome;
  }

  snapshot(): Buffer[] {
    return [...this.catalogue.capture()].map((chunk) => Buffer.from(chunk));
  }
}

export function seedOf(): number {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
  process.stdout.write(`FUZZ_SEED=${seed}\n`);
  return seed;
}
