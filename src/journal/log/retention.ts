import type { Logger } from '../../base/logger.js';
import type { Offset } from '../ports.js';
import { readU48, writeU48 } from './entry.js';
import type { Lane } from './lane.js';
import type { Partition } from './partition.js';
import { isBusy } from './segments.js';

/** Between two rounds over all partitions. */
const ROUND_MS = 1000;
/** Of one tick: a round of 100,000 partitions takes 5 s and no turn longer than a millisecond or two. */
const PARTITIONS_PER_TICK = 2000;
/** Where partitions begin that begin later than their first batch: key of the partition to offset, 6 bytes. */
const STARTS_TABLE = 'log-start';

/**
 * What may go, goes: the start of each partition moves over whole segments as its limits say, and a segment is unlinked
 * when everything in it is before the starts and in the checkpoints of the tables.
 */
export class Retention {
  readonly #lanes: readonly Lane[];
  readonly #log: Logger;
  #queue: Partition[] = [];
  #nextRoundMs = 0;

  constructor(lanes: readonly Lane[], log: Logger) {
    this.#lanes = lanes;
    this.#log = log;
    for (const lane of lanes)
      for (const group of lane.groups)
        for (const [key, value] of group.table(STARTS_TABLE).entries()) group.partitionFor(Number(key)).startAt(readU48(value, 0));
  }

  onTick(nowMs: number): void {
    if (this.#queue.length === 0 && (nowMs >= this.#nextRoundMs || nowMs < this.#nextRoundMs - ROUND_MS)) {
      this.#nextRoundMs = nowMs + ROUND_MS;
      this.#maybeRemoveSegments();
      for (const { groups } of this.#lanes)
        for (const group of groups)
          for (const partition of group.partitions()) if (partition.sealed.length > 0) this.#queue.push(partition);
    }
    for (let i = 0; i < PARTITIONS_PER_TICK; i += 1) {
      const partition = this.#queue.pop();
      if (partition === undefined) return;
      const start = startOf(partition, nowMs);
      if (start > partition.logStart) this.truncate(partition, start);
    }
  }

  /** Records before `offset` are gone, for good. */
  truncate(partition: Partition, offset: Offset): void {
    partition.startAt(offset);
    const value = new Uint8Array(6);
    writeU48(value, 0, offset);
    partition.group.table(STARTS_TABLE).put(String(partition.key), value);
  }

  #maybeRemoveSegments(): void {
    try {
      this.#removeSegments();
    } catch (error) {
      if (!isBusy(error)) throw error; // The next round sees to it.
    }
  }

  #removeSegments(): void {
    for (const lane of this.#lanes) {
      for (const { id, isSealed, isQuarantined } of lane.store.list()) {
        if (!isSealed || isQuarantined || !lane.isSealed(id) || lane.groups.some(({ records }) => records.isAlive(id))) continue;
        if (id === lane.rewriting || !lane.isCheckpointed(id)) continue;
        for (const { keepers } of lane.groups) for (const keeper of keepers) keeper.onRemoved(id);
        lane.segments.remove(id);
        lane.segmentsRemoved += 1;
        this.#log.info('journal.segment-removed', 'a segment of the journal was removed: everything in it has expired', { segment: id });
      }
    }
  }
}

/** Where the partition begins by its limits: behind whole segments. */
function startOf(partition: Partition, nowMs: number): Offset {
  const { timeMs, bytes: bytesMax, records: recordsMax } = partition.settings.retention;
  let { bytes, records, logStart: start } = partition;
  for (const part of partition.sealed) {
    const isOld = timeMs > 0 && part.maxTimestamp < nowMs - timeMs;
    const isTooMuch = (bytesMax > 0 && bytes - part.bytes >= bytesMax) || (recordsMax > 0 && records - part.records >= recordsMax);
    if (!isOld && !isTooMuch) break;
    start = part.end;
    bytes -= part.bytes;
    records -= part.records;
  }
  return start;
}
