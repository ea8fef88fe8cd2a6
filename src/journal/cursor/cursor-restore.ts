import { WireViolation } from '../../wire/violation.js';
import { type BlockHead, type BlockVisitor, type RecordState, readBlock } from './cursor-block.js';
import { CursorJournal, type JournalHead, readHead } from './cursor-journal.js';
import { type CursorOptions, completeOptions } from './cursor-options.js';
import { KEEP_NONE, Ledger } from './ledger.js';
import { createCursor, QueueCursor } from './queue-cursor.js';

const ROW_KEY = /^(?:h|d(\d{1,15})|c(\d{1,15})\.(\d{1,15}))$/;

interface Rows {
  readonly head: JournalHead;
  /** By number. */
  readonly chunks: ReadonlyMap<number, Uint8Array>;
  readonly deltas: ReadonlyMap<number, Uint8Array>;
  /** Keys of rows that belong to no finished snapshot. */
  readonly garbage: readonly string[];
}

/**
 * A cursor as its rows say: what was held is unread or waits, with the deliveries that counted; what was delivered before is marked so.
 * @param logStart what is before is gone. @param tail the end of the log; what the rows say of offsets beyond it is forgotten: records to come
 * would be taken for settled. Drain the cursor before any are appended.
 * @throws WireViolation if the rows are damaged.
 */
export function restoreCursor(
  entries: Iterable<readonly [string, Uint8Array]>,
  options: Partial<CursorOptions>,
  logStart: number,
  tail: number,
): QueueCursor {
  const ledger = new Ledger(completeOptions(options));
  ledger.tail = tail;
  const rows = sortRows(entries);
  if (rows === null) {
    const empty = createCursor(options, Math.min(logStart, tail));
    empty.append(tail);
    return empty;
  }
  const replay = new Replay(ledger);
  for (let chunk = 0; chunk < rows.head.chunks; chunk += 1) readBlock(present(rows.chunks.get(chunk)), replay);
  const deltaNext = rows.head.deltaFirst + rows.deltas.size;
  for (let delta = rows.head.deltaFirst; delta < deltaNext; delta += 1) readBlock(present(rows.deltas.get(delta)), replay);

  ledger.sortRestored();
  ledger.forgetChanges();
  ledger.deliveredBelow = Math.min(ledger.deliveredBelow, tail); // The mark is ahead of what was delivered.
  ledger.readHead = ledger.settled.floor;
  if (replay.isClipped) ledger.rewriteAll();
  const journal = ledger.options.isJournaled ? new CursorJournal(ledger, rows.head, deltaNext, rows.garbage) : null;
  const cursor = new QueueCursor(ledger, journal);
  cursor.clamp(logStart);
  return cursor;
}

/** Applies blocks to a ledger. */
class Replay implements BlockVisitor {
  readonly #ledger: Ledger;
  /** Something was said of offsets that the log does not have. */
  isClipped = false;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  onHead(head: BlockHead): void {
    const ledger = this.#ledger;
    const floor = this.#clip(head.floor);
    if (head.isReset) ledger.reset(floor);
    else ledger.settleRange(ledger.settled.floor, floor, KEEP_NONE);
    ledger.deliveredBelow = head.mark;
  }

  onRange(from: number, to: number): void {
    this.#ledger.settleRange(this.#clip(from), this.#clip(to), KEEP_NONE);
  }

  onState(state: RecordState): void {
    if (this.#clip(state.offset + 1) <= state.offset || this.#ledger.settled.isSettled(state.offset)) return;
    this.#ledger.restore(state.offset, state.count, state.visibleAt, state.reason, state.key);
  }

  #clip(offset: number): number {
    if (offset <= this.#ledger.tail) return offset;
    this.isClipped = true;
    return this.#ledger.tail;
  }
}

/** @returns null if there are none. */
function sortRows(entries: Iterable<readonly [string, Uint8Array]>): Rows | null {
  let head: JournalHead | null = null;
  const numbered: { readonly key: string; readonly match: RegExpExecArray; readonly value: Uint8Array }[] = [];
  for (const [key, value] of entries) {
    const match = ROW_KEY.exec(key);
    if (match === null) throw new WireViolation('a row of a cursor journal has an unknown key');
    if (key === 'h') head = readHead(value);
    else numbered.push({ key, match, value });
  }
  if (head === null) {
    if (numbered.length > 0) throw new WireViolation('a cursor journal has no head');
    return null;
  }
  const chunks = new Map<number, Uint8Array>();
  const deltas = new Map<number, Uint8Array>();
  const garbage: string[] = [];
  for (const { key, match, value } of numbered) {
    const [, delta, generation, chunk] = match;
    if (delta !== undefined && Number(delta) >= head.deltaFirst) deltas.set(Number(delta), value);
    else if (generation !== undefined && Number(generation) === head.generation && Number(chunk) < head.chunks)
      chunks.set(Number(chunk), value);
    else garbage.push(key);
  }
  return { head, chunks, deltas, garbage };
}

function present(row: Uint8Array | undefined): Uint8Array {
  if (row === undefined) throw new WireViolation('a row of a cursor journal is missing');
  return row;
}
