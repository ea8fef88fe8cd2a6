import { statSync } from 'node:fs';
import { BrokerError } from '../../base/errors.js';
import { EXIT } from '../command-line.js';
import { askControl } from '../control-client.js';
import { inUse, lockDataDirectory } from '../data-lock.js';
import type { CheckJournal, LaneCheck } from '../ports.js';
import { JOURNAL_STATUS, type JournalStatus } from './answers.js';
import { bytesText, columns, numberText, printable } from './columns.js';
import { warnOfSilence } from './node-client.js';
import { type Call, counted, json } from './stream-verbs.js';
import { confirm } from './terminal.js';

const PROBE_MS = 1000;

export async function showJournal({ node, form, terminal }: Call<'journal-status'>): Promise<number> {
  const answer = await node.ask({ verb: 'journal-status' }, JOURNAL_STATUS);
  await terminal.out(form === 'json' ? json(answer) : statusText(answer));
  return warnOfSilence(terminal, answer) ? EXIT.failure : EXIT.ok;
}

/** Ends with 1 if something is damaged. */
export async function verifyJournal({ node, form, terminal }: Call<'journal-verify'>, journal: CheckJournal): Promise<number> {
  const checks = await withLock(node.dataPath, () => checkAll(node.dataPath, journal, false, terminal));
  await terminal.out(form === 'json' ? json({ lanes: checks }) : checksText(checks));
  return checks.some(isDamaged) || terminal.signal.aborted ? EXIT.failure : EXIT.ok;
}

/** Looks first, and asks with what it found. */
export async function repairJournal({ action, node, form, terminal }: Call<'journal-repair'>, journal: CheckJournal): Promise<number> {
  return await withLock(node.dataPath, async () => {
    const found = await checkAll(node.dataPath, journal, false, terminal);
    if (terminal.signal.aborted) return EXIT.failure;
    const damaged = new Set(
      found.flatMap(({ lane, findings }) => findings.filter((it) => it.isDamage).map(({ file }) => `${lane}/${file}`)),
    );
    if (damaged.size === 0) {
      await terminal.out(form === 'json' ? json({ lanes: found }) : `${checksText(found)}nothing to repair\n`);
      return EXIT.ok;
    }
    if (!action.isConfirmed) terminal.err(checksText(found));
    await confirm(
      terminal,
      action.isConfirmed,
      `Set ${counted(damaged.size, 'file')} aside? The broker starts without their records then.`,
    );
    const repaired = await checkAll(node.dataPath, journal, true, terminal);
    await terminal.out(form === 'json' ? json({ lanes: repaired }) : `${checksText(repaired)}${renamedText(repaired)}`);
    return terminal.signal.aborted ? EXIT.failure : EXIT.ok;
  });
}

/** No broker may have the directory, nor take it meanwhile. */
async function withLock<T>(dataPath: string, run: () => Promise<T>): Promise<T> {
  if (statSync(dataPath, { throwIfNoEntry: false }) === undefined)
    throw new BrokerError('RMQ-1005', `${dataPath}: there is no such directory`, { cure: 'Name the data_path of the broker' });
  const lock = await lockDataDirectory(dataPath);
  try {
    // In another network namespace the lock does not show.
    if ((await askControl(dataPath, { verb: 'status' }, PROBE_MS)) !== null) throw inUse(dataPath);
    return await run();
  } finally {
    lock.release();
  }
}

async function checkAll(
  dataPath: string,
  journal: CheckJournal,
  repairs: boolean,
  { err, hasProgress, signal }: Call<'journal-verify'>['terminal'],
): Promise<LaneCheck[]> {
  const checks: LaneCheck[] = [];
  const lanes = journal.lanesOnDisk(dataPath);
  for (const [at, lane] of lanes.entries()) {
    if (signal.aborted) break;
    if (hasProgress) err(`\r\x1b[Kreading ${lane} (${at + 1} of ${lanes.length})`);
    checks.push(await journal.checkLane(dataPath, lane, repairs));
  }
  if (hasProgress) err('\r\x1b[K');
  return checks;
}

function isDamaged({ findings }: LaneCheck): boolean {
  return findings.some((finding) => finding.isDamage);
}

function checksText(checks: readonly LaneCheck[]): string {
  const rows = checks.map((check) => {
    const { lane, segments, sealed, entries, bytes, findings } = check;
    const damages = findings.filter((finding) => finding.isDamage).length;
    return [lane, ...[segments, sealed, entries].map(numberText), bytesText(bytes), damages === 0 ? 'sound' : counted(damages, 'fault')];
  });
  const found = checks.flatMap(({ lane, findings }) =>
    findings.map(({ file, what, isDamage }) => `${isDamage ? 'damaged' : 'note'}  ${lane}/${file}: ${printable(what)}\n`),
  );
  return `${columns(['LANE', '>SEGMENTS', '>SEALED', '>ENTRIES', '>BYTES', 'STATE'], rows)}${found.join('')}`;
}

function renamedText(checks: readonly LaneCheck[]): string {
  return checks.flatMap(({ lane, renamed }) => renamed.map(([from, to]) => `set aside  ${lane}/${from} as ${to}\n`)).join('');
}

function statusText({ shards }: JournalStatus): string {
  const ofShards = shards.map(({ shard, state, commits, pendingBytes, corruptEntries }) => {
    return [String(shard), state, numberText(commits), bytesText(pendingBytes), numberText(corruptEntries)];
  });
  const ofLanes = shards.flatMap(({ shard, lanes }) =>
    lanes.map(({ lane, groups, segments, sealed, quarantined, bytes, freeBytes, segmentsRemoved }) => [
      ...[String(shard), lane < 0 ? 'memory' : String(lane), String(groups.length)],
      ...[segments, sealed, quarantined].map(numberText),
      ...[bytesText(bytes), freeBytes === null ? '-' : bytesText(freeBytes), numberText(segmentsRemoved)],
    ]),
  );
  const lanes = columns(['>SHARD', 'LANE', '>GROUPS', '>SEGMENTS', '>SEALED', '>SET ASIDE', '>BYTES', '>FREE', '>REMOVED'], ofLanes);
  return `${columns(['>SHARD', 'STATE', '>COMMITS', '>PENDING', '>CORRUPT'], ofShards)}\n${lanes}`;
}
