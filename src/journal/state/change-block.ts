import { WireReader } from '../../wire/reader.js';
import { VARINT_MAX, varintLength } from '../../wire/varint.js';
import { WireViolation } from '../../wire/violation.js';

/*
  Body of a table block: what a commit changed in the tables of its group, each row once. Integers are varints (wire/varint.ts).

    block   => change*
    change  => head [key_length key] [value_length value]
    head    => table number * 4 + what

    what      followed by
    0 define  length and bytes of the table's name
    1 put     length and bytes of the key, length and bytes of the value
    2 delete  length and bytes of the key

  A table is defined before its first row in every block until one of these blocks is durable. Text is UTF-8.
*/

export const CHANGE = { define: 0, put: 1, delete: 2 } as const;

export const TABLE_NUMBER_MAX = 0xffff;

/** Bytes of a define or delete. */
export function lengthOfName(table: number, textBytes: number): number {
  return varintLength(table * 4) + varintLength(textBytes) + textBytes;
}

export function lengthOfPut(table: number, textBytes: number, valueBytes: number): number {
  return lengthOfName(table, textBytes) + varintLength(valueBytes) + valueBytes;
}

export const VALUE_BYTES_MAX: number = VARINT_MAX;

/** Writes into memory whose size was worked out before. `Buffer`, because it puts UTF-8 where it belongs without a view for each text. */
export class ChangeWriter {
  position = 0;
  #target: Buffer = Buffer.alloc(0);

  reset(target: Uint8Array, position: number): void {
    this.#target = Buffer.from(target.buffer, target.byteOffset, target.length);
    this.position = position;
  }

  writeHead(table: number, what: number, text: string, textBytes: number): void {
    this.writeVarint(table * 4 + what);
    this.writeText(text, textBytes);
  }

  writeText(text: string, textBytes: number): void {
    this.writeVarint(textBytes);
    this.position += this.#target.write(text, this.position, textBytes, 'utf8');
  }

  writeVarint(value: number): void {
    const target = this.#target;
    let at = this.position;
    let rest = value;
    while (rest >= 0x80) {
      target[at] = (rest & 0x7f) | 0x80;
      at += 1;
      rest >>>= 7;
    }
    target[at] = rest;
    this.position = at + 1;
  }
}

export interface ChangeVisitor {
  onDefine(table: number, name: string): void;
  /** The value is `bytes[from..to)`. */
  onPut(table: number, key: string, bytes: Uint8Array, from: number, to: number): void;
  onDelete(table: number, key: string): void;
}

/** @throws WireViolation if the bytes are no such block. */
export function readChanges(bytes: Uint8Array, from: number, to: number, visitor: ChangeVisitor): void {
  const reader = new WireReader(bytes, from, to);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  while (reader.remaining > 0) {
    const head = reader.readVarint();
    const table = Math.floor(head / 4);
    const keyLength = reader.readVarint();
    const keyAt = reader.skip(keyLength);
    const key = text.toString('utf8', keyAt, keyAt + keyLength);
    switch (head % 4) {
      case CHANGE.define:
        visitor.onDefine(table, key);
        break;
      case CHANGE.put: {
        const length = reader.readVarint();
        const at = reader.skip(length);
        visitor.onPut(table, key, bytes, at, at + length);
        break;
      }
      case CHANGE.delete:
        visitor.onDelete(table, key);
        break;
      default:
        throw new WireViolation('a table block has a change of an unknown kind');
    }
  }
}
