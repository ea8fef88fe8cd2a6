import type { RowSink } from '../../journal/cursor/cursor-journal.js';
import { ANY_TOKEN, newTaken, RELEASE, type RecordReader, type Release } from '../../journal/cursor/cursor-options.js';
import { restoreCursor } from '../../journal/cursor/cursor-restore.js';
import { createCursor, type QueueCursor } from '../../journal/cursor/queue-cursor.js';
import { Waiter } from '../../journal/cursor/waiter.js';
import type { GroupLog, Sequence, StateTable } from '../../journal/ports.js';
import { WireViolation } from '../../wire/violation.js';

const TABLE = 'shared';
/** Sequences read from the index at a time. */
const PAGE = 256;
/** Who holds a record between `take` and `handOver`. */
export const NOBODY = 0;
/** Nobody who could have it is free: it is looked at again then, and does not hold up those behind it. */
const LATER: Release = { delayMs: 500, counts: false, position: 'order' };
const NOT_KNOWN = -1;

/** Every record of an index can be given: what became too old is found when it is read. */
const ALL: RecordReader = { look: () => 'ok' };

export interface QueueRow {
  readonly key: string;
  readonly start: Sequence;
}

/*
  The queue of one shared subscription in one group of the journal: a cursor (journal/cursor) over the sequences of the index of its filter.

    floor                          tail                              the log's end
    settled, taken and waiting ... | in the index, not looked at     |

  The cursor knows of sequences below `tail`: those between two of the index are settled in passing. Rows, in the table `shared` of the group:

    <number>.q    what it is: JSON
    <number>.t    tail, a 64-bit float
    <number>.h, .c.., .d..    the cursor's journal
*/
export class QueuePart {
  readonly log: GroupLog;
  readonly filter: string;
  readonly start: Sequence;
  /** Publishers of records that were not given yet, for strategies that ask for them; lost with the process. */
  readonly publishers: Map<Sequence, number> = new Map();
  /** Members that may not have a record, by consumer number. */
  readonly refusals: Map<Sequence, Set<number>> = new Map();
  readonly #table: StateTable;
  readonly #number: number;
  readonly #cursor: QueueCursor;
  readonly #sink: RowSink;
  readonly #waiter = new Waiter({ consumer: NOBODY, messages: Number.POSITIVE_INFINITY });
  readonly #taken = newTaken();
  readonly #page = new Float64Array(PAGE);
  #tail: Sequence;
  #tailWritten: Sequence;
  /** The first sequence that the index has of it. */
  #from: Sequence = NOT_KNOWN;
  #isDirty = true;

  private constructor(log: GroupLog, number: number, filter: string, start: Sequence, cursor: QueueCursor, tail: Sequence) {
    this.log = log;
    this.filter = filter;
    this.start = start;
    this.#number = number;
    this.#table = log.table(TABLE);
    this.#cursor = cursor;
    this.#tail = tail;
    this.#tailWritten = tail;
    this.#sink = {
      put: (key, value) => this.#table.put(`${number}.${key}`, value),
      delete: (key) => this.#table.delete(`${number}.${key}`),
    };
  }

  /** Begins with what is published from now on. */
  static create(log: GroupLog, key: string, filter: string): QueuePart {
    const start = log.nextSequence;
    const number = nextNumber(log);
    const part = new QueuePart(log, number, filter, start, createCursor(CURSOR_OPTIONS, start), start);
    part.#tailWritten = NOT_KNOWN;
    const row: QueueRow = { key, start };
    part.#sink.put('q', new TextEncoder().encode(JSON.stringify(row)));
    return part;
  }

  /** All that a group has, as an earlier process left them. One whose rows are damaged begins anew: its messages come again. */
  static restoreAll(
    log: GroupLog,
    filterOf: (key: string) => string,
    onDamaged: (key: string) => void,
  ): (readonly [key: string, part: QueuePart])[] {
    const rows = new Map<number, Map<string, Uint8Array>>();
    for (const [name, value] of log.table(TABLE).entries()) {
      const dot = name.indexOf('.');
      const number = Number(name.slice(0, dot));
      const own = rows.get(number) ?? new Map<string, Uint8Array>();
      own.set(name.slice(dot + 1), value.slice());
      rows.set(number, own);
    }
    const parts: (readonly [string, QueuePart])[] = [];
    for (const [number, own] of rows) {
      const row = readRow(own.get('q'));
      if (row === null) continue;
      const tailRow = own.get('t');
      own.delete('q');
      own.delete('t');
      const tail = tailRow === undefined || own.size === 0 ? row.start : new DataView(tailRow.buffer, tailRow.byteOffset).getFloat64(0);
      const restored = restoreOr(own, tail);
      const cursor = restored ?? createCursor(CURSOR_OPTIONS, row.start);
      const part = new QueuePart(log, number, filterOf(row.key), row.start, cursor, restored === null ? row.start : tail);
      if (restored === null && own.size > 0) {
        onDamaged(row.key);
        for (const key of own.keys()) part.#sink.delete(key);
      }
      part.#from = row.start;
      parts.push([row.key, part]);
    }
    return parts;
  }

  /** What nobody has yet. */
  get waiting(): number {
    const { ready, delayed } = this.#cursor.stats();
    return ready + delayed + (this.log.index(this.filter)?.countFrom(this.#tail) ?? 0);
  }

  get held(): number {
    return this.#cursor.stats().unacked;
  }

  /** The oldest record that is not settled; 0 if there is none. */
  get oldest(): Sequence {
    const found = new Float64Array(1);
    if (this.#cursor.unsettledBelow(this.#tail, found) > 0) return found[0];
    const index = this.log.index(this.filter);
    return index !== undefined && index.read(this.#tail, found) > 0 ? found[0] : 0;
  }

  /** Whether a committed record is in the index of this queue: the first ones that come may have been appended before the queue began. */
  takes(sequence: Sequence): boolean {
    if (this.#from === NOT_KNOWN) {
      const index = this.log.index(this.filter);
      if (index === undefined || index.read(this.start, this.#page) === 0) return false;
      this.#from = this.#page[0];
    }
    return sequence >= this.#from;
  }

  /** Takes records off the queue, at most `max`, rising. They are NOBODY's until they are handed over. @returns how many. */
  take(nowMs: number, into: Float64Array, max: number): number {
    let count = 0;
    while (count < max) {
      const status = this.#cursor.take(nowMs, this.#waiter, ALL, this.#taken);
      if (status === 'taken') {
        into[count] = this.#taken.offset;
        count += 1;
      } else if (status !== 'empty' || !this.#readOn()) break;
    }
    into.subarray(0, count).sort();
    return count;
  }

  handOver(sequence: Sequence, consumer: number): void {
    this.#cursor.handOver(sequence, ANY_TOKEN, consumer);
    this.publishers.delete(sequence);
  }

  /** Whether the consumer has any record. */
  isHolder(consumer: number): boolean {
    return this.#cursor.isHolder(consumer);
  }

  /** The consumer that has the record; below NOBODY if none does. */
  holderOf(sequence: Sequence): number {
    return this.#cursor.holderOf(sequence);
  }

  /** Done with, whoever has it. */
  settle(sequence: Sequence): void {
    // After a crash somebody may know of records that the cursor has not got to again.
    while (sequence >= this.#tail && this.#readOn());
    if (this.#cursor.settle(sequence, ANY_TOKEN) === 'done') this.#isDirty = true;
    this.refusals.delete(sequence);
    this.publishers.delete(sequence);
  }

  /** Somebody else may have it. Only from who has it. */
  release(sequence: Sequence, consumer: number, nowMs: number): void {
    if (this.#cursor.holderOf(sequence) !== consumer) return;
    this.#cursor.release(sequence, ANY_TOKEN, nowMs, RELEASE);
  }

  /** Nobody can have it now; those behind it go first. */
  putOff(sequence: Sequence, nowMs: number): void {
    this.#cursor.release(sequence, ANY_TOKEN, nowMs, LATER);
  }

  releaseAll(consumer: number, nowMs: number): number {
    return this.#cursor.releaseAll(consumer, nowMs, RELEASE);
  }

  refuse(sequence: Sequence, consumer: number): void {
    const refusal = this.refusals.get(sequence) ?? new Set<number>();
    refusal.add(consumer);
    this.refusals.set(sequence, refusal);
  }

  /** What was put off is ready again. @returns whether something is. */
  wake(nowMs: number): boolean {
    if (this.#cursor.nextDeadline > nowMs) return false;
    return this.#cursor.expire(nowMs, PAGE, ignore, ignore) > 0;
  }

  /** The oldest that nobody has are gone, at most `count`. @returns how many. */
  drop(nowMs: number, count: number): number {
    let dropped = 0;
    while (dropped < count) {
      const taken = this.take(nowMs, this.#page, Math.min(PAGE, count - dropped));
      if (taken === 0) break;
      for (let i = 0; i < taken; i += 1) this.settle(this.#page[i]);
      dropped += taken;
    }
    return dropped;
  }

  /** What changed, as rows of the open commit. */
  write(): void {
    if (this.#tail !== this.#tailWritten) {
      const value = new Uint8Array(8);
      new DataView(value.buffer).setFloat64(0, this.#tail);
      this.#sink.put('t', value);
      this.#tailWritten = this.#tail;
    }
    this.#isDirty = this.#cursor.drain(this.#sink);
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** Its rows go. */
  remove(): void {
    const prefix = `${this.#number}.`;
    for (const [key] of [...this.#table.entries()]) if (key.startsWith(prefix)) this.#table.delete(key);
  }

  /** A page of the index more; what lies between is not of this queue. @returns false if there is none. */
  #readOn(): boolean {
    const index = this.log.index(this.filter);
    if (index === undefined || index.last < this.#tail) return false;
    const page = new Float64Array(PAGE);
    const count = index.read(this.#tail, page);
    if (count === 0) return false;
    const cursor = this.#cursor;
    const before = this.#tail;
    this.#tail = page[count - 1] + 1;
    cursor.append(this.#tail);
    let next = before;
    for (let i = 0; i < count; i += 1) {
      if (page[i] > next) cursor.settleRange(next, page[i]);
      next = page[i] + 1;
    }
    this.#isDirty = true;
    return true;
  }
}

/** Deliveries do not count: a member that is lost says nothing of the message. */
const CURSOR_OPTIONS = { redelivery: 'offset', deltasMax: 256 } as const;

function nextNumber(log: GroupLog): number {
  let last = 0;
  for (const [name] of log.table(TABLE).entries()) last = Math.max(last, Number(name.slice(0, name.indexOf('.'))));
  return last + 1;
}

function readRow(bytes: Uint8Array | undefined): QueueRow | null {
  if (bytes === undefined) return null;
  const row: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof row !== 'object' || row === null || !('key' in row) || !('start' in row)) return null;
  const { key, start } = row;
  return typeof key === 'string' && typeof start === 'number' ? { key, start } : null;
}

/** Null: there are no rows yet, or they are damaged. */
function restoreOr(rows: ReadonlyMap<string, Uint8Array>, tail: Sequence): QueueCursor | null {
  if (rows.size === 0) return null;
  try {
    return restoreCursor(rows, CURSOR_OPTIONS, 0, tail);
  } catch (error) {
    if (!(error instanceof WireViolation)) throw error;
    return null;
  }
}

function ignore(): void {}
