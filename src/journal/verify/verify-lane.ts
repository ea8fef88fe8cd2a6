import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf } from '../../storage/lmdb/checked-value.js';
import { LmdbFile } from '../../storage/lmdb/file-check.js';
import { decodeSums, differenceOf, type FileSums, sumFile } from '../../storage/lmdb/file-sums.js';
import { segmentOfSums } from '../../storage/lmdb/keys.js';
import { QUARANTINE_FILE, SEGMENT_FILE, TABLE_FILE } from '../../storage/lmdb/names.js';
import { type SegmentId, StoreError } from '../../storage/ports.js';
import type { GroupId } from '../ports.js';
import { type Finding, isDamage, type LaneVerdict, type Report } from './findings.js';
import { type IndexRun, readSegmentFile } from './segment-file.js';

/**
 * Reads everything in a lane's directory and reports what is not as it was written. Nothing is written, nothing is mapped. The server must not run:
 * a file that is written meanwhile looks damaged.
 */
export async function verifyLane(directory: string, report: Report): Promise<LaneVerdict> {
  const damaged = new Map<string, Finding>();
  const tell = (finding: Finding): void => {
    if (isDamage(finding) && !damaged.has(finding.file)) damaged.set(finding.file, finding);
    report(finding);
  };
  const names = readdirSync(directory).sort();
  for (const file of names) {
    const set = QUARANTINE_FILE.exec(file);
    if (set !== null) tell({ kind: 'quarantine', file, segment: Number(set[1]), what: 'was set aside before; its records are missing' });
  }
  const sums = readSums(directory, tell);
  const order = new IndexOrder();
  let [segments, sealed, entries, footers, bytes] = [0, 0, 0, 0, 0];
  for (const [id, file] of segmentsOf(names)) {
    const path = join(directory, file);
    const content = readSegmentFile(path, (finding) => tell({ ...finding, file, segment: id }));
    segments += 1;
    bytes += statSync(path).size;
    // A mark that was hit does not hide that the file was sealed: then it has sums.
    if (content?.isSealed === true || sums.has(id))
      await compare(path, sums.get(id), (kind, what) => tell({ kind, file, segment: id, what }));
    if (content === null) continue;
    entries += content.entries;
    footers += content.footers;
    if (content.isSealed) sealed += 1;
    for (const run of content.runs)
      order.add(run, (kind, what) => tell({ kind, file, segment: id, group: run.group, index: run.first, what }));
  }
  return { segments, sealed, entries, footers, bytes, damaged };
}

/** Segments by number, and their files. */
function segmentsOf(names: readonly string[]): [SegmentId, string][] {
  return names
    .flatMap((name): [SegmentId, string][] => {
      const match = SEGMENT_FILE.exec(name);
      return match === null ? [] : [[Number(match[1]), name]];
    })
    .sort(([a], [b]) => a - b);
}

/** Checks the table, and takes the sums of sealed segments from it. */
function readSums(directory: string, report: Report): Map<SegmentId, FileSums> {
  const sums = new Map<SegmentId, FileSums>();
  const place = { file: TABLE_FILE, segment: 0 };
  const path = join(directory, TABLE_FILE);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    report({ ...place, kind: 'no-table', what: 'is not there: the checkpoints of tables and the sums of sealed segments are missing' });
    return sums;
  }
  try {
    const file = new LmdbFile(path, 'table');
    try {
      file.check();
      file.walk((node) => {
        const id = segmentOfSums(node.key);
        const decoded = id === 0 ? null : decodeSums(contentOf(node.value()));
        if (decoded !== null) sums.set(id, decoded);
        return true;
      });
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    report({ ...place, kind: 'file', what: error.message });
  }
  return sums;
}

async function compare(
  path: string,
  stored: FileSums | undefined,
  report: (kind: 'sum' | 'unsummed', what: string) => void,
): Promise<void> {
  if (stored === undefined) {
    report('unsummed', 'is sealed and has no sums: entries and footers were checked, unused bytes of pages were not');
    return;
  }
  const found = await sumFile(path);
  const difference = found === null ? null : differenceOf(stored, found);
  if (difference !== null) report('sum', difference);
}

/** Where each group is, over all segments. */
class IndexOrder {
  readonly #last = new Map<GroupId, number>();

  add({ group, first, last }: IndexRun, report: (kind: 'gap' | 'again', what: string) => void): void {
    const before = this.#last.get(group);
    // Segments before the first that is there have expired.
    if (before !== undefined && first > before + 1) report('gap', `entries ${before + 1} to ${first - 1} of group ${group} are not there`);
    if (before !== undefined && first <= before) report('again', `entry ${first} of group ${group} comes again after entry ${before}`);
    this.#last.set(group, Math.max(before ?? 0, last));
  }
}
