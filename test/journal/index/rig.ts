import { ManualClock } from '../../../src/base/clock.js';
import type { BatchWriter } from '../../../src/journal/batch/batch-writer.js';
import { SequenceIndexes } from '../../../src/journal/index/sequence-indexes.js';
import type { OpenBatch, PartitionLog } from '../../../src/journal/ports.js';
import { StateTables } from '../../../src/journal/state/state-tables.js';
import { FakeLane } from '../fake-lane.js';
import { FakeTableStore } from '../fake-table-store.js';

const GROUP = 7;

/** A batch of which indexes ask nothing but its first sequence. */
export class FakeBatch implements OpenBatch {
  readonly commit: number;
  readonly baseOffset = 0;
  count = 0;
  baseSequence = 0;

  constructor(commit: number) {
    this.commit = commit;
  }

  get partition(): PartitionLog {
    throw new Error('an index does not ask for the partition');
  }

  get writer(): BatchWriter {
    throw new Error('an index does not write records');
  }

  added(count: number): void {
    this.count += count;
  }
}

/** Indexes and tables of one group on a lane that the test drives. */
export class IndexRig {
  readonly lane: FakeLane = new FakeLane(GROUP);
  readonly store: FakeTableStore = new FakeTableStore();
  readonly clock: ManualClock = new ManualClock();
  tables: StateTables;
  indexes: SequenceIndexes;
  nextSequence = 1;
  #batches: FakeBatch[] = [];

  constructor() {
    [this.tables, this.indexes] = this.#start();
  }

  batch(): FakeBatch {
    const batch = new FakeBatch(this.lane.openCommit);
    this.#batches.push(batch);
    return batch;
  }

  /** One batch of `count` records, all of them in the index. */
  add(key: string, count = 1): void {
    const batch = this.batch();
    batch.added(count);
    this.indexes.open(key).add(batch, 0, count);
  }

  /** The open commit is closed: its batches get their sequences, in the order that is given. */
  flush(order: (batches: FakeBatch[]) => FakeBatch[] = (batches) => batches): void {
    for (const batch of order(this.#batches)) {
      batch.baseSequence = this.nextSequence;
      this.nextSequence += batch.count;
    }
    this.#batches = [];
    this.lane.flush();
  }

  settle(): void {
    this.flush();
    while (this.lane.land());
  }

  read(key: string, from = 0, limit = 1000): number[] {
    const into = new Float64Array(limit);
    const count = this.indexes.find(key)?.read(from, into) ?? 0;
    return [...into.subarray(0, count)];
  }

  /** A checkpoint of the tables, so that segments may go. */
  checkpoint(): void {
    this.tables.requestCheckpoint();
    for (let i = 0; i < 100 && this.tables.checkpointedIndex !== Number.POSITIVE_INFINITY; i += 1) {
      this.tables.onTick(this.clock.nowMs());
      this.settle();
      this.store.complete();
    }
  }

  restart(keptCommits = 0, keptPortions = 0): void {
    this.#batches = [];
    this.lane.crash(keptCommits);
    this.store.crash(keptPortions);
    [this.tables, this.indexes] = this.#start();
  }

  #start(): [StateTables, SequenceIndexes] {
    const tables = new StateTables(GROUP, this.store, this.clock);
    tables.loadCheckpoint();
    const indexes = new SequenceIndexes(GROUP, tables, (segment) => this.lane.footersIn(segment));
    this.lane.start([indexes, tables]);
    indexes.onReplayed();
    return [tables, indexes];
  }
}
