import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import { type Finding, isDamage, type LaneVerdict } from '../journal/verify/findings.js';
import { repairLane } from '../journal/verify/repair-lane.js';
import { verifyLane } from '../journal/verify/verify-lane.js';

/** What was found in one lane's directory; plain data. */
export interface LaneCheck {
  readonly lane: string;
  readonly segments: number;
  readonly sealed: number;
  readonly entries: number;
  readonly bytes: number;
  readonly findings: readonly (Finding & { readonly isDamage: boolean })[];
  /** Files that were set aside, and their new names. */
  readonly renamed: readonly (readonly [from: string, to: string])[];
}

const LANE = /^lane-(\d+)$/;

/** The lanes of a data directory, in order. @throws BrokerError RMQ-1018. */
export function lanesOnDisk(dataPath: string): string[] {
  const path = join(dataPath, 'journal');
  try {
    const names = readdirSync(path).filter((name) => LANE.test(name));
    return names.sort((a, b) => Number(LANE.exec(a)?.[1]) - Number(LANE.exec(b)?.[1]));
  } catch (error) {
    throw new BrokerError('RMQ-1018', `at ${path}: ${systemCodeOf(error)}`, { cause: error, cure: 'Name the data_path of the broker' });
  }
}

/** Reads all of a lane, and if `repairs` sets aside what is damaged. The caller has the lock of the directory. @throws BrokerError RMQ-1018. */
export async function checkLane(dataPath: string, lane: string, repairs: boolean): Promise<LaneCheck> {
  const directory = join(dataPath, 'journal', lane);
  const findings: (Finding & { isDamage: boolean })[] = [];
  const report = (finding: Finding): void => {
    findings.push({ ...finding, isDamage: isDamage(finding) });
  };
  try {
    if (!repairs) return checkOf(lane, await verifyLane(directory, report), findings, []);
    const { verdict, renamed } = await repairLane(directory, report);
    return checkOf(lane, verdict, findings, [...renamed]);
  } catch (error) {
    if (systemCodeOf(error) === '') throw error;
    throw new BrokerError('RMQ-1018', `at ${directory}: ${systemCodeOf(error)}`, { cause: error });
  }
}

function checkOf(
  lane: string,
  { segments, sealed, entries, bytes }: LaneVerdict,
  findings: LaneCheck['findings'],
  renamed: LaneCheck['renamed'],
): LaneCheck {
  return { lane, segments, sealed, entries, bytes, findings, renamed };
}
