import type { SegmentEntry, SegmentId, SegmentStore, StateTableStore, StoreDone, WritableSegment } from '../../storage/ports.js';
import { BLOCK, type FooterRow, footerPrefix } from '../keeper.js';
import type { GroupId, PartitionKey } from '../ports.js';
import { BatchRows, type SealedPart } from './batch-rows.js';
import { checkEntry, firstSequenceOf, spanOf } from './entry.js';
import { EntryRows } from './entry-rows.js';
import type { Group } from './group.js';
import { batchFooters, entryFooters, partFooters } from './record-footers.js';
import { type KeptBatch, rewriteEntry, type Sieve } from './rewritten-entry.js';
import type { Segments } from './segments.js';

/*
  A sealed segment once more, under a new number, with what is left of it:

    note in the table: from, to | entries, in portions | footers, and sealed | the old one is replaced in memory, and removed | note deleted

  A process that ends within finds the note: if `to` is sealed it has everything, and `from` goes; else `to` goes.
*/
const NOTE_KEY: Uint8Array = Buffer.from('rewrite');
const NOTE_BYTES = 16;
/** Between two pauses. */
const PORTION_BYTES = 256 * 1024;
const PORTION_ENTRIES = 256;

export interface RewriteTools {
  readonly store: SegmentStore;
  readonly segments: Segments;
  readonly groups: readonly Group[];
  /** Awaited between portions: others have their turns. */
  readonly pause: () => Promise<void>;
}

/** What is left of one group. */
interface Kept {
  readonly group: Group;
  readonly entries: EntryRows;
  readonly parts: Map<PartitionKey, BatchRows>;
}

/** The start: ends what an earlier process was at. Before anything of the lane is read. @throws StoreError. */
export function finishRewrite(store: SegmentStore): void {
  const note = store.table.get(NOTE_KEY);
  if (note === null) return;
  const view = new DataView(note.buffer, note.byteOffset, note.length);
  const [from, to] = [view.getFloat64(0), view.getFloat64(8)];
  const find = (id: SegmentId) => store.list().find((it) => it.id === id && !it.isQuarantined);
  const goes = find(to)?.isSealed === true ? from : to;
  if (find(goes) !== undefined) store.remove(goes);
  store.table.apply([{ key: NOTE_KEY, value: null }], () => {}); // If that is lost, the next start finds nothing to remove.
}

/**
 * Writes the segment again. @returns the number of the new one, which the journal uses from now on; null if it could not be read or written: all
 * is as it was. Errors of the store fail the lane by themselves.
 */
export async function rewriteSegment(tools: RewriteTools, from: SegmentId, to: SegmentId, sieve: Sieve): Promise<SegmentId | null> {
  const { store, segments, groups } = tools;
  const byId = new Map<GroupId, Kept>(groups.map((group) => [group.id, { group, entries: new EntryRows(), parts: new Map() }]));
  if (!(await applied(store.table, noteOf(from, to)))) return null;
  const target = store.create(to);
  const isCopied = (await copyEntries(tools, from, target, byId, sieve)) && (await isSealed(target, footersOf(segments, from, to, byId)));
  if (!isCopied) {
    target.close();
    store.remove(to);
    await applied(store.table, null);
    return null;
  }
  target.close();
  for (const kept of byId.values()) replace(kept, from, to);
  segments.remove(from);
  await applied(store.table, null);
  return to;
}

async function copyEntries(
  { segments, pause }: RewriteTools,
  from: SegmentId,
  target: WritableSegment,
  byId: ReadonlyMap<GroupId, Kept>,
  sieve: Sieve,
): Promise<boolean> {
  let [group, index] = [0, 0];
  for (;;) {
    const portion: SegmentEntry[] = [];
    let bytes = 0;
    let seen = 0;
    const isWhole = segments.guarded(
      from,
      group,
      () => {
        let isFine = true;
        segments.reader(from).scan(
          (entryGroup, entryIndex, entry) => {
            const kept = byId.get(entryGroup);
            if (kept === undefined || checkEntry(entry, entryGroup, entryIndex) !== null) isFine = false;
            else {
              const fresh = keepEntry(kept, entryIndex, entry, sieve);
              if (fresh !== null) portion.push({ group: entryGroup, index: entryIndex, bytes: fresh });
            }
            bytes += entry.length;
            [group, index] = [entryGroup, entryIndex + 1];
            seen += 1;
            return isFine && seen < PORTION_ENTRIES && bytes < PORTION_BYTES;
          },
          group,
          index,
        );
        return isFine;
      },
      false,
    );
    if (!isWhole) return false;
    if (portion.length > 0 && !(await answered((done) => target.append(portion, done)))) return false;
    if (seen === 0) return true;
    await pause();
  }
}

function keepEntry(kept: Kept, index: number, bytes: Uint8Array, sieve: Sieve): Uint8Array | null {
  const { group, entries, parts } = kept;
  const fresh = rewriteEntry(bytes, group.id, index, sieve, (batch: KeptBatch) => {
    let rows = parts.get(batch.key);
    if (rows === undefined) {
      rows = new BatchRows(0);
      parts.set(batch.key, rows);
    }
    rows.add(batch.baseOffset, batch.end, index, batch.maxTimestamp, batch.records, batch.bytes);
  });
  if (fresh === null) return null;
  const first = firstSequenceOf(bytes);
  entries.add(index, first, first + spanOf(bytes));
  return fresh;
}

function footersOf(segments: Segments, from: SegmentId, to: SegmentId, byId: ReadonlyMap<GroupId, Kept>): FooterRow[] | null {
  const rows: FooterRow[] = [];
  for (const { group, entries, parts } of byId.values()) {
    const sorted = [...parts].sort(([a], [b]) => a - b);
    for (const [, batches] of sorted) batches.segment = to;
    partFooters(
      group.id,
      sorted.map(([key, batches]): [PartitionKey, SealedPart] => [key, batches.summary()]),
      rows,
    );
    batchFooters(group.id, sorted, rows);
    entryFooters(group.id, entries, rows);
    // What the indexes have of the segment stays: sequences that are gone are passed over by who reads them.
    const isRead = segments.guarded(
      from,
      group.id,
      () => {
        segments.reader(from).scanFooters(footerPrefix(BLOCK.index, group.id), (key, value) => rows.push([key.slice(), value.slice()]) > 0);
        return true;
      },
      false,
    );
    if (!isRead) return null;
  }
  return rows;
}

async function isSealed(target: WritableSegment, footers: FooterRow[] | null): Promise<boolean> {
  return footers !== null && (await answered((done) => target.seal(footers, done)));
}

/** From now on the journal reads the new segment. */
function replace({ group, parts, entries }: Kept, from: SegmentId, to: SegmentId): void {
  for (const partition of group.partitions()) {
    if (!partition.sealed.some(({ segment }) => segment === from)) continue;
    const rows = parts.get(partition.key);
    partition.replaceSealed(from, rows === undefined || rows.end <= partition.logStart ? null : rows.summary());
  }
  group.records.onReplaced(from, to, entries.length > 0);
  group.indexes.onReplaced(from, to);
}

function noteOf(from: SegmentId, to: SegmentId): Uint8Array {
  const note = new Uint8Array(NOTE_BYTES);
  const view = new DataView(note.buffer);
  view.setFloat64(0, from);
  view.setFloat64(8, to);
  return note;
}

function applied(table: StateTableStore, value: Uint8Array | null): Promise<boolean> {
  return answered((done) => table.apply([{ key: NOTE_KEY, value }], done));
}

function answered(ask: (done: StoreDone) => void): Promise<boolean> {
  return new Promise((resolve) => ask((error) => resolve(error === null)));
}
