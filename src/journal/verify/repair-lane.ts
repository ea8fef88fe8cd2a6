import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, SystemClock } from '../../base/clock.js';
import { quarantineName, quarantineTableName } from '../../storage/lmdb/names.js';
import type { LaneVerdict, Report } from './findings.js';
import { verifyLane } from './verify-lane.js';

export interface LaneRepair {
  readonly verdict: LaneVerdict;
  /** Files that were set aside, by their old name, and their new one. */
  readonly renamed: ReadonlyMap<string, string>;
}

/**
 * Sets aside what `verifyLane` finds damaged: the file gets a name that says why, and nothing is deleted. The next start goes on without it; the
 * records of a segment are missing then. Without its table a lane reads changes of tables again from the segments that are still there.
 */
export async function repairLane(directory: string, report: Report, clock: Clock = new SystemClock()): Promise<LaneRepair> {
  const verdict = await verifyLane(directory, report);
  const renamed = new Map<string, string>();
  for (const [file, { segment, what }] of verdict.damaged) {
    const name = segment === 0 ? quarantineTableName(what, clock.nowMs()) : quarantineName(segment, what, clock.nowMs());
    renameSync(join(directory, file), join(directory, name));
    rmSync(join(directory, `${file}-lock`), { force: true }); // Of LMDB, about processes that have the file open: no data.
    renamed.set(file, name);
  }
  return { verdict, renamed };
}
