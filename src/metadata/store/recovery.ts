import type { SnapshotMark } from '../../raft/driver/ports.js';
import { EMPTY_HARD_STATE, type Entry, type HardState, type LogIndex } from '../../raft/messages.js';
import { type StateTableStore, StoreError, type TableChange } from '../../storage/ports.js';
import type { Compacted } from './log-tail.js';
import { decodeEntryRow, decodeState, encodeNumbers, ROW, readU48, rowKey } from './rows.js';

export interface RecoveredLog {
  readonly hardState: HardState;
  readonly compacted: Compacted;
  readonly entries: readonly Entry[];
  readonly damagedUpTo: LogIndex;
  /** What has to be written before anything else. */
  readonly repairs: readonly TableChange[];
}

/*
  Reads the log. A row that is not what was written is damage, not the torn end of a write: LMDB's transactions have no torn end. So what was there
  once was acknowledged, and to cut it off silently could lose what a majority relies on (Protocol-Aware Recovery, FAST '18).

    entries   1 2 3 4 x 6 7
              ^^^^^^^ kept    damagedUpTo = 7: the node votes again when a leader has brought it so far
*/
export function recoverLog(table: StateTableStore, snapshot: SnapshotMark | null): RecoveredLog {
  const compactedRow = table.get(rowKey(ROW.compacted, 0, 0));
  const compacted = compactedRow === null ? { index: 0, term: 0 } : { index: readU48(compactedRow, 0), term: readU48(compactedRow, 6) };
  const damageRow = table.get(rowKey(ROW.damage, 0, 0));
  let damagedUpTo = damageRow === null ? 0 : readU48(damageRow, 0);
  const entries: Entry[] = [];
  const repairs: TableChange[] = [];
  let index = compacted.index + 1;
  for (let entry = readEntry(table, index); entry !== null; index += 1, entry = readEntry(table, index)) {
    if (entry === 'damaged') break;
    entries.push(entry);
  }
  let last = index - 1;
  for (let found = readEntry(table, last + 1); found !== null; found = readEntry(table, last + 1)) {
    last += 1;
    repairs.push({ key: rowKey(ROW.entry, 0, last), value: null });
  }
  const isDamaged = last >= index;
  if (isDamaged) damagedUpTo = Math.max(damagedUpTo, last);
  const snapshotIndex = snapshot?.index ?? 0;
  const hasGap = compacted.index > snapshotIndex;
  if (hasGap) damagedUpTo = Math.max(damagedUpTo, last, compacted.index);
  const beginsAnew = hasGap || (isDamaged && index - 1 < snapshotIndex);
  if (damagedUpTo > 0) repairs.push({ key: rowKey(ROW.damage, 0, 0), value: encodeNumbers(damagedUpTo) });
  if (!beginsAnew) return { hardState: readState(table), compacted, entries, damagedUpTo, repairs };
  // Either the newest snapshot is damaged, and the log does not reach back to the one before it. Or what is left of the log does not reach up to
  // the snapshot, which the state machine begins with. A leader has to send all that comes after it.
  for (const entry of entries) repairs.push({ key: rowKey(ROW.entry, 0, entry.index), value: null });
  const restart = { index: snapshot?.index ?? 0, term: snapshot?.term ?? 0 };
  repairs.push({ key: rowKey(ROW.compacted, 0, 0), value: encodeNumbers(restart.index, restart.term) });
  const hardState = readState(table);
  return { hardState: { ...hardState, commit: restart.index }, compacted: restart, entries: [], damagedUpTo, repairs };
}

function readState(table: StateTableStore): HardState {
  const row = table.get(rowKey(ROW.state, 0, 0));
  if (row === null) return EMPTY_HARD_STATE;
  const state = decodeState(row);
  if (state === null) throw new StoreError('corrupt', 'the hard state of the metadata log is of another version');
  return state;
}

function readEntry(table: StateTableStore, index: LogIndex): Entry | 'damaged' | null {
  try {
    const row = table.get(rowKey(ROW.entry, 0, index));
    return row === null ? null : (decodeEntryRow(index, row) ?? 'damaged');
  } catch (error) {
    if (error instanceof StoreError && error.fault === 'corrupt') return 'damaged';
    throw error;
  }
}
