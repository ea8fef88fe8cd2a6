import type { Logger } from '../../base/logger.js';
import { type SegmentId, type SegmentStore, StoreError, type WritableSegment } from '../../storage/ports.js';
import { WireViolation } from '../../wire/violation.js';
import { checkEntry } from './entry.js';
import type { Group } from './group.js';
import type { Segments } from './segments.js';

/** Indexes, sequences and offsets that are left out where entries cannot be read: more than a segment has of any. */
const LOST_SPAN = 2 ** 28;

/**
 * The start of a lane: footers of sealed segments, and entry by entry what no segment has sealed yet. What
 * is corrupt is reported, set aside and never deleted.
 * @returns the segments that are not sealed, in order. @throws StoreError.
 */
export function recover(store: SegmentStore, segments: Segments, groups: readonly Group[], log: Logger): WritableSegment[] {
  const byId = new Map(groups.map((group) => [group.id, group]));
  const damaged = new Set<Group>();
  const unsealed: WritableSegment[] = [];
  for (const { id, isSealed, isQuarantined } of store.list()) {
    if (isQuarantined) continue;
    try {
      if (isSealed) loadSealed(id, segments, groups);
      else {
        const segment = store.reopen(id);
        replay(segment, segments, byId, damaged);
        unsealed.push(segment);
      }
    } catch (error) {
      if (!(error instanceof WireViolation) && !(error instanceof StoreError && error.fault === 'corrupt')) throw error;
      log.error('journal.segment-corrupt', 'a segment of the journal cannot be read: it is set aside, and its records are missing', {
        code: 'RMQ-1021',
        segment: id,
        why: error.message,
      });
      segments.corruptEntries += 1;
      store.quarantine(id, error.message);
    }
  }
  const wasAnySetAside = store.list().some(({ isQuarantined }) => isQuarantined);
  for (const group of groups) group.onReplayed(wasAnySetAside || damaged.has(group) ? LOST_SPAN : 0);
  return unsealed;
}

function loadSealed(id: SegmentId, segments: Segments, groups: readonly Group[]): void {
  const segment = segments.reader(id);
  for (const group of groups) {
    group.records.loadSealed(id);
    group.indexes.onSealed(id);
    const last = segment.lastIndexOf(group.id);
    group.nextIndex = Math.max(group.nextIndex, last + 1);
    if (last <= group.tables.position) continue;
    segment.scan(
      (entryGroup, index, bytes) => {
        if (entryGroup !== group.id) return false;
        const why = checkEntry(bytes, entryGroup, index);
        if (why !== null) segments.report(id, entryGroup, index, why);
        else group.replayTables({ segment: id, group: entryGroup, index }, bytes);
        return true;
      },
      group.id,
      group.tables.position + 1,
    );
  }
}

function replay(segment: WritableSegment, segments: Segments, groups: ReadonlyMap<number, Group>, damaged: Set<Group>): void {
  segment.scan((groupId, index, bytes) => {
    const group = groups.get(groupId);
    if (group === undefined) return true;
    const why = checkEntry(bytes, groupId, index);
    if (why === null) group.replay({ segment: segment.id, group: groupId, index }, bytes);
    else {
      segments.report(segment.id, groupId, index, why);
      group.nextIndex = Math.max(group.nextIndex, index + 1);
      damaged.add(group);
    }
    return true;
  });
}
