import { contentOf } from '../../storage/lmdb/checked-value.js';
import { LmdbFile } from '../../storage/lmdb/file-check.js';
import { groupOf, indexOf, isEntryKey, isFooterKey } from '../../storage/lmdb/keys.js';
import { StoreError } from '../../storage/ports.js';
import { checkEntry } from '../log/entry.js';
import type { GroupId } from '../ports.js';
import type { Finding } from './findings.js';
import { SealedFooters } from './sealed-footers.js';

/** Indexes of a group that follow each other in one segment. */
export interface IndexRun {
  readonly group: GroupId;
  readonly first: number;
  last: number;
}

export interface SegmentContent {
  readonly isSealed: boolean;
  readonly entries: number;
  readonly footers: number;
  /** In order of group and index. */
  readonly runs: readonly IndexRun[];
}

export type SegmentReport = (finding: Pick<Finding, 'kind' | 'what' | 'group' | 'index'>) => void;

/**
 * Reads every page, entry and footer of a segment file, without mapping it and without writing beside it. Null: its pages cannot be trusted,
 * and what is on them was not all read.
 */
export function readSegmentFile(path: string, report: SegmentReport): SegmentContent | null {
  try {
    const file = new LmdbFile(path, 'segment');
    try {
      file.check();
      return readContent(file, report);
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    report({ kind: 'file', what: error.message });
    return null;
  }
}

function readContent(file: LmdbFile, report: SegmentReport): SegmentContent {
  const footers = new SealedFooters();
  const runs: IndexRun[] = [];
  let entries = 0;
  let isSealed = false;
  file.walk((node) => {
    const { key } = node;
    if (isEntryKey(key)) {
      const group = groupOf(key);
      const index = indexOf(key);
      const bytes = node.value();
      const problem = checkEntry(bytes, group, index);
      if (problem === null) footers.addEntry(group, index, bytes);
      else report({ kind: 'entry', group, index, what: `an entry is not what was written: ${problem}` });
      extend(runs, group, index);
      entries += 1;
    } else if (isFooterKey(key)) footers.addFooter(new Uint8Array(key.subarray(1)), contentOf(node.value()));
    else isSealed = true;
    return true;
  });
  if (isSealed) footers.check((group, what) => report({ kind: 'footer', group, what }));
  else if (footers.count > 0) report({ kind: 'file', what: 'it has footers, and no mark that it is sealed' });
  return { isSealed, entries, footers: footers.count, runs };
}

function extend(runs: IndexRun[], group: GroupId, index: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.group === group && last.last === index - 1) last.last = index;
  else runs.push({ group, first: index, last: index });
}
