import { assert } from '../../base/assert.js';
import type { IncomingSnapshot, RaftStore, SnapshotMark, SnapshotWriter, StoreDone } from '../../raft/driver/ports.js';
import { encodeMark, snapshotOf } from '../../raft/driver/snapshot-mark.js';
import {
  type ConfigurationState,
  EMPTY_CONFIGURATION,
  type Entry,
  type HardState,
  type LogIndex,
  type Snapshot,
  type Term,
} from '../../raft/messages.js';
import type { StateTableStore, TableChange } from '../../storage/ports.js';
import { LogTail } from './log-tail.js';
import { recoverLog } from './recovery.js';
import { encodeEntryRow, encodeNumbers, encodeState, ROW, rowKey } from './rows.js';
import { SnapshotSlots } from './snapshot-slots.js';
import type { WriteQueue } from './write-queue.js';

/** Rows that one transaction of the background compaction deletes. */
const COMPACTED_PER_WRITE = 2000;

/**
 * Raft's log, hard state and snapshots in a table of the storage room (`rows.ts` draws it). The log is also in memory from its first entry on: it is
 * short, because snapshots cut it, and peers read its end all the time.
 */
export class TableRaftStore implements RaftStore {
  readonly incoming: IncomingSnapshot;
  readonly #queue: WriteQueue;
  readonly #slots: SnapshotSlots;
  readonly #tail: LogTail;
  #hardState: HardState;
  #damagedUpTo: LogIndex;
  #compactTarget: LogIndex = 0;
  #isCompacting = false;
  /** A leader's snapshot takes the place of the whole log: nothing of it is cut off behind that. */
  #isAdopting = false;

  /** Reads what is there. @throws StoreError corrupt if the hard state is damaged: then nobody knows what this node promised. */
  constructor(table: StateTableStore, queue: WriteQueue) {
    this.#queue = queue;
    this.#slots = new SnapshotSlots(table, this.#queue);
    this.incoming = this.#slots;
    const { hardState, entries, compacted, damagedUpTo, repairs } = recoverLog(table, this.#slots.newest);
    this.#tail = new LogTail(compacted, entries);
    // Of what was damaged nothing is known to be committed here.
    const commit = Math.min(Math.max(hardState.commit, this.snapshotIndex), this.#tail.lastIndex);
    this.#hardState = { ...hardState, commit };
    this.#damagedUpTo = damagedUpTo;
    if (repairs.length > 0) this.#queue.push(repairs, () => {});
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get configuration(): ConfigurationState {
    return this.#slots.newest?.configuration ?? EMPTY_CONFIGURATION;
  }

  get firstIndex(): LogIndex {
    return this.#tail.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#tail.lastIndex;
  }

  get damagedUpTo(): LogIndex {
    return this.#damagedUpTo;
  }

  get snapshotIndex(): LogIndex {
    return this.#slots.newest?.index ?? 0;
  }

  termAt(index: LogIndex): Term | null {
    return this.#tail.termAt(index);
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | null {
    return this.#tail.entries(from, to, bytesMax);
  }

  snapshot(): Snapshot | null {
    const mark = this.#slots.newest;
    return mark === null ? null : snapshotOf(mark);
  }

  append(hardState: HardState | null, entries: readonly Entry[], done: StoreDone): void {
    const changes: TableChange[] = [];
    if (hardState !== null) changes.push({ key: rowKey(ROW.state, 0, 0), value: encodeState(hardState) });
    for (const entry of entries) changes.push({ key: rowKey(ROW.entry, 0, entry.index), value: encodeEntryRow(entry) });
    // Entries that a former write put there, and that this one cuts off. What is still under way may be longer than what readers see.
    const end = entries.length === 0 ? 0 : entries[entries.length - 1].index;
    if (end > 0) for (let index = end + 1; index <= this.#tail.writtenUpTo; index += 1) changes.push(removed(ROW.entry, index));
    if (end > 0) this.#tail.writtenUpTo = end;
    this.#queue.push(changes, (error) => {
      if (error === null) {
        if (hardState !== null) this.#hardState = hardState;
        this.#tail.append(entries);
      }
      done(error);
    });
  }

  beginSnapshot(): SnapshotWriter {
    return this.#slots.beginSnapshot();
  }

  adoptIncoming(hardState: HardState | null, mark: SnapshotMark, done: StoreDone): void {
    const changes: TableChange[] = [];
    if (hardState !== null) changes.push({ key: rowKey(ROW.state, 0, 0), value: encodeState(hardState) });
    changes.push({ key: rowKey(ROW.compacted, 0, 0), value: encodeNumbers(mark.index, mark.term) });
    for (let index = this.#tail.firstIndex; index <= this.#tail.writtenUpTo; index += 1) changes.push(removed(ROW.entry, index));
    changes.push(...this.#slots.adoptIncoming(mark));
    this.#tail.writtenUpTo = mark.index;
    this.#isAdopting = true;
    this.#queue.push(changes, (error) => {
      this.#isAdopting = false;
      if (error === null) {
        if (hardState !== null) this.#hardState = hardState;
        this.#tail.reset(mark.index, mark.term);
        this.#slots.onAdopted(mark);
      }
      done(error);
    });
  }

  readChunk(index: LogIndex, chunk: number): Uint8Array | null {
    return this.#slots.readChunk(index, chunk);
  }

  compact(index: LogIndex): void {
    assert(index <= this.snapshotIndex, 'only what a snapshot has is cut off');
    this.#compactTarget = Math.max(this.#compactTarget, index);
    if (!this.#isCompacting) this.#compactOn();
  }

  clearDamage(): void {
    this.#damagedUpTo = 0;
    this.#queue.push([removed(ROW.damage, 0)], () => {});
  }

  /** The place from which the log begins moves with the rows that go, in the same transaction. */
  #compactOn(): void {
    if (this.#isAdopting) return;
    const from = this.#tail.firstIndex;
    const upTo = Math.min(this.#compactTarget, from + COMPACTED_PER_WRITE - 1, this.#tail.lastIndex);
    const term = this.#tail.termAt(upTo);
    if (upTo < from || term === null) return;
    this.#isCompacting = true;
    const changes: TableChange[] = [{ key: rowKey(ROW.compacted, 0, 0), value: encodeNumbers(upTo, term) }];
    for (let index = from; index <= upTo; index += 1) changes.push(removed(ROW.entry, index));
    this.#queue.push(changes, (error) => {
      this.#isCompacting = false;
      if (error !== null) return; // Whoever writes the log hears of it.
      this.#tail.compact(upTo);
      this.#compactOn();
    });
  }
}

/** Rows of a new node's store: it begins with an empty state that all first voters share, as if it were a snapshot. */
export function bootstrapRows(voters: readonly number[]): TableChange[] {
  const configuration: ConfigurationState = {
    ...EMPTY_CONFIGURATION,
    voters: [...voters].sort((a, b) => a - b),
  };
  const mark: SnapshotMark = { index: 1, term: 1, configuration, chunkCount: 0, bytes: 0, checksum: 0 };
  return [
    { key: rowKey(ROW.state, 0, 0), value: encodeState({ term: 1, vote: 0, commit: 1 }) },
    { key: rowKey(ROW.compacted, 0, 0), value: encodeNumbers(mark.index, mark.term) },
    { key: rowKey(ROW.mark, 0, 0), value: SnapshotSlots.markValue('whole', 1, encodeMark(mark)) },
  ];
}

function removed(kind: typeof ROW.entry | typeof ROW.damage, number: number): TableChange {
  return { key: rowKey(kind, 0, number), value: null };
}
