import type { WireReader } from '../wire/reader.js';
import { WireViolation } from '../wire/violation.js';
import type { WireWriter } from '../wire/writer.js';

/*
  Indexes, terms and ids as u64, high half first. They are whole numbers that a double holds exactly; others come from outside only.
*/

export const WIDE_BYTES = 8;

export function writeWide(writer: WireWriter, value: number): void {
  writer.writeU32(Math.floor(value / 2 ** 32));
  writer.writeU32(value % 2 ** 32);
}

/** May be no safe integer: whoever reads checks. */
export function readWide(reader: WireReader): number {
  const high = reader.readU32();
  return high * 2 ** 32 + reader.readU32();
}

/** @throws WireViolation if it is none that a double holds exactly. */
export function readWhole(reader: WireReader): number {
  const value = readWide(reader);
  if (!Number.isSafeInteger(value)) throw new WireViolation('a number beyond 2^53');
  return value;
}
