import { CATCH_ALL, RETAINED } from '../broker/streams/definition.js';
import type { Command } from '../metadata/catalogue/commands.js';
import { type StreamWish, TENANT_DEFAULT } from '../metadata/catalogue/resources.js';
import type { StreamDefaults } from '../metadata/grpc/ports.js';
import type { LegacyStreams } from './legacy-streams.js';

export interface FirstFacts {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly tokenHash: string;
  readonly firstVoters: number;
  /** The one that writes it is its first member. */
  readonly self: Omit<Command<'register-node'>, 'kind'>;
  readonly legacy: LegacyStreams | null;
  readonly streamDefaults: StreamDefaults;
}

/** What the first leader of a cluster writes: the cluster, and the streams that are always there, with the numbers 1 and 2. */
export function firstCommands({
  clusterId,
  clusterName,
  tokenHash,
  firstVoters,
  self,
  legacy,
  streamDefaults,
}: FirstFacts): readonly Command[] {
  const cluster: Command = { kind: 'initialise-cluster', id: clusterId, name: clusterName, tokenHash, firstVoters };
  const member: Command = { kind: 'register-node', ...self };
  if (legacy !== null) {
    const { nextId, nextMemoryId, streams, deleted } = legacy;
    return [cluster, member, { kind: 'import', streamIdNext: nextId, memoryStreamIdNext: nextMemoryId, streams, deleted }];
  }
  return [cluster, member, ...systemStreams(streamDefaults).map((stream): Command => ({ kind: 'create-stream', stream }))];
}

/** The catch-all keeps what nobody bound; the retained messages stay until they are cleared. */
function systemStreams(defaults: StreamDefaults): readonly StreamWish[] {
  const system = { ...defaults, tenant: TENANT_DEFAULT, takesQos0: false, origin: 'system' } as const;
  const { settings } = defaults;
  return [
    { ...system, name: CATCH_ALL, settings: { ...settings, tombstoneMs: 0 } },
    { ...system, name: RETAINED, settings: { ...settings, retention: { timeMs: 0, bytes: 0, records: 0 }, isCompacted: true } },
  ];
}
