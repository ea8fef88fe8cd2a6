import { assert } from '../../base/assert.js';
import type { Entry, HardState, LogIndex } from '../../raft/messages.js';

/*
  Rows of the metadata store's table (data_path/metadata/table.mdb). The table checks each row by its CRC-32C when it is read. Integers are
  big-endian.

    key          kind u8 | slot u8 | number u48

    kind         slot   number   value
    1 state      0      0        version u8 | term u48 | vote u48 | commit u48
    2 entry      0      index    term u48 | type u8 | data
    3 compacted  0      0        index u48 | term u48            the entry before the first
    4 mark       0..3   0        use u8 | serial u48 | mark      driver/snapshot-mark.ts
    5 chunk      0..3   number   bytes of a snapshot
    6 damage     0      0        index u48                       entries up to it were there once
    7 identity   0      0        JSON                            identity.ts; written once
*/

export const ROW = { state: 1, entry: 2, compacted: 3, mark: 4, chunk: 5, damage: 6, identity: 7 } as const;
export type RowKind = (typeof ROW)[keyof typeof ROW];

/** Room for two generations of snapshots, one that is written here, and one that comes from a leader. */
export const SLOT_COUNT = 4;

const KEY_BYTES = 8;
const STATE_VERSION = 1;
const STATE_BYTES = 1 + 3 * 6;
const ENTRY_HEAD_BYTES = 7;
const ENTRY_TYPES = ['normal', 'configuration'] as const;

export function rowKey(kind: RowKind, slot: number, number: number): Uint8Array {
  assert(number >= 0 && number < 2 ** 48, 'a number of a row is a u48');
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key[0] = kind;
  key[1] = slot;
  key.writeUIntBE(number, 2, 6);
  return key;
}

export function encodeState({ term, vote, commit }: HardState): Uint8Array {
  const value = Buffer.allocUnsafe(STATE_BYTES);
  value[0] = STATE_VERSION;
  value.writeUIntBE(term, 1, 6);
  value.writeUIntBE(vote, 7, 6);
  value.writeUIntBE(commit, 13, 6);
  return value;
}

/** @returns null if the row is of another version. */
export function decodeState(value: Uint8Array): HardState | null {
  if (value.length !== STATE_BYTES || value[0] !== STATE_VERSION) return null;
  return { term: readU48(value, 1), vote: readU48(value, 7), commit: readU48(value, 13) };
}

export function encodeEntryRow(entry: Entry): Uint8Array {
  const value = Buffer.allocUnsafe(ENTRY_HEAD_BYTES + entry.data.length);
  value.writeUIntBE(entry.term, 0, 6);
  value[6] = entry.type === 'normal' ? 0 : 1;
  value.set(entry.data, ENTRY_HEAD_BYTES);
  return value;
}

/** @returns null if the row is no entry. The data is a view of `value`. */
export function decodeEntryRow(index: LogIndex, value: Uint8Array): Entry | null {
  if (value.length < ENTRY_HEAD_BYTES) return null;
  const type = ENTRY_TYPES[value[6]];
  if (type === undefined) return null;
  return { index, term: readU48(value, 0), type, data: value.subarray(ENTRY_HEAD_BYTES) };
}

export function encodeNumbers(...numbers: readonly number[]): Uint8Array {
  const value = Buffer.allocUnsafe(6 * numbers.length);
  for (let i = 0; i < numbers.length; i += 1) value.writeUIntBE(numbers[i], 6 * i, 6);
  return value;
}

export function readU48(bytes: Uint8Array, at: number): number {
  const high = bytes[at] * 256 + bytes[at + 1];
  const low = ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0;
  return high * 2 ** 32 + low;
}
