import { BatchError } from '../batch/batch-error.js';
import type { BatchView } from '../batch/batch-view.js';
import type { Offset, PartitionKey, ReadStatus } from '../ports.js';
import type { Partition } from './partition.js';

/** The newest offset of each key of one partition, below an end. */
interface PartitionKeys {
  readonly newest: Map<string, Offset>;
  /** Records from here on were not looked at: they stay. */
  readonly end: Offset;
  readonly tombstoneMs: number;
}

/*
  Which records of compacted partitions are still wanted: for each key the last one. One without value goes too when it has been there for
  `tombstoneMs`; by then every older record of its key is gone, for segments are written again from the oldest on.
*/
export class LatestKeys {
  readonly #byPartition = new Map<PartitionKey, PartitionKeys>();
  /** Keys in all. */
  size = 0;

  has(partition: PartitionKey): boolean {
    return this.#byPartition.has(partition);
  }

  /** Looks at all of a partition, a portion at a time. @param pause is awaited between two portions. @returns false if it cannot be read. */
  async add(partition: Partition, portionBytes: number, pause: () => Promise<void>): Promise<boolean> {
    const end = partition.highWatermark;
    const newest = new Map<string, Offset>();
    for (let offset = partition.logStart; offset < end; ) {
      let next = end;
      const status = readKeys(partition, offset, portionBytes, newest, (end) => {
        next = end;
      });
      if (status !== 'ok' || next <= offset) return false;
      offset = next;
      await pause();
    }
    this.#byPartition.set(partition.key, { newest, end, tombstoneMs: partition.settings.tombstoneMs });
    this.size += newest.size;
    return true;
  }

  /** Whether the record that the batch is at stays. */
  wants(partition: PartitionKey, batch: BatchView, nowMs: number): boolean {
    const keys = this.#byPartition.get(partition);
    if (keys === undefined || batch.keyLength < 0 || batch.offset >= keys.end) return true;
    if (keys.newest.get(keyOf(batch)) !== batch.offset) return false;
    return batch.valueLength >= 0 || batch.timestamp > nowMs - keys.tombstoneMs;
  }
}

function keyOf({ recordsBytes, keyOffset, keyLength }: BatchView): string {
  return Buffer.from(recordsBytes.buffer, recordsBytes.byteOffset + keyOffset, keyLength).toString('latin1');
}

/** @param onBatch is told where each batch ends. */
function readKeys(
  partition: Partition,
  from: Offset,
  bytes: number,
  newest: Map<string, Offset>,
  onBatch: (end: Offset) => void,
): ReadStatus {
  try {
    return partition.read(from, bytes, (batch) => {
      while (batch.next()) if (batch.keyLength >= 0) newest.set(keyOf(batch), batch.offset);
      onBatch(batch.lastOffset + 1);
      return true;
    });
  } catch (error) {
    if (error instanceof BatchError) return 'corrupt'; // Records that a producer compressed, and that are none.
    throw error;
  }
}
