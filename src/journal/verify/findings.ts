import type { SegmentId } from '../../storage/ports.js';
import type { GroupId } from '../ports.js';

/**
 * file: LMDB's own pages, or a footer or row of the table. entry: its checksum or its form. footer: it tells of something that is not there.
 * sum: bytes of a sealed file differ from what was sealed. The rest is no damage by itself. unsummed: sealed, and its sums were not stored yet.
 * gap: indexes of a group that are in no segment; a full disk, a removed segment and one that was set aside leave some. again: the same
 * index in two segments, as after one was set aside. quarantine: a file that was set aside before. no-table: the table is not there.
 */
export type FindingKind = 'file' | 'entry' | 'footer' | 'sum' | 'unsummed' | 'gap' | 'again' | 'quarantine' | 'no-table';

const DAMAGE: ReadonlySet<FindingKind> = new Set<FindingKind>(['file', 'entry', 'footer', 'sum']);

export interface Finding {
  readonly kind: FindingKind;
  /** Name in the lane's directory. */
  readonly file: string;
  /** 0: it is no segment. */
  readonly segment: SegmentId;
  readonly group?: GroupId;
  /** Of an entry. */
  readonly index?: number;
  /** A sentence, without full stop. */
  readonly what: string;
}

export type Report = (finding: Finding) => void;

export function isDamage({ kind }: Finding): boolean {
  return DAMAGE.has(kind);
}

export interface LaneVerdict {
  readonly segments: number;
  readonly sealed: number;
  readonly entries: number;
  readonly footers: number;
  readonly bytes: number;
  /** Damaged files, by name, each with what was found in it first. */
  readonly damaged: ReadonlyMap<string, Finding>;
}
