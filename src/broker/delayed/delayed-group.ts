import { assert } from '../../base/assert.js';
import { readU48 } from '../../journal/log/entry.js';
import { partitionKeyOf } from '../../journal/partition-key.js';
import type { CommitNumber, GroupId, GroupLog, Journal, PartitionLog, PartitionSettings, RecordBatch } from '../../journal/ports.js';
import { Chunks, chunkKeyOf, ENTRY_BYTES, writeEntry } from './chunks.js';
import { classOf, classOfDelay, DELAY_CLASSES, DELAYED_STREAM, offsetOf, partitionsIn, placeOf } from './delay-classes.js';
import { DueHeap } from './due-heap.js';
import type { DelayedWriter, DueMessages, DueVisitor } from './ports.js';

/** The bodies are wanted until the messages are delivered, however long that is. */
const SETTINGS: PartitionSettings = {
  flush: 'commit',
  retention: { timeMs: 0, bytes: 0, records: 0 },
  isCompacted: false,
  tombstoneMs: 0,
};
const TABLE = 'delayed';
/** Row of the table: everything with an earlier or the same (due, place) was delivered. */
const PASSED = 'passed';
/** Of the disk, for one message. */
const READ_BYTES = 1;

/** A message that is on its way to the disk. */
interface Uncommitted {
  readonly commit: CommitNumber;
  readonly dueMs: number;
  readonly place: number;
}

interface Taken {
  readonly dueMs: number;
  readonly place: number;
}

/*
  The delayed messages of one group of the journal. Bodies are records; what is in memory is when each is due and where it is.

    append          record and row ride in one commit; committed: it waits in the heap
    take, pass      the first that are due are read, published by the caller, and passed over: the row `passed` rides in the commit of their
                    publication. Only one such batch is under way
    settle          that commit is durable          giveBack    it was lost: they are due again

  `passed` says for all messages at once what was delivered, because they are delivered in order of (due, place). So nothing may come in before it:
  what is due earlier than the last that was taken is due right behind it, and nothing is taken that is later than one that is not committed yet.
*/
export class DelayedGroup implements DueMessages {
  readonly id: GroupId;
  readonly #journal: Journal;
  readonly #log: GroupLog;
  readonly #partitions: readonly number[];
  readonly #chunks: readonly Chunks[];
  readonly #heap = new DueHeap();
  #uncommitted: Uncommitted[] = [];
  #taken: Taken[] = [];
  /** The last that was delivered or is under way, and as of the last settled batch. */
  #passed: Taken = { dueMs: 0, place: 0 };
  #settled: Taken = { dueMs: 0, place: 0 };

  /** Restores what the journal has. */
  constructor(journal: Journal, log: GroupLog) {
    this.id = log.id;
    this.#journal = journal;
    this.#log = log;
    this.#partitions = partitionsIn(journal, log.id);
    const table = log.table(TABLE);
    this.#chunks = Array.from({ length: DELAY_CLASSES }, (_, kind) => new Chunks(table, kind));
    this.#restore();
  }

  /** Messages that wait, also those under way. */
  get count(): number {
    return this.#heap.length + this.#uncommitted.length + this.#taken.length;
  }

  get isUnderWay(): boolean {
    return this.#taken.length > 0;
  }

  hasDue(nowMs: number): boolean {
    return this.#heap.firstDueMs <= nowMs && this.#taken.length === 0;
  }

  /** @returns the commit that it is in. */
  append(nowMs: number, dueMs: number, write: DelayedWriter): CommitNumber {
    const kind = classOfDelay(dueMs - nowMs);
    const batch = this.#partition(kind).open(nowMs);
    const offset = batch.baseOffset + batch.count;
    const before = this.#taken.at(-1) ?? this.#passed;
    const actualDueMs = Math.max(dueMs, before.dueMs + 1);
    write(batch, actualDueMs);
    this.#chunks[kind].add(actualDueMs, offset);
    this.#uncommitted.push({ commit: batch.commit, dueMs: actualDueMs, place: placeOf(offset, kind) });
    return batch.commit;
  }

  onCommitted(commit: CommitNumber): void {
    const uncommitted = this.#uncommitted;
    let count = 0;
    while (count < uncommitted.length && uncommitted[count].commit <= commit) {
      this.#heap.push(uncommitted[count].dueMs, uncommitted[count].place);
      count += 1;
    }
    if (count > 0) this.#uncommitted = uncommitted.slice(count);
  }

  /** Records of this commit do not exist. Its rows live on and must not say so. */
  onLost(commit: CommitNumber): void {
    for (const { commit: its, place } of this.#uncommitted) if (its === commit) this.#chunks[classOf(place)].remove(offsetOf(place));
    this.#uncommitted = this.#uncommitted.filter(({ commit: its }) => its !== commit);
  }

  /** Takes what is due, in order, until `visit` returns false: that one is the last. Nothing may be under way. */
  take(nowMs: number, visit: DueVisitor): void {
    assert(this.#taken.length === 0, 'one batch is under way at a time');
    let limitMs = nowMs + 1;
    for (const { dueMs } of this.#uncommitted) limitMs = Math.min(limitMs, dueMs);
    const heap = this.#heap;
    while (heap.firstDueMs < limitMs) {
      const dueMs = heap.firstDueMs;
      const place = heap.firstPlace;
      let goesOn = true;
      // Not shifted before: the log may be busy, and says so by an exception.
      const isThere = this.#read(place, (batch) => {
        goesOn = visit(dueMs, batch);
      });
      if (!isThere) goesOn = visit(dueMs, null);
      heap.shift();
      this.#taken.push({ dueMs, place });
      if (!goesOn) break;
    }
  }

  /** What was taken is published in the open commit. */
  pass(): void {
    const last = this.#taken.at(-1);
    assert(last !== undefined, 'what is passed was taken');
    this.#passed = last;
    this.#writePassed();
  }

  settle(): void {
    this.#settled = this.#passed;
    for (const { place } of this.#taken) this.#chunks[classOf(place)].settle(offsetOf(place));
    this.#taken = [];
  }

  /** What was taken is due again. */
  giveBack(): void {
    for (const { dueMs, place } of this.#taken) this.#heap.push(dueMs, place);
    this.#taken = [];
    if (this.#passed === this.#settled) return;
    this.#passed = this.#settled;
    this.#writePassed();
  }

  /** Bodies that nobody waits for may go. */
  trim(): void {
    for (const [kind, partition] of this.#partitions.entries()) {
      const log = this.#journal.find(partitionKeyOf(DELAYED_STREAM, partition));
      if (log === undefined) continue;
      this.#journal.trim(log.key, this.#chunks[kind].firstOffset ?? log.highWatermark);
    }
  }

  /** It is not delivered. @returns false if it does not wait (any more), or is on its way. */
  cancel(place: number): boolean {
    if (!this.#heap.remove(place)) return false;
    this.#chunks[classOf(place)].remove(offsetOf(place));
    return true;
  }

  /** Those that wait, class by class in the order in which they came, until `visit` returns false. @param after a place, or -1. */
  list(after: number, visit: (place: number, dueMs: number, batch: RecordBatch | null) => boolean): void {
    const start = after < 0 ? 0 : classOf(after);
    let goesOn = true;
    for (let kind = start; kind < DELAY_CLASSES && goesOn; kind += 1) {
      const from = kind === start && after >= 0 ? offsetOf(after) + 1 : 0;
      this.#chunks[kind].forEachFrom(from, (dueMs, offset) => {
        const place = placeOf(offset, kind);
        if (!this.#waits(dueMs, place)) return true;
        const isThere = this.#read(place, (batch) => {
          goesOn = visit(place, dueMs, batch);
        });
        if (!isThere) goesOn = visit(place, dueMs, null);
        return goesOn;
      });
    }
  }

  #waits(dueMs: number, place: number): boolean {
    const { dueMs: passedMs, place: passed } = this.#settled;
    return dueMs > passedMs || (dueMs === passedMs && place > passed);
  }

  #writePassed(): void {
    const row = new Uint8Array(ENTRY_BYTES);
    writeEntry(row, 0, this.#passed.dueMs, this.#passed.place);
    this.#log.table(TABLE).put(PASSED, row);
  }

  #partition(kind: number): PartitionLog {
    return this.#journal.partition(DELAYED_STREAM, this.#partitions[kind], SETTINGS);
  }

  /** @returns false if the record is not there. @throws StoreError busy. */
  #read(place: number, visit: (batch: RecordBatch) => void): boolean {
    const offset = offsetOf(place);
    let isThere = false;
    this.#partition(classOf(place)).read(offset, READ_BYTES, (batch) => {
      if (batch.seekOffset(offset)) {
        isThere = true;
        visit(batch);
      }
      return false;
    });
    return isThere;
  }

  #restore(): void {
    const table = this.#log.table(TABLE);
    const passed = table.get(PASSED);
    if (passed !== undefined) this.#passed = { dueMs: readU48(passed, 0), place: readU48(passed, 6) };
    this.#settled = this.#passed;
    for (const [key, row] of [...table.entries()]) {
      const chunk = chunkKeyOf(key);
      if (chunk === null || chunk.kind >= DELAY_CLASSES) continue;
      this.#chunks[chunk.kind].restore(chunk.number, row, (dueMs, offset) => {
        const place = placeOf(offset, chunk.kind);
        if (!this.#waits(dueMs, place)) return false;
        this.#heap.push(dueMs, place);
        return true;
      });
    }
    for (const chunks of this.#chunks) chunks.restored();
  }
}
