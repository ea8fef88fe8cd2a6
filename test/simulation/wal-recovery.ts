import { EMPTY_HARD_STATE, type Entry } from '../../src/raft/messages.js';
import { decodeRecord, nextMagic, type SmallState, type WalRecord } from './wal-record.js';

export interface WalSegment {
  /** Place of its first byte in the whole log. */
  readonly base: number;
  readonly bytes: Uint8Array;
}

export interface RecoveredWal extends SmallState {
  /** From the entry after `compacted` on, without a gap. */
  readonly entries: readonly Entry[];
}

interface Found {
  readonly record: WalRecord;
  /** Something before it cannot be read, and was flushed. */
  readonly isAfterDamage: boolean;
}

const NOTHING: SmallState = {
  hardState: EMPTY_HARD_STATE,
  lastIndex: 0,
  compacted: { index: 0, term: 0 },
  damagedUpTo: 0,
  generations: [],
};

/*
  Reads the records of the log, oldest segment first.

      a b c ? d e      d was written when ? was flushed already: damage. Of the entries in a, b, c those that were committed by then stay: others may
                       have been replaced in ?, and to take them for what was acknowledged would be worse than to lose them. Entries up to the
                       last index that any record tells were there once. The small state is that of e.
      a b c ? d e      d and e were written when ? was not flushed: the torn end of a log. Nothing from ? on was acknowledged, and it goes.
*/
export function recoverWal(segments: readonly WalSegment[]): RecoveredWal {
  const found = readRecords(segments);
  if (found.length === 0) return { ...NOTHING, entries: [] };
  const final = found[found.length - 1].record;
  const begin = Math.max(
    0,
    found.findLastIndex(({ record }) => record.isAdopting),
  );
  const { compacted, generations, hardState } = final;
  let entries: Entry[] = [];
  let isWhole = true;
  let damagedUpTo = final.damagedUpTo;
  let commitBeforeDamage = hardState.commit;
  for (let i = begin; i < found.length; i += 1) {
    const { record, isAfterDamage } = found[i];
    // Damage before a log that begins anew, or in what is compacted since, has cost nothing.
    if (isAfterDamage && !record.isAdopting && record.lastIndex > compacted.index) {
      const before = i === begin ? null : found[i - 1].record;
      if (isWhole) commitBeforeDamage = before?.hardState.commit ?? compacted.index;
      if (isWhole) damagedUpTo = Math.max(damagedUpTo, before?.lastIndex ?? 0);
      isWhole = false;
    }
    if (!isWhole) damagedUpTo = Math.max(damagedUpTo, record.lastIndex);
    else entries = replaced(entries, record.entries, compacted.index);
  }
  if (isWhole) return { ...final, entries: entries.filter(({ index }) => index <= final.lastIndex) };
  entries = entries[0]?.index === compacted.index + 1 ? entries.filter(({ index }) => index <= commitBeforeDamage) : [];
  const lastIndex = compacted.index + entries.length;
  const commit = Math.max(compacted.index, Math.min(commitBeforeDamage, lastIndex));
  return { hardState: { ...hardState, commit }, lastIndex, compacted, damagedUpTo, generations, entries };
}

/** `news` take the place of all from the index of the first of them on. */
function replaced(entries: readonly Entry[], news: readonly Entry[], compactedIndex: number): Entry[] {
  if (news.length === 0) return [...entries];
  const from = news[0].index;
  return [...entries.filter(({ index }) => index < from), ...news.filter(({ index }) => index > compactedIndex)];
}

function readRecords(segments: readonly WalSegment[]): Found[] {
  const found: Found[] = [];
  let expected = segments.length > 0 ? segments[0].base : 0;
  /** Where the first thing stands that cannot be read and nobody has accounted for; -1: nowhere. */
  let badAt = -1;
  for (const { base, bytes } of segments) {
    if (base !== expected && badAt < 0) badAt = expected;
    for (let at = 0; at < bytes.length; ) {
      const decoded = decodeRecord(bytes, at);
      if (decoded === null) {
        if (badAt < 0) badAt = base + at;
        at = nextMagic(bytes, at + 1);
        continue;
      }
      const { record } = decoded;
      at = decoded.end;
      const isAfterDamage = badAt >= 0 && record.flushedUpTo > badAt;
      if (badAt >= 0 && !isAfterDamage) continue; // Behind a torn place.
      found.push({ record, isAfterDamage });
      badAt = -1;
    }
    expected = base + bytes.length;
  }
  return found;
}
