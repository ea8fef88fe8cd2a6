import { resolve } from 'node:path';
import type { Clock } from '../base/clock.js';
import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import { routingName } from '../base/tenant-names.js';
import type { DurableLogs } from '../broker/shard-broker-options.js';
import { RETAINED, type StreamDefinition } from '../broker/streams/definition.js';
import type { StreamResolver } from '../broker/streams/stream-resolver.js';
import { partitionKeyOf, streamOf } from '../journal/partition-key.js';
import { groupsOfLane, isMemoryGroup, lanesOf, memoryGroupsOf } from '../journal/placement.js';
import type { GroupLog, StreamId } from '../journal/ports.js';
import { type LaneParts, ShardJournal } from '../journal/shard-journal.js';
import type { ReplayLogs } from '../protocols/mqtt/context.js';
import type { StorageUse } from '../protocols/mqtt/metering/storage.js';
import { openLmdbStore } from '../storage/lmdb/lmdb-store.js';
import { openMemoryStore } from '../storage/memory-store.js';
import { StoreError } from '../storage/ports.js';
import type { ShardHandOver } from './orders.js';

/** Of streams in memory: small, so that what has expired is soon given back. */
const MEMORY_SEGMENT_BYTES = 8 * 2 ** 20;

/** The journal of this shard, opened. @throws BrokerError RMQ-1018. */
export function openJournal({ settings, shard, peers, shape }: ShardHandOver, clock: Clock, log: Logger): ShardJournal {
  const { journal } = settings;
  const shardCount = peers.length;
  const limits = {
    segmentBytes: journal.segment_bytes,
    segmentAgeMs: journal.segment_age,
    tailBytes: journal.tail_bytes,
    cacheBytes: journal.cache_bytes,
  };
  try {
    const lanes = lanesOf(shard, shape, shardCount).map((lane): LaneParts => {
      const store = openLmdbStore({ directory: laneDirectory(settings.data_path, lane), flushDeadlineMs: journal.flush_deadline });
      return { store, groups: groupsOfLane(lane, shape), limits };
    });
    const memoryGroups = memoryGroupsOf(shard, shape, shardCount);
    if (memoryGroups.length > 0) {
      lanes.push({ store: openMemoryStore(), groups: memoryGroups, limits: { ...limits, segmentBytes: MEMORY_SEGMENT_BYTES } });
    }
    const { interval_flush: intervalFlushMs, free_space_min: freeSpaceMin } = journal;
    return new ShardJournal({ lanes, shape, shardCount, intervalFlushMs, freeSpaceMin, clock, log });
  } catch (error) {
    if (error instanceof StoreError) throw new BrokerError('RMQ-1018', `(${error.message})`, { cause: error });
    throw error;
  }
}

export function laneDirectory(dataPath: string, lane: number): string {
  return resolve(dataPath, 'journal', `lane-${lane}`);
}

/** The logs of this shard, for filters of durable sessions. */
export function durableLogs(journal: ShardJournal, resolver: StreamResolver): DurableLogs {
  const logsOf = (filter: string): GroupLog[] => {
    const group = /[+#]/.test(filter) ? undefined : resolver.resolve(filter)?.group;
    const hasMemory = resolver.hasMemoryStreams;
    return journal.groups.filter(({ id }) => (group === undefined ? hasMemory || !isMemoryGroup(id) : id === group));
  };
  return {
    logs: journal.groups,
    logsOf,
    positions: (filter) => logsOf(filter).map((log) => [log.id, log.nextSequence] as const),
    onUnwanted: (filter) => {
      for (const group of journal.groups) group.dropIndex(filter);
    },
  };
}

/** The logs of this shard for a filter of a tenant that is read from the past on. */
export function replayLogs(journal: ShardJournal, resolver: StreamResolver): ReplayLogs {
  return (tenant, filter) => {
    if (!/[+#]/.test(filter)) {
      const target = resolver.resolve(routingName(tenant, filter));
      const log = target === null ? undefined : journal.find(partitionKeyOf(target.stream, target.partition));
      return log === undefined ? [] : [log];
    }
    const streams = new Set<StreamId>();
    for (const { id, tenant: its, name } of resolver.streams) if (its === tenant && name !== RETAINED) streams.add(id);
    return journal.groups.flatMap((group) => [...group.partitions()].filter(({ key }) => streams.has(streamOf(key))));
  };
}

/** What this shard has in streams, by tenant, without the log of retained messages: those are counted where they are kept. */
export function storageUse(journal: ShardJournal, resolver: StreamResolver): StorageUse {
  return () => {
    const tenants = new Map<StreamId, string>();
    for (const { id, tenant, name } of resolver.streams) if (name !== RETAINED) tenants.set(id, tenant);
    const use = new Map<string, number>();
    for (const group of journal.groups)
      for (const { key, bytes } of group.partitions()) {
        const tenant = tenants.get(streamOf(key));
        if (tenant !== undefined) use.set(tenant, (use.get(tenant) ?? 0) + bytes);
      }
    return use;
  };
}

/** Partitions that are on the disk, or open, learn what their streams say. */
export function applySettings(journal: ShardJournal, streams: readonly StreamDefinition[]): void {
  const byId = new Map(streams.map((stream) => [stream.id, stream]));
  for (const group of journal.groups)
    for (const partition of group.partitions()) {
      const stream = byId.get(streamOf(partition.key));
      if (stream !== undefined) partition.settings = stream.settings;
    }
}

/** Records of streams that were deleted, as far as they are of this shard. */
export function forgetStreams(journal: ShardJournal, streams: readonly StreamId[]): void {
  if (streams.length === 0) return;
  const deleted = new Set(streams);
  for (const group of journal.groups)
    for (const { key, logStart, nextOffset } of group.partitions())
      if (logStart < nextOffset && deleted.has(streamOf(key))) journal.deletePartition(key);
}
