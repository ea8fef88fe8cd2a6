import { assert } from '../base/assert.js';
import type { SegmentEntry, SegmentId } from './ports.js';
import { SortedRows } from './sorted-rows.js';

/*
  What a memory store holds. It outlives the store, as files outlive a process: a test opens the next store on the same disk.
*/

export const GROUP_MAX: number = 2 ** 16 - 1;
export const INDEX_MAX: number = 2 ** 48 - 1;

/** Entries of one group, ascending. They mostly arrive in order. */
export interface GroupEntries {
  readonly indexes: number[];
  readonly bytes: Uint8Array[];
}

/** Position of the first index that is not below `index`. */
export function lowerIndex(indexes: readonly number[], index: number): number {
  let low = 0;
  let high = indexes.length;
  if (high > 0 && indexes[high - 1] < index) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (indexes[middle] < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class MemorySegment {
  readonly id: SegmentId;
  readonly groups: Map<number, GroupEntries> = new Map();
  readonly footers: SortedRows = new SortedRows();
  isSealed = false;
  /** Why it was set aside; null while it is trusted. */
  quarantined: string | null = null;
  /** Set by tests: `reopen` and `open` say corrupt. */
  isUnreadable = false;
  #entryBytes = 0;

  constructor(id: SegmentId) {
    this.id = id;
  }

  get bytes(): number {
    return this.#entryBytes + this.footers.bytes;
  }

  /** Keeps a copy of the bytes. */
  put(entry: SegmentEntry): void {
    let entries = this.groups.get(entry.group);
    if (entries === undefined) {
      entries = { indexes: [], bytes: [] };
      this.groups.set(entry.group, entries);
    }
    const at = lowerIndex(entries.indexes, entry.index);
    const copy = entry.bytes.slice();
    this.#entryBytes += copy.length;
    if (entries.indexes[at] === entry.index) {
      this.#entryBytes -= entries.bytes[at].length;
      entries.bytes[at] = copy;
      return;
    }
    entries.indexes.splice(at, 0, entry.index);
    entries.bytes.splice(at, 0, copy);
  }
}

export class MemoryDisk {
  readonly segments: Map<SegmentId, MemorySegment> = new Map();
  readonly table: SortedRows = new SortedRows();
  readonly bytesMax: number;

  constructor(bytesMax: number = Number.POSITIVE_INFINITY) {
    assert(bytesMax > 0, 'a disk has room');
    this.bytesMax = bytesMax;
  }

  get bytesUsed(): number {
    let sum = this.table.bytes;
    for (const segment of this.segments.values()) sum += segment.bytes;
    return sum;
  }
}
