import { ManualClock } from '../../../src/base/clock.js';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { groupsOfLane } from '../../../src/journal/placement.js';
import type { PartitionSettings } from '../../../src/journal/ports.js';
import { ShardJournal } from '../../../src/journal/shard-journal.js';
import type { SegmentStore } from '../../../src/storage/ports.js';

export const SETTINGS: PartitionSettings = {
  flush: 'commit',
  retention: { timeMs: 0, bytes: 0, records: 0 },
  isCompacted: false,
  tombstoneMs: 0,
};

export interface JournalRigOptions {
  readonly store: SegmentStore;
  readonly groupCount?: number;
  readonly segmentBytes?: number;
  readonly tailBytes?: number;
  readonly cacheBytes?: number;
  readonly freeSpaceMin?: number;
}

/** A journal of one lane whose commits the test waits for. */
export class JournalRig {
  readonly clock: ManualClock = new ManualClock();
  readonly journal: ShardJournal;
  readonly committed: number[] = [];
  readonly failed: [number, string][] = [];

  constructor({
    store,
    groupCount = 4,
    segmentBytes = 1 << 20,
    tailBytes = 1 << 16,
    cacheBytes = 1 << 16,
    freeSpaceMin = 0,
  }: JournalRigOptions) {
    const shape = { groups: groupCount, groupLanes: 1, lanes: 1 };
    this.journal = new ShardJournal({
      lanes: [{ store, groups: groupsOfLane(0, shape), limits: { segmentBytes, segmentAgeMs: 1e9, tailBytes, cacheBytes } }],
      shape,
      shardCount: 1,
      intervalFlushMs: 50,
      freeSpaceMin,
      clock: this.clock,
      log: SILENT_LOGGER,
    });
    this.journal.onCommitted = (commit) => {
      this.committed.push(commit);
    };
    this.journal.onFailed = (commit, why) => {
      this.failed.push([commit, why]);
    };
  }

  /** @returns the offset of the first. */
  append(stream: number, partition: number, values: readonly string[], key = 'k', settings: PartitionSettings = SETTINGS): number {
    const batch = this.journal.partition(stream, partition, settings).open(this.clock.nowMs());
    const first = batch.baseOffset + batch.count;
    const keyBytes = Buffer.from(key);
    for (const value of values) {
      const bytes = Buffer.from(value);
      batch.writer.append(this.clock.nowMs(), keyBytes, 0, keyBytes.length, bytes, 0, bytes.length, null, 0, 0);
      batch.added(1);
    }
    return first;
  }

  /** Everything that was appended is durable or lost. */
  async settle(): Promise<void> {
    this.journal.flush();
    while (this.journal.closedCommit < this.journal.openCommit - 1) {
      await new Promise((resolve) => setImmediate(resolve));
      this.journal.flush();
    }
  }

  read(stream: number, partition: number, offset = 0): string[] {
    const values: string[] = [];
    const log = this.journal.partition(stream, partition, SETTINGS);
    const status = log.read(offset, 1 << 30, (batch) => {
      while (batch.next()) {
        if (batch.offset < offset) continue;
        values.push(Buffer.from(batch.recordsBytes.subarray(batch.valueOffset, batch.valueOffset + batch.valueLength)).toString());
      }
      return true;
    });
    return status === 'ok' ? values : [status];
  }
}
