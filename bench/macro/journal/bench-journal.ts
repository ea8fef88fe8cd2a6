import { statfsSync } from 'node:fs';
import { SystemClock } from '../../../src/base/clock.js';
import { type Logger, SILENT_LOGGER } from '../../../src/base/logger.js';
import { groupsOfLane } from '../../../src/journal/placement.js';
import type { PartitionSettings } from '../../../src/journal/ports.js';
import { ShardJournal } from '../../../src/journal/shard-journal.js';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';

/* A journal of one shard as the broker has it, without a broker. */

const MIB = 2 ** 20;
export const SHAPE = { groups: 16, groupLanes: 1, lanes: 1 } as const;

export const SETTINGS: PartitionSettings = {
  flush: 'commit',
  retention: { timeMs: 0, bytes: 0, records: 0 },
  isCompacted: false,
  tombstoneMs: 0,
};

export function openBenchJournal(directory: string, log: Logger = SILENT_LOGGER, segmentBytes: number = 128 * MIB): ShardJournal {
  const store = openLmdbStore({ directory, flushDeadlineMs: 60_000 });
  const limits = { segmentBytes, segmentAgeMs: 86_400_000, tailBytes: 32 * MIB, cacheBytes: 32 * MIB };
  return new ShardJournal({
    lanes: [{ store, groups: groupsOfLane(0, SHAPE), limits }],
    shape: SHAPE,
    shardCount: 1,
    intervalFlushMs: 50,
    freeSpaceMin: 0,
    clock: new SystemClock(),
    log,
  });
}

/** File systems in memory make a flush look free. */
export function warnOfMemory(directory: string): void {
  const TMPFS = 0x01021994;
  if (statfsSync(directory).type === TMPFS) process.stdout.write(`${directory} is in memory: what follows says nothing about a disk\n`);
}

export function megabytesPerSecond(bytes: number, milliseconds: number): string {
  return `${(bytes / 1e6 / (milliseconds / 1000)).toFixed(0)} MB/s`;
}
