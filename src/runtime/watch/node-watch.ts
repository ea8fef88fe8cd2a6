import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import { PRODUCT_VERSION } from '../../base/version.js';
import type { ShardId } from '../../broker/ports.js';
import type { TracePart, TraceSpec } from '../../protocols/mqtt/trace/tracing.js';
import type { Settings } from '../../settings/schema.js';
import { COUNTS_COUNT } from '../../telemetry/metrics/slots.js';
import { COUNTERS_COUNT } from '../../transport/ports.js';
import type { DescriptorWatch } from '../descriptor-watch.js';
import type { ShardCounters } from '../shard-counters.js';
import type { Supervisor } from '../supervisor.js';
import type { ThreadCells } from '../thread-cells.js';
import type { CertificateExpiry } from '../tls/tls-files.js';
import { AlarmWatch, processFacts, type WatchedNode } from './alarm-watch.js';
import { type Alarm, Alarms, type PastAlarm } from './alarms.js';
import { SystemTree } from './system-tree.js';
import type { NodeFigures } from './system-values.js';
import { Traces } from './traces.js';

/** Whom the node asks and tells. */
export interface WatchHost {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly counters: ShardCounters;
  readonly cells: ThreadCells;
  readonly supervisor: Pick<Supervisor, 'isServing' | 'statusOf' | 'post'>;
  readonly descriptors: DescriptorWatch;
  /** Of authentication, by their names in the settings. */
  sources(): Readonly<Record<string, { readonly isDown: boolean }>>;
  /** That listeners show. */
  certificates(): readonly CertificateExpiry[];
}

/** What the node knows and says of itself: numbers under `$SYS`, and alarms. On the main thread; `tick` is called every 100 ms or so. */
export class NodeWatch {
  readonly alarms: Alarms;
  readonly traces: Traces;
  readonly #host: WatchHost;
  readonly #tree: SystemTree;
  readonly #alarmWatch: AlarmWatch;
  readonly #startedMs: number;
  readonly #counts = new Float64Array(COUNTS_COUNT);
  readonly #transport = new Float64Array(COUNTERS_COUNT);

  constructor(host: WatchHost) {
    const { settings, log } = host;
    this.#host = host;
    this.#startedMs = host.clock.monotonicMs();
    this.#tree = new SystemTree({ figures: () => this.#figures(), tell: (values) => this.#tell(values, true) }, settings.mqtt.sys_interval);
    this.traces = new Traces(settings.data_path, log, (specs) => this.#tellTraces(specs));
    const { hold: holdMs, event_stays: eventStaysMs, history_max: historyMax } = settings.alarms;
    this.alarms = new Alarms({ holdMs, eventStaysMs, historyMax, log, tell: (change, alarm) => this.#tellAlarm(change, alarm) });
    this.#alarmWatch = new AlarmWatch(this.alarms, settings.alarms, processFacts(settings.data_path), () => this.#watched());
  }

  tick(): void {
    const { clock } = this.#host;
    const monotonicMs = clock.monotonicMs();
    this.#tree.tick(monotonicMs);
    this.#alarmWatch.tick(clock.nowMs(), monotonicMs);
    this.traces.tick(clock.nowMs());
  }

  /** A shard that came new knows nothing yet. */
  onShardServing(shard: ShardId): void {
    this.#tree.tellSoon();
    const { specs } = this.traces;
    if (specs.length > 0) this.#host.supervisor.post(shard, { kind: 'traces', specs });
  }

  onTraced(parts: readonly TracePart[]): void {
    this.traces.take(parts, this.#host.clock.nowMs());
  }

  close(): void {
    this.traces.close();
  }

  onShardDown(shard: ShardId): void {
    const { settings, clock } = this.#host;
    if (settings.alarms.enabled)
      this.alarms.happened('shard-restarted', `shard ${shard}`, `shard ${shard}; the log says why`, clock.nowMs());
  }

  #connections(): number {
    const { cells } = this.#host;
    let sum = 0;
    for (let shard = 0; shard < cells.shardCount; shard += 1) sum += cells.connectionsOf(shard);
    return sum;
  }

  #figures(): NodeFigures {
    const { counters, settings, clock } = this.#host;
    sumInto(
      this.#counts,
      counters.metrics.map(({ counts }) => counts),
    );
    sumInto(this.#transport, counters.transports);
    return {
      node: settings.node.id,
      version: PRODUCT_VERSION,
      uptimeMs: clock.monotonicMs() - this.#startedMs,
      nowMs: clock.nowMs(),
      connections: this.#connections(),
      counts: this.#counts,
      transport: this.#transport,
    };
  }

  #watched(): WatchedNode {
    const { settings, counters } = this.#host;
    return {
      connections: this.#connections(),
      connectionsMax: settings.mqtt.connections_max,
      isShortOfDescriptors: this.#host.descriptors.isShort,
      shards: counters.metrics.map((_, shard) => {
        const status = this.#host.supervisor.statusOf(shard);
        return { isShedding: (status?.shedLevel ?? 0) > 0, isJournalFull: status?.isJournalFull ?? false };
      }),
      certificates: this.#host.certificates(),
      sources: Object.entries(this.#host.sources()).map(([name, { isDown }]) => ({ name, isDown })),
    };
  }

  #tellAlarm(change: 'activate' | 'deactivate', alarm: Alarm | PastAlarm): void {
    const { node } = this.#host.settings;
    const { name, subject, message, activatedAtMs } = alarm;
    const ended = 'deactivatedAtMs' in alarm ? { deactivated_at: alarm.deactivatedAtMs } : {};
    const text = JSON.stringify({ name, subject, message, activated_at: activatedAtMs, ...ended });
    this.#tell([{ topic: `$SYS/brokers/${node.id}/alarms/${change}`, text }], false);
  }

  #tellTraces(specs: readonly TraceSpec[]): void {
    for (const shard of this.#host.counters.metrics.keys()) this.#host.supervisor.post(shard, { kind: 'traces', specs });
  }

  /** One shard publishes: the others have it from there if somebody on them wants it. */
  #tell(messages: readonly { readonly topic: string; readonly text: string }[], areCurrent: boolean): void {
    let arePublished = true;
    for (const shard of this.#host.counters.metrics.keys()) {
      if (!this.#host.supervisor.isServing(shard)) continue;
      if (areCurrent || arePublished) this.#host.supervisor.post(shard, { kind: 'server-messages', messages, areCurrent, arePublished });
      arePublished = false;
    }
  }
}

function sumInto(sums: Float64Array, parts: readonly Float64Array[]): void {
  sums.fill(0);
  for (const part of parts) for (const [index, value] of part.entries()) sums[index] += value;
}
