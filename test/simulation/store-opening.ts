import type { Entry, NodeId } from '../../src/raft/messages.js';
import type { SimulatedDisk } from './simulated-disk.js';
import { fileName, firstMark, SnapshotFile, serialOf } from './snapshot-files.js';
import { decodeRecord, type SmallState } from './wal-record.js';
import { type RecoveredWal, recoverWal } from './wal-recovery.js';
import { WalWriter } from './wal-writer.js';

export interface OpenedStore {
  readonly wal: WalWriter;
  readonly state: SmallState;
  readonly entries: readonly Entry[];
  readonly files: Map<number, SnapshotFile>;
  readonly incoming: SnapshotFile | null;
  readonly serialNext: number;
  /** Files that are not needed when the log has begun anew. */
  readonly removeOld: () => void;
}

/** @throws Error if there were snapshots and none can be read. */
export function openStore(disk: SimulatedDisk, segmentBytes: number): OpenedStore {
  const logNames = logNamesOf(disk);
  const recovered = recoverWal(logNames.map((name) => ({ base: baseOf(name), bytes: disk.read(name) })));
  const serials = disk.names().flatMap((name) => serialOf(name) ?? []);
  const files = new Map<number, SnapshotFile>();
  const generations = recovered.generations.filter(({ serial, mark }) => {
    const file = serials.includes(serial) ? SnapshotFile.open(disk, serial) : null;
    const isWhole = mark.chunkCount === 0 || (file?.isWhole(mark) ?? false);
    if (isWhole && file !== null) files.set(serial, file);
    return isWhole;
  });
  if (generations.length === 0 && recovered.generations.length > 0) throw new Error('no snapshot of the store can be read');
  const incoming = openIncoming(
    disk,
    serials.filter((serial) => !recovered.generations.some((generation) => generation.serial === serial)),
  );
  if (incoming !== null) files.set(incoming.serial, incoming);
  const { state, entries } = withGenerations(recovered, generations);
  const end = Math.max(0, ...logNames.map((name) => baseOf(name) + disk.read(name).length));
  const wal = new WalWriter(disk, segmentBytes, state, end, 1 + Math.max(0, ...logNames.map(numberOf)));
  const old = [...logNames, ...serials.filter((serial) => !files.has(serial)).map(fileName)];
  const removeOld = (): void => {
    for (const name of old) disk.remove(name);
  };
  const serialLast = Math.max(0, ...serials, ...recovered.generations.map(({ serial }) => serial));
  return { wal, state, entries, files, incoming, serialNext: 1 + serialLast, removeOld };
}

/** A new node's disk. */
export function foundStore(disk: SimulatedDisk, voters: readonly NodeId[]): void {
  const mark = firstMark(voters);
  const compacted = { index: mark.index, term: mark.term };
  const hardState = { term: mark.term, vote: 0, commit: mark.index };
  const state = { hardState, lastIndex: mark.index, compacted, damagedUpTo: 0, generations: [{ serial: 1, mark }] };
  new WalWriter(disk, Number.POSITIVE_INFINITY, state, 0, 1).begin(state, []);
  disk.restart();
}

export interface Stretch {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** What may rot of the log: behind the end of it nobody could tell damage from a torn end. */
export function rottableStretches(disk: SimulatedDisk): Stretch[] {
  const names = logNamesOf(disk);
  return names.flatMap((name, at) => {
    const bytes = disk.read(name);
    const to = at === names.length - 1 ? witnessedBytes(bytes, baseOf(name)) : bytes.length;
    return to > 0 ? [{ name, from: 0, to }] : [];
  });
}

/** How much of a segment was flushed when a record in it was written. */
function witnessedBytes(bytes: Uint8Array, base: number): number {
  let witnessed = 0;
  for (let decoded = decodeRecord(bytes, 0); decoded !== null; decoded = decodeRecord(bytes, decoded.end)) {
    witnessed = Math.max(witnessed, decoded.record.flushedUpTo - base);
  }
  return Math.min(witnessed, bytes.length);
}

/**
 * The log goes on from the newest snapshot that can be read. If it does not reach back so far, or damage has cut it off before, nothing of it is of
 * use, and a leader has to send all that comes after the snapshot.
 */
function withGenerations(
  recovered: RecoveredWal,
  generations: SmallState['generations'],
): { state: SmallState; entries: readonly Entry[] } {
  const { entries, ...state } = recovered;
  const { index, term } = generations.at(0)?.mark ?? { index: 0, term: 0 };
  const hasGap = state.compacted.index > index;
  if (!hasGap && state.lastIndex >= index) return { state: { ...state, generations }, entries };
  const damagedUpTo = hasGap ? Math.max(state.damagedUpTo, state.lastIndex, state.compacted.index) : state.damagedUpTo;
  const hardState = { ...state.hardState, commit: index };
  return { state: { hardState, lastIndex: index, compacted: { index, term }, damagedUpTo, generations }, entries: [] };
}

/** The newest that is coming in; of others nothing is needed. */
function openIncoming(disk: SimulatedDisk, serials: readonly number[]): SnapshotFile | null {
  for (const serial of [...serials].reverse()) {
    const file = SnapshotFile.open(disk, serial);
    if (file !== null && file.incomingMark !== null) return file;
  }
  return null;
}

function logNamesOf(disk: SimulatedDisk): string[] {
  return disk.names().filter((name) => name.startsWith('log-'));
}

function numberOf(name: string): number {
  return Number(name.split('-')[1]);
}

function baseOf(name: string): number {
  return Number(name.split('-')[2]);
}
