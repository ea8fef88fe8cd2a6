import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { StateTableStore } from '../../storage/ports.js';
import { WireViolation } from '../../wire/violation.js';
import { BLOCK, type BlockKeeper, type BlockSink, type EntryPlace, type FooterRow } from '../keeper.js';
import type { CommitNumber, GroupId, StateTable } from '../ports.js';
import {
  CHANGE,
  type ChangeVisitor,
  ChangeWriter,
  lengthOfName,
  lengthOfPut,
  readChanges,
  TABLE_NUMBER_MAX,
  VALUE_BYTES_MAX,
} from './change-block.js';
import { Checkpoint } from './checkpoint.js';
import { readCheckpoint } from './checkpoint-rows.js';
import { NamedTable } from './named-table.js';
import { RowList } from './row-list.js';
import { ROW, Rows } from './rows.js';

/** A checkpoint begins after so many bytes of blocks, or so long after the last one: what a start has to replay at most. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
const CHECKPOINT_MS = 60_000;
/** After a failure of the store. */
const RETRY_MS = 5_000;

/** Rows that a commit says, until it is durable or lost. */
interface Flight {
  /** Counts flights, modulo 2^32. */
  serial: number;
  commit: CommitNumber;
  /** Of the entry. */
  index: number;
  /** Tables below this number are defined in the block, or were before. */
  tables: number;
  rows: RowList;
}

/**
 * The tables of a group. At the start: `loadCheckpoint`, then `replay` of the entries that the lane still has, in order. While it runs: `onTick` every
 * 100 ms. A segment may go when `checkpointedIndex` reaches the last entry that it has of the group.
 */
export class StateTables implements BlockKeeper {
  readonly kind: typeof BLOCK.table = BLOCK.table;
  readonly #group: GroupId;
  readonly #store: StateTableStore;
  readonly #rows = new Rows();
  readonly #byName = new Map<string, NamedTable>();
  readonly #byNumber: NamedTable[] = [];
  readonly #checkpoint: Checkpoint;
  readonly #writer = new ChangeWriter();
  readonly #replayed: ChangeVisitor = {
    onDefine: (number, name) => {
      this.#define(number, name).isDefined = true;
    },
    onPut: (number, key, source, from, to) => this.#tableAt(number).putPart(key, source, from, to),
    onDelete: (number, key) => this.#tableAt(number).delete(key),
  };
  #isLoaded = false;
  #isReplaying = false;
  #dirty = new RowList();
  readonly #flights: Flight[] = [];
  readonly #spare: Flight[] = [];
  /** Entries up to it are in the checkpoint. */
  #position = 0;
  #durableIndex = 0;
  /** First entry with a block that the checkpoint does not cover, and first that the one being written will not cover; 0: none. */
  #firstNeeded = 0;
  #firstNeededNext = 0;
  #serial = 0;
  #bytesSince = 0;
  #isWanted = false;
  #wantsPortion = false;
  #nextCheckpointMs = 0;
  #notBeforeMs = 0;
  #nowMs = 0;

  constructor(group: GroupId, store: StateTableStore, clock: Clock) {
    this.#group = group;
    this.#store = store;
    this.#checkpoint = new Checkpoint(group, this.#rows, this.#byNumber, store, clock, {
      onRowForgotten: (row) => this.#maybeFree(row),
      onCheckpoint: (position) => this.#onCheckpoint(position),
      onCheckpointFailed: () => {
        this.#notBeforeMs = this.#nowMs + RETRY_MS;
      },
    });
  }

  /** Every entry up to this one can be missed at a start; infinite if that is so for all there are. */
  get checkpointedIndex(): number {
    return this.#firstNeeded === 0 ? Number.POSITIVE_INFINITY : this.#firstNeeded - 1;
  }

  /** Entries up to it need not be replayed. */
  get position(): number {
    return this.#position;
  }

  get isDirty(): boolean {
    return this.#dirty.length > 0;
  }

  /** Bytes of memory that values take. */
  get valueBytes(): number {
    return this.#rows.values.bytes;
  }

  table(name: string): StateTable {
    assert(this.#isLoaded, 'tables are loaded before they are used');
    return this.#byName.get(name) ?? this.#addTable(name, this.#byNumber.length);
  }

  /** @throws StoreError corrupt. */
  loadCheckpoint(): void {
    assert(!this.#isLoaded, 'a checkpoint is loaded once');
    this.#isLoaded = true;
    readCheckpoint(this.#store, this.#group, {
      onPosition: (index) => {
        this.#position = index;
        this.#durableIndex = index;
      },
      onName: (number, name) => {
        const table = this.#define(number, name);
        table.isDefined = true;
        table.isStored = true;
      },
      onRow: (row, number, key, bytes, from, to) => this.#tableAt(number).restore(row, key, bytes, from, to),
    });
    this.#rows.freeGaps();
  }

  replay(place: EntryPlace, bytes: Uint8Array, from: number, to: number): void {
    assert(this.#isLoaded && this.#flights.length === 0, 'replay comes after loadCheckpoint and before the first commit');
    if (place.index <= this.#position) return;
    this.#durableIndex = Math.max(this.#durableIndex, place.index);
    if (this.#firstNeeded === 0) this.#firstNeeded = place.index;
    this.#bytesSince += to - from;
    this.#isReplaying = true;
    try {
      readChanges(bytes, from, to, this.#replayed);
    } finally {
      this.#isReplaying = false;
    }
  }

  /** Asks for a checkpoint before it is due: a segment waits for it. */
  requestCheckpoint(): void {
    this.#isWanted = true;
  }

  onTick(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#nextCheckpointMs === 0) this.#nextCheckpointMs = nowMs + CHECKPOINT_MS;
    if (nowMs < this.#notBeforeMs) return;
    if (this.#checkpoint.isIdle) this.#maybeBegin(nowMs);
    if (!this.#checkpoint.isReady) return;
    // A portion must not contain what no commit has yet: if there is such a thing, it is built after the next `collect`.
    if (this.isDirty) this.#wantsPortion = true;
    else this.#buildPortion();
  }

  collect(sink: BlockSink, commit: CommitNumber): void {
    const length = this.#blockLength();
    const at = sink.begin(BLOCK.table, length);
    this.#writeBlock(sink.bytes, at);
    assert(this.#writer.position === at + length, 'a block is as long as was worked out');
    this.#takeOff(commit, sink.place.index);
    this.#bytesSince += length;
    if (this.#wantsPortion && this.#checkpoint.isReady) this.#buildPortion();
  }

  onDurable(commit: CommitNumber, place: EntryPlace): void {
    this.#durableIndex = Math.max(this.#durableIndex, place.index);
    while (this.#flights.length > 0 && this.#flights[0].commit <= commit) this.#land();
    this.#checkpoint.onDurable(commit);
  }

  onLost(commit: CommitNumber): void {
    const at = this.#flights.findIndex((flight) => flight.commit === commit);
    if (at < 0) return;
    const [flight] = this.#flights.splice(at, 1);
    const { rows, length } = flight.rows;
    for (let i = 0; i < length; i += 1) if ((this.#rows.flags[rows[i]] & ROW.isFree) === 0) this.touched(rows[i]);
    this.#spare.push(flight);
    this.#checkpoint.onLost();
  }

  /** None: what a segment says of tables is in the checkpoint before the segment goes. */
  footersOf(): FooterRow[] {
    return [];
  }

  onSealed(): void {
    this.requestCheckpoint();
  }

  onRemoved(): void {}

  /** A table's row has another value, or none. */
  touched(row: number): void {
    this.#checkpoint.noteChanged(row);
    if (this.#isReplaying) this.#maybeFree(row);
    else if ((this.#rows.flags[row] & ROW.isDirty) === 0) {
      this.#rows.flags[row] |= ROW.isDirty;
      this.#dirty.push(row);
    }
  }

  #addTable(name: string, number: number): NamedTable {
    assert(number <= TABLE_NUMBER_MAX, 'a group has a bounded number of tables');
    const table = new NamedTable(name, number, this.#rows, this);
    this.#byName.set(name, table);
    this.#byNumber.push(table);
    return table;
  }

  /** Tables come in order of their numbers. Whoever breaks that wrote something else than we did. */
  #define(number: number, name: string): NamedTable {
    const known = this.#byNumber[number];
    if (known !== undefined && known.name === name) return known;
    if (number !== this.#byNumber.length || this.#byName.has(name)) throw new WireViolation('a table has two names or two numbers');
    return this.#addTable(name, number);
  }

  #tableAt(number: number): NamedTable {
    const table = this.#byNumber[number];
    if (table === undefined) throw new WireViolation('a row belongs to a table that nobody defined');
    return table;
  }

  #blockLength(): number {
    const { keys, tables, values } = this.#rows;
    const { rows, length } = this.#dirty;
    let sum = 0;
    for (const table of this.#byNumber) if (!table.isDefined) sum += lengthOfName(table.number, Buffer.byteLength(table.name));
    for (let i = 0; i < length; i += 1) {
      const row = rows[i];
      const keyBytes = Buffer.byteLength(keys[row]);
      sum += values.has(row) ? lengthOfPut(tables[row], keyBytes, values.lengthOf(row)) : lengthOfName(tables[row], keyBytes);
    }
    return sum;
  }

  #writeBlock(target: Uint8Array, at: number): void {
    const writer = this.#writer;
    const { keys, tables, values, flags } = this.#rows;
    const { rows, length } = this.#dirty;
    writer.reset(target, at);
    for (const table of this.#byNumber)
      if (!table.isDefined) writer.writeHead(table.number, CHANGE.define, table.name, Buffer.byteLength(table.name));
    for (let i = 0; i < length; i += 1) {
      const row = rows[i];
      const isPut = values.has(row);
      flags[row] &= ~ROW.isDirty;
      writer.writeHead(tables[row], isPut ? CHANGE.put : CHANGE.delete, keys[row], Buffer.byteLength(keys[row]));
      if (!isPut) continue;
      const valueBytes = values.lengthOf(row);
      assert(valueBytes <= VALUE_BYTES_MAX, 'a value of a table fits its length');
      writer.writeVarint(valueBytes);
      values.copyTo(row, target, writer.position);
      writer.position += valueBytes;
    }
  }

  #takeOff(commit: CommitNumber, index: number): void {
    const flight = this.#spare.pop() ?? { serial: 0, commit: 0, index: 0, tables: 0, rows: new RowList() };
    const rows = this.#dirty;
    this.#dirty = flight.rows;
    this.#dirty.clear();
    flight.rows = rows;
    this.#serial = (this.#serial + 1) >>> 0;
    flight.serial = this.#serial;
    for (let i = 0; i < rows.length; i += 1) this.#rows.flights[rows.rows[i]] = this.#serial;
    flight.commit = commit;
    flight.index = index;
    flight.tables = this.#byNumber.length;
    this.#flights.push(flight);
    if (this.#firstNeeded === 0) this.#firstNeeded = index;
    if (this.#firstNeededNext === 0) this.#firstNeededNext = index;
  }

  /** The oldest flight is durable. */
  #land(): void {
    const flight = this.#flights.shift();
    assert(flight !== undefined, 'only what is under way lands');
    const { rows, length } = flight.rows;
    for (let number = 0; number < flight.tables; number += 1) this.#byNumber[number].isDefined = true;
    for (let i = 0; i < length; i += 1) if (this.#rows.flights[rows[i]] === flight.serial) this.#maybeFree(rows[i]);
    this.#spare.push(flight);
  }

  /** The number of a row that is gone is free when neither the log nor the checkpoint has still to be told. */
  #maybeFree(row: number): void {
    if (this.#rows.values.has(row) || (this.#rows.flags[row] & (ROW.isDirty | ROW.isStored | ROW.isFree)) !== 0) return;
    this.#byNumber[this.#rows.tables[row]].forget(this.#rows.keys[row]);
    this.#rows.free(row);
  }

  #maybeBegin(nowMs: number): void {
    if (this.#firstNeeded === 0) {
      this.#isWanted = false; // All there is, is in the checkpoint.
      return;
    }
    if (nowMs < this.#nextCheckpointMs && !this.#isWanted && this.#bytesSince < CHECKPOINT_BYTES) return;
    this.#isWanted = false;
    this.#bytesSince = 0;
    this.#nextCheckpointMs = nowMs + CHECKPOINT_MS;
    // What is under way now has an entry after the position.
    this.#firstNeededNext = this.#flights.length > 0 ? this.#flights[0].index : 0;
    this.#checkpoint.begin(this.#durableIndex);
  }

  #buildPortion(): void {
    this.#wantsPortion = false;
    const { length } = this.#flights;
    this.#checkpoint.build(length === 0 ? 0 : this.#flights[length - 1].commit);
  }

  #onCheckpoint(position: number): void {
    this.#position = position;
    this.#firstNeeded = this.#firstNeededNext;
  }
}
