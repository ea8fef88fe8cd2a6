import { CATCH_ALL, RETAINED } from '../broker/streams/definition.js';
import { WHOLE_TOPIC } from '../broker/streams/key-template.js';
import type { Command } from '../metadata/catalogue/commands.js';
import { type StreamWish, TENANT_DEFAULT } from '../metadata/catalogue/resources.js';
import { PARTITIONS_DEFAULT, RETENTION_BYTES_DEFAULT, RETENTION_TIME_DEFAULT } from '../settings/journal-schema.js';
import type { LegacyStreams } from './legacy-streams.js';

const DAY_MS = 86_400_000;

export interface FirstFacts {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly tokenHash: string;
  readonly firstVoters: number;
  /** The one that writes it is its first member. */
  readonly self: Omit<Command<'register-node'>, 'kind'>;
  readonly legacy: LegacyStreams | null;
}

/** What the first leader of a cluster writes: the cluster, and the streams that are always there, with the numbers 1 and 2. */
export function firstCommands({ clusterId, clusterName, tokenHash, firstVoters, self, legacy }: FirstFacts): readonly Command[] {
  const cluster: Command = { kind: 'initialise-cluster', id: clusterId, name: clusterName, tokenHash, firstVoters };
  const member: Command = { kind: 'register-node', ...self };
  if (legacy !== null) {
    const { nextId, nextMemoryId, streams, deleted } = legacy;
    return [cluster, member, { kind: 'import', streamIdNext: nextId, memoryStreamIdNext: nextMemoryId, streams, deleted }];
  }
  return [cluster, member, ...SYSTEM_STREAMS.map((stream): Command => ({ kind: 'create-stream', stream }))];
}

const SYSTEM: Omit<StreamWish, 'name' | 'settings'> = {
  tenant: TENANT_DEFAULT,
  partitions: PARTITIONS_DEFAULT,
  storage: 'lmdb',
  filters: [],
  key: WHOLE_TOPIC,
  takesQos0: false,
  origin: 'system',
};

const SYSTEM_STREAMS: readonly StreamWish[] = [
  {
    ...SYSTEM,
    name: CATCH_ALL,
    settings: {
      flush: 'commit',
      retention: { timeMs: RETENTION_TIME_DEFAULT, bytes: RETENTION_BYTES_DEFAULT, records: 0 },
      isCompacted: false,
      tombstoneMs: 0,
    },
  },
  {
    ...SYSTEM,
    name: RETAINED,
    settings: { flush: 'commit', retention: { timeMs: 0, bytes: 0, records: 0 }, isCompacted: true, tombstoneMs: DAY_MS },
  },
];
