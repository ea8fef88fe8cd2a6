import type { LoadOutcome } from './load-outcome.js';
import type { LoadPlan } from './load-plan.js';

/** One row of the report. */
export interface Metric {
  readonly key: string;
  readonly label: string;
  /** '' for counts. */
  readonly unit: '/s' | 'us' | 'MiB/s' | 'MiB' | 'KiB' | 's' | 'cores' | '';
  readonly better: 'more' | 'less' | 'neither';
  /** Null where it was not measured. */
  readonly read: (outcome: LoadOutcome) => number | null;
}

type Role = 'always' | 'connections' | 'publishers' | 'acknowledged' | 'subscribers' | 'both' | 'paced' | 'resident';

const METRICS: readonly (readonly [Role, Metric])[] = [
  ['always', { key: 'connected', label: 'connected', unit: '', better: 'neither', read: (o) => o.connected }],
  ['connections', { key: 'connects_per_second', label: 'connects', unit: '/s', better: 'more', read: (o) => o.connectsPerSecond }],
  ['connections', { key: 'connect_p50_us', label: 'connect p50', unit: 'us', better: 'less', read: (o) => o.connect.p50 }],
  ['connections', { key: 'connect_p99_us', label: 'connect p99', unit: 'us', better: 'less', read: (o) => o.connect.p99 }],
  ['connections', { key: 'connect_max_us', label: 'connect max', unit: 'us', better: 'less', read: (o) => o.connect.max }],
  ['publishers', { key: 'sent_per_second', label: 'sent', unit: '/s', better: 'more', read: (o) => o.sentPerSecond }],
  ['acknowledged', { key: 'acked_per_second', label: 'acknowledged', unit: '/s', better: 'more', read: (o) => o.ackedPerSecond }],
  ['subscribers', { key: 'received_per_second', label: 'received', unit: '/s', better: 'more', read: (o) => o.receivedPerSecond }],
  [
    'subscribers',
    { key: 'received_mib_per_second', label: 'received', unit: 'MiB/s', better: 'more', read: (o) => o.receivedMibPerSecond },
  ],
  ['both', { key: 'latency_p50_us', label: 'latency p50', unit: 'us', better: 'less', read: (o) => o.deliver.p50 }],
  ['both', { key: 'latency_p90_us', label: 'latency p90', unit: 'us', better: 'less', read: (o) => o.deliver.p90 }],
  ['both', { key: 'latency_p99_us', label: 'latency p99', unit: 'us', better: 'less', read: (o) => o.deliver.p99 }],
  ['both', { key: 'latency_p999_us', label: 'latency p99.9', unit: 'us', better: 'less', read: (o) => o.deliver.p999 }],
  ['both', { key: 'latency_max_us', label: 'latency max', unit: 'us', better: 'less', read: (o) => o.deliver.max }],
  ['acknowledged', { key: 'ack_p50_us', label: 'acknowledgement p50', unit: 'us', better: 'less', read: (o) => o.acknowledge.p50 }],
  ['acknowledged', { key: 'ack_p99_us', label: 'acknowledgement p99', unit: 'us', better: 'less', read: (o) => o.acknowledge.p99 }],
  ['paced', { key: 'send_lag_p99_us', label: 'send lag p99', unit: 'us', better: 'neither', read: (o) => o.lag.p99 }],
  ['paced', { key: 'unsent', label: 'due but not sent', unit: '', better: 'less', read: (o) => o.unsent }],
  ['both', { key: 'lost', label: 'not delivered', unit: '', better: 'less', read: (o) => o.lost }],
  ['both', { key: 'duplicates', label: 'duplicates', unit: '', better: 'less', read: (o) => o.duplicates }],
  ['both', { key: 'reordered', label: 'out of order', unit: '', better: 'less', read: (o) => o.reordered }],
  ['always', { key: 'dropped', label: 'connections dropped', unit: '', better: 'less', read: (o) => o.dropped }],
  ['always', { key: 'broker_cores', label: 'broker CPU', unit: 'cores', better: 'less', read: (o) => o.broker?.cores ?? null }],
  [
    'publishers',
    {
      key: 'broker_cpu_us_per_message',
      label: 'broker CPU per message',
      unit: 'us',
      better: 'less',
      read: (o) => o.broker?.cpuUsPerMessage ?? null,
    },
  ],
  [
    'always',
    { key: 'broker_resident_mib', label: 'broker memory', unit: 'MiB', better: 'less', read: (o) => o.broker?.residentMib ?? null },
  ],
  [
    'resident',
    {
      key: 'broker_kib_per_connection',
      label: 'broker memory per connection',
      unit: 'KiB',
      better: 'less',
      read: (o) => o.broker?.kibPerConnection ?? null,
    },
  ],
  ['always', { key: 'generator_cores', label: 'generator CPU', unit: 'cores', better: 'neither', read: (o) => o.generatorCores }],
];

/** The rows that say something about a plan. */
export function metricsOf(plan: LoadPlan): Metric[] {
  const hasPublishers = plan.publishers > 0;
  const hasSubscribers = plan.subscribers > 0;
  const applies: Readonly<Record<Role, boolean>> = {
    always: true,
    connections: plan.scenario === 'conn',
    publishers: hasPublishers,
    acknowledged: hasPublishers && plan.qos > 0,
    subscribers: hasSubscribers,
    both: hasPublishers && hasSubscribers,
    paced: hasPublishers && plan.rate > 0,
    resident: plan.idle > 0, // Otherwise the buffers of the traffic are most of it.
  };
  return METRICS.filter(([role]) => applies[role]).map(([, metric]) => metric);
}

/** The median over the rounds; null where no round measured it. */
export function medianOf(metric: Metric, rounds: readonly LoadOutcome[]): number | null {
  const values = rounds
    .map((round) => metric.read(round))
    .filter((value) => value !== null)
    .sort((a, b) => a - b);
  if (values.length === 0) return null;
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}
