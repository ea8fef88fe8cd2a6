import type { NodeFacts } from './admin-access.js';

/** For `robust-server status`: plain data. */
export function statusReport(node: NodeFacts): object {
  const { supervisor, cells, counters, listeners } = node;
  const shards = counters.metrics.map((_, shard) => ({
    shard,
    phase: supervisor.phaseOf(shard),
    ...supervisor.statusOf(shard),
    connections: cells.connectionsOf(shard),
    ...counters.statusOf(shard),
  }));
  return {
    transport: node.transportKind,
    shardRestarts: supervisor.restarts,
    connectionsRefused: node.dealer.refused,
    acceptErrors: counters.acceptErrors + listeners.acceptErrors,
    isShortOfDescriptors: node.descriptors.isShort,
    certificates: listeners.certificates.expiries,
    metadata: node.metadata.status,
    auth: node.auth.status,
    shards,
  };
}
