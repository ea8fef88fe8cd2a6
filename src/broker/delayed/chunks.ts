import { assert } from '../../base/assert.js';
import { readU48, writeU48 } from '../../journal/log/entry.js';
import type { Offset, StateTable } from '../../journal/ports.js';

/*
  Which messages of one class wait, and until when: rows of a table, a few messages each, in order of their offsets.

    key    class.number                 value   due u48 | offset u48      of each message
           3.17                                 due u48 | offset u48 ...

  A row goes when nothing in it waits any more. What was delivered before is not taken out of rows: whoever reads them knows how far that is.
*/

export const ENTRY_BYTES = 12;
export const CHUNK_ENTRIES = 32;

interface Chunk {
  readonly number: number;
  first: Offset;
  last: Offset;
  /** Of its messages so many wait. */
  waiting: number;
}

export class Chunks {
  readonly #table: StateTable;
  readonly #kind: number;
  /** In order of their offsets. */
  readonly #chunks: Chunk[] = [];
  #numberLast = 0;
  /** The row of the last chunk, as far as it is filled. */
  #open: Uint8Array = new Uint8Array(0);

  constructor(table: StateTable, kind: number) {
    this.#table = table;
    this.#kind = kind;
  }

  /** Nothing before it waits; undefined if nothing waits at all. */
  get firstOffset(): Offset | undefined {
    return this.#chunks.at(0)?.first;
  }

  /** How many rows. */
  get length(): number {
    return this.#chunks.length;
  }

  /** At the start: a row of the table. @returns how many of its messages wait. */
  restore(number: number, row: Uint8Array, isWaiting: (dueMs: number, offset: Offset) => boolean): number {
    this.#numberLast = Math.max(this.#numberLast, number);
    let waiting = 0;
    forEachEntry(row, (dueMs, offset) => {
      if (isWaiting(dueMs, offset)) waiting += 1;
    });
    if (waiting === 0) this.#table.delete(this.#keyOf(number));
    else {
      const last = row.length - ENTRY_BYTES;
      this.#chunks.push({ number, first: offsetAt(row, 0), last: offsetAt(row, last), waiting });
    }
    return waiting;
  }

  /** After the rows: they came in any order. */
  restored(): void {
    this.#chunks.sort((a, b) => a.number - b.number);
  }

  /** Offsets rise. */
  add(dueMs: number, offset: Offset): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#open.length === 0 || this.#open.length >= CHUNK_ENTRIES * ENTRY_BYTES) {
      this.#numberLast += 1;
      chunk = { number: this.#numberLast, first: offset, last: offset, waiting: 0 };
      this.#chunks.push(chunk);
      this.#open = new Uint8Array(0);
    }
    assert(offset >= chunk.last, 'offsets of a partition rise');
    const row = new Uint8Array(this.#open.length + ENTRY_BYTES);
    row.set(this.#open);
    writeEntry(row, this.#open.length, dueMs, offset);
    this.#open = row;
    chunk.last = offset;
    chunk.waiting += 1;
    this.#table.put(this.#keyOf(chunk.number), row);
  }

  /** One that waited was delivered, or does not wait any more. */
  settle(offset: Offset): void {
    const at = this.#indexOf(offset);
    const chunk = this.#chunks[at];
    assert(chunk.waiting > 0, 'a message is settled once');
    chunk.waiting -= 1;
    if (chunk.waiting > 0) return;
    if (at === this.#chunks.length - 1) this.#open = new Uint8Array(0);
    this.#chunks.splice(at, 1);
    this.#table.delete(this.#keyOf(chunk.number));
  }

  /** It does not wait any more, and no later start may think so. */
  remove(offset: Offset): void {
    const at = this.#indexOf(offset);
    const { number, waiting } = this.#chunks[at];
    if (waiting > 1) {
      const row = this.#rowOf(number);
      const rest = new Uint8Array(row.length - ENTRY_BYTES);
      let filled = 0;
      forEachEntry(row, (dueMs, other) => {
        if (other === offset) return;
        writeEntry(rest, filled, dueMs, other);
        filled += ENTRY_BYTES;
      });
      if (at === this.#chunks.length - 1 && this.#open.length > 0) this.#open = rest;
      this.#table.put(this.#keyOf(number), rest);
    }
    this.settle(offset);
  }

  /** Messages from an offset on, also those that do not wait any more, until `visit` returns false. */
  forEachFrom(offset: Offset, visit: (dueMs: number, offset: Offset) => boolean): void {
    for (const { number, last } of this.#chunks) {
      if (last < offset) continue;
      let goesOn = true;
      forEachEntry(this.#rowOf(number), (dueMs, at) => {
        if (goesOn && at >= offset) goesOn = visit(dueMs, at);
      });
      if (!goesOn) return;
    }
  }

  #rowOf(number: number): Uint8Array {
    const row = this.#table.get(this.#keyOf(number));
    assert(row !== undefined, 'a chunk has its row');
    return row;
  }

  #keyOf(number: number): string {
    return `${this.#kind}.${number}`;
  }

  /** The chunk that has the offset. */
  #indexOf(offset: Offset): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chunks[middle].first <= offset) low = middle;
      else high = middle - 1;
    }
    assert(high >= 0 && offset <= this.#chunks[low].last, 'what waits has a chunk');
    return low;
  }
}

/** @returns null if it is no key of a chunk. */
export function chunkKeyOf(key: string): { readonly kind: number; readonly number: number } | null {
  const match = /^(\d)\.(\d{1,15})$/.exec(key);
  return match === null ? null : { kind: Number(match[1]), number: Number(match[2]) };
}

export function forEachEntry(row: Uint8Array, visit: (dueMs: number, offset: Offset) => void): void {
  for (let at = 0; at + ENTRY_BYTES <= row.length; at += ENTRY_BYTES) visit(readU48(row, at), offsetAt(row, at));
}

function offsetAt(row: Uint8Array, at: number): Offset {
  return readU48(row, at + 6);
}

export function writeEntry(row: Uint8Array, at: number, dueMs: number, offset: number): void {
  writeU48(row, at, dueMs);
  writeU48(row, at + 6, offset);
}
