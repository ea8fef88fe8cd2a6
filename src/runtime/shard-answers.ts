import type { Lane } from '../journal/log/lane.js';
import { partitionKeyOf, partitionOf, streamOf } from '../journal/partition-key.js';
import { lanesOf } from '../journal/placement.js';
import type { StreamId } from '../journal/ports.js';
import type { ShardJournal } from '../journal/shard-journal.js';
import type { MqttEngine } from '../protocols/mqtt/adapter.js';
import type { JournalReport, LaneReport, PartitionExtent, PartitionPlace, ShardAnswers, ShardQuestion, StreamTotals } from './questions.js';
import { isOfTheDisk, readPages } from './record-page.js';

/** What a shard needs to answer. */
export interface AskedShard {
  readonly shard: number;
  readonly shardCount: number;
  readonly journal: ShardJournal;
  readonly mqtt: MqttEngine;
  /** Runs what changes sessions as a turn of its own. */
  readonly inTurn: (run: () => void) => void;
}

/** On the shard's thread. The answer is plain data of the question's kind. */
export async function answerOf(asked: AskedShard, question: ShardQuestion): Promise<ShardAnswers[ShardQuestion['kind']]> {
  const { journal, mqtt } = asked;
  switch (question.kind) {
    case 'orders-done':
      return null;
    case 'totals':
      return totalsOf(journal);
    case 'partitions':
      return extentsOf(journal, question.stream);
    case 'read':
      return await readPages(journal, question.stream, question.from, question.bytesMax);
    case 'seek':
      return placesAt(journal, question.stream, question.timestampMs);
    case 'sessions':
      return mqtt.listSessions(question.after, question.limit, question.match);
    case 'session':
      return mqtt.showSession(question.clientId);
    case 'backlogs':
      return mqtt.countBacklogs(question.positions, question.countMax);
    case 'end-session':
      return await new Promise<boolean>((resolve) => {
        asked.inTurn(() => {
          if (!mqtt.endSession(question.clientId, () => resolve(true))) resolve(false);
        });
      });
    case 'journal':
      return reportOf(asked);
    case 'mqtt':
      return await new Promise<unknown>((resolve) => {
        asked.inTurn(() => resolve(mqtt.answerOperator(question.name, question.ask)));
      });
  }
}

/** In words, where the disk is to blame. Throws what is our bug. */
export function faultOf(error: unknown): string {
  if (isOfTheDisk(error)) return error.message;
  throw error;
}

function totalsOf(journal: ShardJournal): StreamTotals[] {
  const totals = new Map<StreamId, { stream: StreamId; records: number; bytes: number }>();
  for (const group of journal.groups)
    for (const { key, records, bytes } of group.partitions()) {
      const stream = streamOf(key);
      let total = totals.get(stream);
      if (total === undefined) {
        total = { stream, records: 0, bytes: 0 };
        totals.set(stream, total);
      }
      total.records += records;
      total.bytes += bytes;
    }
  return [...totals.values()];
}

function extentsOf(journal: ShardJournal, stream: StreamId): PartitionExtent[] {
  const extents: PartitionExtent[] = [];
  for (const group of journal.groups)
    for (const { key, logStart: start, highWatermark: end, records, bytes } of group.partitions())
      if (streamOf(key) === stream) extents.push({ partition: partitionOf(key), start, end, records, bytes });
  return extents;
}

/** Of each partition the first record of that time or later; its end where there is none. */
function placesAt(journal: ShardJournal, stream: StreamId, timestampMs: number): PartitionPlace[] {
  return extentsOf(journal, stream).map(({ partition, end }): PartitionPlace => {
    const found = journal.find(partitionKeyOf(stream, partition))?.offsetForTimestamp(timestampMs);
    return [partition, found?.offset ?? end];
  });
}

function reportOf({ journal, shard, shardCount }: AskedShard): JournalReport {
  const { state, closedCommit: commits, pendingBytes, corruptEntries } = journal;
  const numbers = lanesOf(shard, journal.shape, shardCount);
  const lanes = journal.lanes.map((lane, index) => laneReport(lane, numbers.at(index)));
  return { state, commits, pendingBytes, corruptEntries, lanes };
}

/** @param number of its directory. */
function laneReport({ store, groups, segmentsRemoved }: Lane, number: number | undefined): LaneReport {
  const isMemory = store.kind === 'memory' || number === undefined;
  let [segments, sealed, quarantined, bytes] = [0, 0, 0, 0];
  for (const listing of store.list()) {
    if (listing.isQuarantined) quarantined += 1;
    else {
      segments += 1;
      bytes += listing.bytes;
      if (listing.isSealed) sealed += 1;
    }
  }
  return {
    lane: isMemory ? -1 : number,
    groups: groups.map(({ id }) => id),
    segments,
    sealed,
    quarantined,
    bytes,
    freeBytes: isMemory ? null : store.freeBytes(),
    segmentsRemoved,
  };
}
