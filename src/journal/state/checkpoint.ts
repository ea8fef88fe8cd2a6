import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { StateTableStore, StoreError, TableChange } from '../../storage/ports.js';
import type { CommitNumber, GroupId } from '../ports.js';
import { checkpointKey, PART, positionValue, rowValue } from './checkpoint-rows.js';
import type { NamedTable } from './named-table.js';
import { RowList } from './row-list.js';
import { ROW, type Rows } from './rows.js';

const PORTION_BYTES_MAX = 1024 * 1024;
const PORTION_ROWS_MAX = 4096;
const PORTION_MS_MAX = 1;
/** The clock is read once in so many rows. */
const ROWS_PER_LOOK = 64;

/** idle: nothing to write. ready: the next portion may be built. held: one waits for its commit. under way: the store has one. */
type Phase = 'idle' | 'ready' | 'held' | 'under way';

export interface CheckpointOwner {
  /** The store knows that the row is gone. */
  onRowForgotten(row: number): void;
  /** The checkpoint reaches the position that `begin` was given. */
  onCheckpoint(position: number): void;
  onCheckpointFailed(error: StoreError): void;
}

/*
  Brings rows that changed into the store's table, in portions that are each a little work, while they go on changing.

    log      ...| entry p |  entries while the checkpoint is written  |
                    ^ position
    portions        | rows | rows | rows + position |

  Whatever a portion finds is at least as new as entry p, and replay of the entries after p puts right what is newer than the rest. So the
  position may go forward to p, in the same step as the last rows and not before. The other way round a row must not be newer than the log: a
  portion is built when the commits so far have all that it contains, and held until the last of them is durable.
*/
export class Checkpoint {
  readonly #group: GroupId;
  readonly #rows: Rows;
  readonly #tables: readonly NamedTable[];
  readonly #store: StateTableStore;
  readonly #clock: Clock;
  readonly #owner: CheckpointOwner;
  #phase: Phase = 'idle';
  #position = 0;
  /** Rows that changed since the checkpoint began, with the flag that says so; and rows that it has to write. */
  #changed = new RowList();
  #changedFlag: number = ROW.isListedA;
  #writing = new RowList();
  #writingFlag: number = ROW.isListedB;
  /** The portion is `#writing` from #from to before #to. */
  #from = 0;
  #to = 0;
  #changes: TableChange[] = [];
  /** Tables below this number are named in the portion, or were before. */
  #tablesNamed = 0;
  #heldFor: CommitNumber = 0;

  constructor(group: GroupId, rows: Rows, tables: readonly NamedTable[], store: StateTableStore, clock: Clock, owner: CheckpointOwner) {
    this.#group = group;
    this.#rows = rows;
    this.#tables = tables;
    this.#store = store;
    this.#clock = clock;
    this.#owner = owner;
  }

  get isIdle(): boolean {
    return this.#phase === 'idle';
  }

  get isReady(): boolean {
    return this.#phase === 'ready';
  }

  get changedCount(): number {
    return this.#changed.length;
  }

  noteChanged(row: number): void {
    const flags = this.#rows.flags;
    if ((flags[row] & (ROW.isListedA | ROW.isListedB)) !== 0) return;
    flags[row] |= this.#changedFlag;
    this.#changed.push(row);
  }

  /** @param position index of the last durable entry. */
  begin(position: number): void {
    assert(this.#phase === 'idle' && this.#writing.length === 0, 'one checkpoint at a time');
    const rows = this.#changed;
    const flag = this.#changedFlag;
    this.#changed = this.#writing;
    this.#changedFlag = this.#writingFlag;
    this.#writing = rows;
    this.#writingFlag = flag;
    this.#position = position;
    this.#from = 0;
    this.#to = 0;
    this.#phase = 'ready';
  }

  /** @param heldFor the commit that contains the last change so far; 0 if all of them are durable. */
  build(heldFor: CommitNumber): void {
    assert(this.#phase === 'ready' && this.#changes.length === 0, 'one portion at a time');
    for (const table of this.#tables) {
      if (!table.isStored) this.#put(checkpointKey(this.#group, PART.name, table.number), Buffer.from(table.name));
    }
    this.#addRows();
    if (this.#to === this.#writing.length) this.#put(checkpointKey(this.#group, PART.position, 0), positionValue(this.#position));
    this.#tablesNamed = this.#tables.length;
    this.#heldFor = heldFor;
    this.#phase = 'held';
    if (heldFor === 0) this.#apply();
  }

  onDurable(commit: CommitNumber): void {
    if (this.#phase === 'held' && this.#heldFor <= commit) this.#apply();
  }

  /** What the portion contains may be newer than the log now. It is built again when the changes are in another commit. */
  onLost(): void {
    if (this.#phase === 'held') this.#takeBack();
  }

  #addRows(): void {
    const started = this.#clock.monotonicMs();
    const { rows: list, length } = this.#writing;
    const { flags, values, tables, keys } = this.#rows;
    const listed = this.#writingFlag;
    let bytes = 0;
    let at = this.#from;
    const end = Math.min(length, at + PORTION_ROWS_MAX);
    while (at < end && bytes < PORTION_BYTES_MAX) {
      if (at % ROWS_PER_LOOK === ROWS_PER_LOOK - 1 && this.#clock.monotonicMs() - started > PORTION_MS_MAX) break;
      const row = list[at];
      at += 1;
      flags[row] &= ~listed;
      if (values.has(row)) {
        const value = rowValue(tables[row], keys[row], values.lengthOf(row), (target, to) => values.copyTo(row, target, to));
        flags[row] |= ROW.isStored;
        this.#put(checkpointKey(this.#group, PART.row, row), value);
        bytes += value.length;
      } else if ((flags[row] & ROW.isStored) !== 0) this.#put(checkpointKey(this.#group, PART.row, row), null);
    }
    this.#to = at;
  }

  #put(key: Uint8Array, value: Uint8Array | null): void {
    this.#changes.push({ key, value });
  }

  #apply(): void {
    const changes = this.#changes;
    this.#changes = [];
    this.#phase = 'under way';
    this.#store.apply(changes, (error) => {
      if (error === null) this.#onApplied();
      else {
        this.#takeBack();
        this.#owner.onCheckpointFailed(error);
      }
    });
  }

  #onApplied(): void {
    for (let i = 0; i < this.#tablesNamed; i += 1) this.#tables[i].isStored = true;
    const { flags, values } = this.#rows;
    const listed = ROW.isListedA | ROW.isListedB;
    for (let at = this.#from; at < this.#to; at += 1) {
      const row = this.#writing.rows[at];
      // Had it changed since the portion was built, it would be listed again.
      if (values.has(row) || (flags[row] & (listed | ROW.isFree)) !== 0) continue;
      flags[row] &= ~ROW.isStored;
      this.#owner.onRowForgotten(row);
    }
    this.#from = this.#to;
    const isLast = this.#to === this.#writing.length;
    this.#phase = isLast ? 'idle' : 'ready';
    if (!isLast) return;
    this.#writing.clear();
    this.#owner.onCheckpoint(this.#position);
  }

  #takeBack(): void {
    const { flags } = this.#rows;
    for (let at = this.#from; at < this.#to; at += 1) flags[this.#writing.rows[at]] |= this.#writingFlag;
    this.#to = this.#from;
    this.#changes = [];
    this.#phase = 'ready';
  }
}
