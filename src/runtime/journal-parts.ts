import { resolve } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { LogTarget } from '../broker/ports.js';
import type { DurableLogs } from '../broker/shard-broker.js';
import { groupOf, ShardJournal } from '../journal/shard-journal.js';
import { openLmdbStore } from '../storage/lmdb/lmdb-store.js';
import type { ShardHandOver } from './orders.js';

const MIB = 1024 * 1024;
const GROUPS = 16;
const CATCH_ALL = 1;
const RETAINED = 2;
const NO_KEY = new Uint8Array(0);
const CATCH_ALL_SETTINGS = {
  flush: 'commit',
  retention: { timeMs: 0, bytes: 1024 * MIB, records: 0 },
  isCompacted: false,
  tombstoneMs: 0,
} as const;
const RETAINED_SETTINGS = {
  flush: 'commit',
  retention: { timeMs: 0, bytes: 0, records: 0 },
  isCompacted: true,
  tombstoneMs: 86_400_000,
} as const;
const PARTITIONS = 16;

/** The journal of this shard, opened. @throws StoreError. */
export function openJournal(handOver: ShardHandOver, clock: Clock, log: Logger): ShardJournal {
  const laneCount = handOver.peers.length;
  return new ShardJournal({
    lanes: [{ lane: handOver.shard, store: openLmdbStore({ directory: laneDirectory(handOver), flushDeadlineMs: 10_000 }) }],
    laneCount,
    shard: handOver.shard,
    shardCount: handOver.peers.length,
    groupCount: GROUPS,
    limits: { segmentBytes: 128 * MIB, segmentAgeMs: 86_400_000, tailBytes: 32 * MIB, cacheBytes: 32 * MIB, freeSpaceMin: 0 },
    clock,
    log,
  });
}

function laneDirectory({ settings, shard }: ShardHandOver): string {
  return resolve(settings.data_path, 'journal', `lane-${shard}`);
}

/** Where the log of a topic is. */
export function logResolver(handOver: ShardHandOver): (topic: string) => LogTarget | null {
  return (topic) => targetOf(handOver, CATCH_ALL, topic);
}

/** Where the retained message of a topic is kept, and all those places. */
export function retainedResolver(handOver: ShardHandOver): { resolve(topic: string): LogTarget; readonly targets: readonly LogTarget[] } {
  const targets = Array.from({ length: PARTITIONS }, (_, partition) => targetAt(handOver, RETAINED, partition, NO_KEY));
  return { resolve: (topic) => targetOf(handOver, RETAINED, topic), targets };
}

function targetOf(handOver: ShardHandOver, stream: number, topic: string): LogTarget {
  const key = Buffer.from(topic);
  let hash = 0;
  for (const byte of key) hash = (Math.imul(hash, 31) + byte) >>> 0;
  return targetAt(handOver, stream, hash % PARTITIONS, key);
}

function targetAt(handOver: ShardHandOver, stream: number, partition: number, key: Uint8Array): LogTarget {
  const group = groupOf(stream, partition, GROUPS);
  const settings = stream === RETAINED ? RETAINED_SETTINGS : CATCH_ALL_SETTINGS;
  return { stream, partition, group, owner: group % handOver.peers.length, settings, takesQos0: false, key, keyIsTopic: true };
}

/** The logs of this shard, for filters of durable sessions. */
export function durableLogs(journal: ShardJournal, resolveLog: (topic: string) => LogTarget | null): DurableLogs {
  return {
    positions: (filter) => {
      const group = /[+#]/.test(filter) ? undefined : resolveLog(filter)?.group;
      return journal.groups.filter(({ id }) => group === undefined || id === group).map((log) => [log.id, log.nextSequence] as const);
    },
    onUnwanted: (filter) => {
      for (const group of journal.groups) group.dropIndex(filter);
    },
  };
}
