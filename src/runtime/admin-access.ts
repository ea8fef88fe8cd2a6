import type { AdminAccess, HealthCheck, NodeSample } from '../admin/ports.js';
import { PRODUCT_VERSION } from '../base/version.js';
import type { NodeStatus } from '../metadata/node-status.js';
import type { Labels } from '../telemetry/metrics/exposition.js';
import { CONNECTIONS } from '../telemetry/metrics/families.js';
import { COUNT, LISTENERS_MAX } from '../telemetry/metrics/slots.js';
import { COUNTER } from '../transport/ports.js';
import type { AuthKeeper } from './auth-keeper.js';
import type { Dealer } from './dealer.js';
import type { DescriptorWatch } from './descriptor-watch.js';
import type { Listeners } from './listeners.js';
import type { MetadataLink } from './metadata-link.js';
import { residentBytes } from './resident-memory.js';
import type { ShardCounters } from './shard-counters.js';
import type { Supervisor } from './supervisor.js';
import type { ThreadCells } from './thread-cells.js';

/** What main knows of the node without asking anybody. */
export interface NodeFacts {
  readonly transportKind: string;
  readonly counters: ShardCounters;
  readonly supervisor: Supervisor;
  readonly cells: ThreadCells;
  readonly dealer: Dealer;
  readonly descriptors: DescriptorWatch;
  readonly metadata: MetadataLink;
  readonly auth: AuthKeeper;
  readonly listeners: Listeners;
  readonly isServing: () => boolean;
  readonly ask: AdminAccess['ask'];
}

const NONE: Labels = {};

export function adminAccess(node: NodeFacts): AdminAccess {
  return {
    version: PRODUCT_VERSION,
    get isServing() {
      return node.isServing();
    },
    checks: () => checksOf(node),
    shardMetrics: () => node.counters.metrics,
    transportDrops: () => sum(node, COUNTER.droppedQos0),
    nodeSamples: () => samplesOf(node),
    ask: node.ask,
  };
}

function sum({ counters: { transports } }: NodeFacts, counter: number): number {
  return transports.reduce((total, counters) => total + counters[counter], 0);
}

function checksOf(node: NodeFacts): HealthCheck[] {
  const down = node.counters.metrics.flatMap((_, shard) => (node.supervisor.isServing(shard) ? [] : [shard]));
  const full = node.counters.metrics.flatMap(({ counts }, shard) => (counts[COUNT.journalFull] === 1 ? [shard] : []));
  const metadata = node.metadata.status;
  const hasLeader = metadata !== null && metadata.leader !== 0;
  const isShort = node.descriptors.isShort;
  return [
    {
      name: 'shards',
      isWell: down.length === 0,
      isNeeded: down.length === node.counters.metrics.length,
      sentence: down.length === 0 ? 'all shards serve' : `shards that are being replaced: ${down.join(', ')}`,
    },
    {
      name: 'journal',
      isWell: full.length === 0,
      isNeeded: true,
      sentence: full.length === 0 ? 'publishes are stored' : `the disk is full on shards ${full.join(', ')}: publishes are refused`,
    },
    {
      name: 'descriptors',
      isWell: !isShort,
      isNeeded: true,
      sentence: isShort ? 'the process has no descriptors left: connections wait' : 'there are descriptors left',
    },
    {
      name: 'metadata',
      isWell: hasLeader,
      isNeeded: false,
      sentence: hasLeader ? `node ${metadata.leader} leads` : 'no node leads: nothing can be changed',
    },
  ];
}

function samplesOf(node: NodeFacts): NodeSample[] {
  const shards = node.counters.metrics.map((_, shard) => shard);
  const byShard = (value: (shard: number) => number): NodeSample['samples'] =>
    shards.map((shard) => [{ shard: String(shard) }, value(shard)] as const);
  const { user, system } = process.cpuUsage();
  const transport = (counter: number): NodeSample['samples'] => [[NONE, sum(node, counter)]];
  const metadata = node.metadata.status;
  return [
    one('robustmq_build_info', 'gauge', 'Always 1; what runs is in the labels', 1, {
      version: PRODUCT_VERSION,
      node: process.version,
      transport: node.transportKind,
    }),
    { name: CONNECTIONS, kind: 'gauge', help: 'Connections that are open', samples: connectionsOf(node) },
    { name: 'robustmq_received_bytes_total', kind: 'counter', help: 'Bytes from clients', samples: transport(COUNTER.bytesIn) },
    { name: 'robustmq_sent_bytes_total', kind: 'counter', help: 'Bytes to clients', samples: transport(COUNTER.bytesOut) },
    { name: 'robustmq_socket_writes_total', kind: 'counter', help: 'Writes to sockets', samples: transport(COUNTER.writes) },
    one(
      'robustmq_accept_errors_total',
      'counter',
      'Connections that could not be accepted',
      node.counters.acceptErrors + node.listeners.acceptErrors,
    ),
    {
      name: 'robustmq_shard_up',
      kind: 'gauge',
      help: '1 if the shard serves',
      samples: byShard((shard) => (node.supervisor.isServing(shard) ? 1 : 0)),
    },
    {
      name: 'robustmq_shard_busy_ratio',
      kind: 'gauge',
      help: 'Part of the time since the last scrape that the loop of the shard was busy',
      samples: byShard((shard) => node.supervisor.busyRatioOf(shard)),
    },
    {
      name: 'robustmq_shard_output_bytes',
      kind: 'gauge',
      help: 'Bytes of output that wait for clients',
      samples: byShard((shard) => node.counters.transports[shard][COUNTER.outputBytes]),
    },
    one('robustmq_shard_restarts_total', 'counter', 'Shards that were replaced', node.supervisor.restarts),
    ...(metadata === null ? [] : raftSamples(metadata)),
    {
      name: 'robustmq_cert_expiry_timestamp_seconds',
      kind: 'gauge',
      help: 'When the certificate of a listener ends, since the epoch; host: of which server name, empty for all others',
      samples: node.listeners.certificates.expiries.map(
        ({ listener, host, notAfterMs }) => [{ listener, host }, notAfterMs / 1000] as const,
      ),
    },
    one('process_cpu_seconds_total', 'counter', 'Processor time of the process', (user + system) / 1_000_000),
    one('process_resident_memory_bytes', 'gauge', 'Memory of the process', residentBytes()),
    one('process_start_time_seconds', 'gauge', 'When the process began, since the epoch', performance.timeOrigin / 1000),
  ];
}

function raftSamples({ term, commitIndex, appliedIndex, leader, nodeId }: NodeStatus): NodeSample[] {
  const group = { group: 'metadata' };
  return [
    one(
      'robustmq_raft_apply_lag',
      'gauge',
      'Entries that are committed and not yet applied',
      Math.max(0, commitIndex - appliedIndex),
      group,
    ),
    one('robustmq_raft_term', 'gauge', 'Term of the group', term, group),
    one('robustmq_raft_has_leader', 'gauge', '1 if this node knows who leads', leader === 0 ? 0 : 1, group),
    one('robustmq_raft_is_leader', 'gauge', '1 if this node leads', leader === nodeId ? 1 : 0, group),
  ];
}

function connectionsOf({ counters, listeners }: NodeFacts): NodeSample['samples'] {
  return listeners.tags().map(({ name, tag }) => {
    const slot = COUNT.connections + Math.min(tag, LISTENERS_MAX - 1);
    return [{ protocol: 'mqtt', listener: name }, counters.metrics.reduce((total, { counts }) => total + counts[slot], 0)] as const;
  });
}

function one(name: string, kind: NodeSample['kind'], help: string, value: number, labels: Labels = NONE): NodeSample {
  return { name, kind, help, samples: [[labels, value]] };
}
