import type { SegmentId } from '../storage/ports.js';
import type { CommitNumber, GroupId } from './ports.js';

/*
  A group's entry is a row of blocks. Who writes blocks of a kind also reads them again: a keeper.

    lane -- one store, one active segment, one flush for all its groups
      group 0   entry 1 | entry 2 | ...      keepers: records, indexes, tables
      group 1   entry 1 | entry 2 | ...

  The lane drives them: `collect` while a commit is closed, `onDurable` or `onLost` when its flush is over, `replay` at the start for entries
  that no checkpoint covers, `footersOf` when a segment is sealed, `loadFooters` at the start for each sealed segment.
*/

/** First byte of every block. Numbers are for ever. */
export const BLOCK = { records: 1, index: 2, table: 3 } as const;
export type BlockKind = (typeof BLOCK)[keyof typeof BLOCK];

/** Where a block is: its entry. Blocks of an entry are found again by walking over their heads. */
export interface EntryPlace {
  readonly segment: SegmentId;
  readonly group: GroupId;
  /** Of the entry in its group. */
  readonly index: number;
}

/** Appends blocks to the entry that is being built. */
export interface BlockSink {
  readonly place: EntryPlace;
  /** Makes room for a block whose body is `length` bytes. @returns where in `bytes` the body begins. */
  begin(kind: BlockKind, length: number): number;
  /** The entry's memory as of the last `begin`; its body must be filled before the next call. */
  readonly bytes: Uint8Array;
}

export type FooterRow = readonly [key: Uint8Array, value: Uint8Array];

export interface BlockKeeper {
  readonly kind: BlockKind;
  /** True if `collect` would write something. */
  readonly isDirty: boolean;
  /** Writes what the closing commit has for this group. Sequences are known by now. Records come first, then indexes, then tables. */
  collect(sink: BlockSink, commit: CommitNumber): void;
  /** The entry at `place` that `collect` wrote into is durable. */
  onDurable(commit: CommitNumber, place: EntryPlace): void;
  /** The entry does not exist: whatever must not be lost goes into the next one. */
  onLost(commit: CommitNumber): void;
  /** Start: a block of a durable entry, in the order of the log. `bytes` is valid during the call. */
  replay(place: EntryPlace, bytes: Uint8Array, from: number, to: number): void;
  /** The segment is sealed now: rows that make `replay` of it unnecessary. Keys begin with `footerPrefix(kind, group)`. */
  footersOf(segment: SegmentId): FooterRow[];
  /** The footers are durable (or were found at the start): what they hold need not stay in memory. */
  onSealed(segment: SegmentId): void;
  /** The segment is gone. */
  onRemoved(segment: SegmentId): void;
}

export const FOOTER_PREFIX_BYTES = 3;

/** Footer keys begin alike: kind u8 | group u16, big-endian. */
export function footerPrefix(kind: BlockKind, group: GroupId, length: number = FOOTER_PREFIX_BYTES): Uint8Array {
  const key = new Uint8Array(length);
  key[0] = kind;
  key[1] = group >>> 8;
  key[2] = group & 0xff;
  return key;
}
