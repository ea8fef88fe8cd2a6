import { resolve } from 'node:path';
import type { Clock } from '../base/clock.js';
import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { DurableLogs } from '../broker/shard-broker.js';
import type { StreamResolver } from '../broker/streams/stream-resolver.js';
import { groupsOfLane, isMemoryGroup, lanesOf, memoryGroupsOf } from '../journal/placement.js';
import { PARTITIONS_PER_STREAM_MAX } from '../journal/ports.js';
import { type LaneParts, ShardJournal } from '../journal/shard-journal.js';
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
  return {
    positions: (filter) => {
      const group = /[+#]/.test(filter) ? undefined : resolver.resolve(filter).group;
      const hasMemory = resolver.hasMemoryStreams;
      const isMeant = (id: number): boolean => (group === undefined ? hasMemory || !isMemoryGroup(id) : id === group);
      return journal.groups.filter(({ id }) => isMeant(id)).map((log) => [log.id, log.nextSequence] as const);
    },
    onUnwanted: (filter) => {
      for (const group of journal.groups) group.dropIndex(filter);
    },
  };
}

/** Records of a stream that was deleted, as far as they are of this shard. */
export function forgetStream(journal: ShardJournal, stream: number, partitions: number): void {
  for (let partition = 0; partition < partitions; partition += 1) journal.deletePartition(stream * PARTITIONS_PER_STREAM_MAX + partition);
}
