import { type StateTableStore, StoreError } from '../../storage/ports.js';
import { WireReader } from '../../wire/reader.js';
import { varintLength } from '../../wire/varint.js';
import { WireViolation } from '../../wire/violation.js';
import { BLOCK, FOOTER_PREFIX_BYTES, footerPrefix } from '../keeper.js';
import type { GroupId } from '../ports.js';
import { ChangeWriter } from './change-block.js';

/*
  What a group's tables have in the store's long-lived table:

    key   => kind u8 (BLOCK.table) | group u16 | part u8 | number u32      big-endian

    part        number    value
    0 position  0         version u8 | entry index u48     entries up to it need no replay
    1 name      table     name in UTF-8
    2 row       row       table varint | key length varint | key in UTF-8 | value

  Rows go by number, not by key: keys of tables may be longer than keys of the store, and a row that changes is found without its text.
*/

export const PART = { position: 0, name: 1, row: 2 } as const;
type Part = (typeof PART)[keyof typeof PART];

const KEY_BYTES = 8;
const FORMAT_VERSION = 1;
const POSITION_BYTES = 7;

export function checkpointKey(group: GroupId, part: Part, number: number): Uint8Array {
  const key = footerPrefix(BLOCK.table, group, KEY_BYTES);
  key[FOOTER_PREFIX_BYTES] = part;
  key[4] = number >>> 24;
  key[5] = number >>> 16;
  key[6] = number >>> 8;
  key[7] = number;
  return key;
}

export function positionValue(index: number): Uint8Array {
  const value = new Uint8Array(POSITION_BYTES);
  value[0] = FORMAT_VERSION;
  Buffer.from(value.buffer).writeUIntBE(index, 1, 6);
  return value;
}

/** The value of a row whose own value, of `length` bytes, `fill` copies to where it is told. */
export function rowValue(table: number, key: string, length: number, fill: (target: Uint8Array, at: number) => void): Uint8Array {
  const keyBytes = Buffer.byteLength(key);
  const value = new Uint8Array(varintLength(table) + varintLength(keyBytes) + keyBytes + length);
  const writer = new ChangeWriter();
  writer.reset(value, 0);
  writer.writeVarint(table);
  writer.writeText(key, keyBytes);
  fill(value, writer.position);
  return value;
}

export interface CheckpointVisitor {
  onPosition(index: number): void;
  onName(table: number, name: string): void;
  /** The row's own value is `bytes[from..to)`. */
  onRow(row: number, table: number, key: string, bytes: Uint8Array, from: number, to: number): void;
}

/** Names come before rows. @throws StoreError corrupt. */
export function readCheckpoint(store: StateTableStore, group: GroupId, visitor: CheckpointVisitor): void {
  try {
    store.scan(footerPrefix(BLOCK.table, group), (key, value) => {
      readPart(Buffer.from(key), value, visitor);
      return true;
    });
  } catch (error) {
    if (!(error instanceof WireViolation)) throw error;
    throw new StoreError('corrupt', `the checkpoint of the tables of group ${group} cannot be read`, { cause: error });
  }
}

function readPart(key: Buffer, value: Uint8Array, visitor: CheckpointVisitor): void {
  if (key.length !== KEY_BYTES) throw new WireViolation('a key of a checkpoint has another length');
  const number = key.readUInt32BE(4);
  const text = Buffer.from(value.buffer, value.byteOffset, value.length);
  switch (key[FOOTER_PREFIX_BYTES]) {
    case PART.position:
      if (value.length !== POSITION_BYTES || value[0] !== FORMAT_VERSION) throw new WireViolation('a checkpoint of another version');
      visitor.onPosition(text.readUIntBE(1, 6));
      break;
    case PART.name:
      visitor.onName(number, text.toString('utf8'));
      break;
    case PART.row: {
      const reader = new WireReader(value, 0, value.length);
      const table = reader.readVarint();
      const keyLength = reader.readVarint();
      const at = reader.skip(keyLength);
      visitor.onRow(number, table, text.toString('utf8', at, at + keyLength), value, reader.position, value.length);
      break;
    }
    default:
      throw new WireViolation('a checkpoint has a part of an unknown kind');
  }
}
