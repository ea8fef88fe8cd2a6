import { beginsWith, compareBytes, SortedRows } from '../../storage/sorted-rows.js';
import { WireViolation } from '../../wire/violation.js';
import { BatchView } from '../batch/batch-view.js';
import { BLOCK, FOOTER_PREFIX_BYTES, footerPrefix } from '../keeper.js';
import { forEachBlock, RECORDS_HEAD_BYTES, readU32, readU48 } from '../log/entry.js';
import { EntryRows } from '../log/entry-rows.js';
import { type Footers, readBatches, readEntries, readParts, readSpan } from '../log/record-footers.js';
import { partitionKeyOf } from '../partition-key.js';
import type { GroupId, PartitionKey } from '../ports.js';

const view = new BatchView();

/** What one group has in one segment: what its entries say, and what the footers say of them. */
interface GroupRecords {
  /** First sequence by index of the entry. */
  readonly entries: Map<number, number>;
  /** Index of the entry by base offset. */
  readonly batches: Map<PartitionKey, Map<number, number>>;
}

/** The footers of one sealed segment beside its entries. What they tell of must be there; entries that have expired may be left out. */
export class SealedFooters implements Footers {
  readonly #rows = new SortedRows();
  readonly #groups = new Map<GroupId, GroupRecords>();

  get count(): number {
    return this.#rows.rows.length;
  }

  /** An entry that was checked. */
  addEntry(group: GroupId, index: number, bytes: Uint8Array): void {
    let records = this.#groups.get(group);
    if (records === undefined) {
      records = { entries: new Map(), batches: new Map() };
      this.#groups.set(group, records);
    }
    const { entries, batches } = records;
    forEachBlock(bytes, (kind, from, to) => {
      if (kind !== BLOCK.records) return;
      const key = partitionKeyOf(readU32(bytes, from), readU32(bytes, from + 4));
      if (!entries.has(index)) entries.set(index, readU48(bytes, from + 8));
      view.reset(bytes, from + RECORDS_HEAD_BYTES, to);
      let offsets = batches.get(key);
      if (offsets === undefined) {
        offsets = new Map();
        batches.set(key, offsets);
      }
      offsets.set(view.baseOffset, index);
    });
  }

  addFooter(key: Uint8Array, value: Uint8Array): void {
    this.#rows.set(key, value);
  }

  footerAtOrBefore(key: Uint8Array, prefixLength: number): { readonly key: Uint8Array; readonly value: Uint8Array } | null {
    const { rows } = this.#rows;
    let at = this.#rows.lowerBound(key);
    if (at === rows.length || compareBytes(rows[at].key, key) !== 0) at -= 1;
    return at >= 0 && beginsWith(rows[at].key, key, prefixLength) ? rows[at] : null;
  }

  scanFooters(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    this.#rows.scan(prefix, visit);
  }

  /** Tells what the footers say and the entries do not. */
  check(report: (group: GroupId, what: string) => void): void {
    const groups = new Set(this.#groups.keys());
    for (const { key } of this.#rows.rows) if (key.length >= FOOTER_PREFIX_BYTES) groups.add(key[1] * 256 + key[2]);
    for (const group of groups) {
      try {
        this.#checkGroup(group, (what) => report(group, what));
      } catch (error) {
        if (!(error instanceof WireViolation)) throw error;
        report(group, `a footer cannot be read: ${error.message}`);
      }
    }
  }

  #checkGroup(group: GroupId, report: (what: string) => void): void {
    const records = this.#groups.get(group);
    const parts: [PartitionKey, number][] = [];
    readParts(this, group, (key, { first }) => parts.push([key, first]));
    for (const [key, first] of parts) {
      const offsets = records?.batches.get(key);
      let isSaid = false;
      readBatches(this, group, key, first, (base, _end, entry) => {
        isSaid = true;
        if (offsets?.get(base) === entry) return true;
        report(`a footer says that entry ${entry} has offset ${base} of partition ${key}, and it has not`);
        return false;
      });
      if (!isSaid) report(`a footer says that partition ${key} has records, and none tells where`);
    }
    const page = new EntryRows();
    if (readSpan(this, group, page) === null) return;
    // A page is asked for by what its key begins with, so that none is left out where sequences have a gap.
    for (const { key } of this.#rows.rows) {
      if (!beginsWith(key, footerPrefix(BLOCK.records, group)) || key.length !== ENTRIES_KEY_BYTES || key[3] !== ENTRIES_PAGE) continue;
      readEntries(this, group, readU48(key, ENTRIES_KEY_BYTES - 6), page);
      for (let row = 0; row < page.length; row += 1) {
        if (records?.entries.get(page.indexes[row]) === page.firsts[row]) continue;
        report(`a footer says that entry ${page.indexes[row]} begins with sequence ${page.firsts[row]}, and it does not`);
        break;
      }
    }
  }
}

/** Keys of the pages of entries, as record-footers.ts draws them. */
const ENTRIES_PAGE = 2;
const ENTRIES_KEY_BYTES = 10;
