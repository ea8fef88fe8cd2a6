import { assert } from '../../base/assert.js';
import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { NEVER, NO_KEY, OFFSET_MAX, REJECT_REASONS, type RejectReason } from './cursor-options.js';

/*
  A value of the cursor's journal. A delta says what one turn changed, a chunk of a snapshot what is so in some pages; both in one form, so that
  a cursor is read by applying all of them, chunks first.

    block   => version u8 | flags u8 | floor n | mark n | ranges | states
    flags   => bit 0: all before this block is void
    ranges  => count n | (gap n | length n)*                  settled; gap from the floor, then from the end of the range before
    states  => count n | (gap n | what u8 | count n | [visible at n] | [key n])*
                                                              of records that are not settled; gap from 0, then from the offset before
    what    => bits 0 to 2: 0 waits, else the index of its reject reason + 1; bit 3: delayed; bit 4: has an ordering key

    A state without deliveries, delay and reason takes back an older one: the record is as good as unread.
    mark: records below it may have been delivered.
    n: seven bits a byte, low bits first, the high bit says that another byte follows; at most eight bytes, no more than needed, below 2^53.
*/

const FORMAT_VERSION = 1;
const FLAG_RESET = 1;
const WHAT_REASON = 7;
const WHAT_DELAYED = 8;
const WHAT_KEY = 16;
const NUMBER_BYTES_MAX = 8;
const COUNT_MAX = 0x7fff_ffff;
const BYTES_FIRST = 64;

export interface BlockHead {
  readonly isReset: boolean;
  readonly floor: number;
  readonly mark: number;
}

export interface RecordState {
  readonly offset: number;
  readonly count: number;
  readonly visibleAt: number;
  readonly reason: RejectReason | null;
  readonly key: number;
}

export interface BlockVisitor {
  onHead(head: BlockHead): void;
  onRange(from: number, to: number): void;
  onState(state: RecordState): void;
}

/** Bytes that grow as they are written. */
export class NumberWriter {
  #bytes: Uint8Array = new Uint8Array(BYTES_FIRST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  writeByte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const bytes = new Uint8Array(this.#length * 2);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  writeNumber(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'numbers of the journal are whole and below 2^53');
    let rest = value;
    while (rest >= 0x80) {
      this.writeByte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.writeByte(rest);
  }

  writeAll(other: NumberWriter): void {
    for (let at = 0; at < other.#length; at += 1) this.writeByte(other.#bytes[at]);
  }

  /** A copy, for keeps. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export class BlockWriter {
  readonly #head: BlockHead;
  readonly #ranges = new NumberWriter();
  readonly #states = new NumberWriter();
  #rangeCount = 0;
  #stateCount = 0;
  #rangeEnd: number;
  #stateOffset = 0;

  constructor(head: BlockHead) {
    this.#head = head;
    this.#rangeEnd = head.floor;
  }

  /** About as long as the block will be. */
  get length(): number {
    return this.#ranges.length + this.#states.length;
  }

  /** Ascending, apart from each other, at or above the floor. */
  addRange(from: number, to: number): void {
    assert(from >= this.#rangeEnd && to > from, 'ranges ascend');
    this.#ranges.writeNumber(from - this.#rangeEnd);
    this.#ranges.writeNumber(to - from);
    this.#rangeEnd = to;
    this.#rangeCount += 1;
  }

  /** Ascending. */
  addState(offset: number, count: number, visibleAt: number, reason: RejectReason | null, key: number): void {
    assert(offset >= this.#stateOffset, 'states ascend');
    const states = this.#states;
    states.writeNumber(offset - this.#stateOffset);
    const why = reason === null ? 0 : REJECT_REASONS.indexOf(reason) + 1;
    states.writeByte(why | (visibleAt === NEVER ? 0 : WHAT_DELAYED) | (key === NO_KEY ? 0 : WHAT_KEY));
    states.writeNumber(count);
    if (visibleAt !== NEVER) states.writeNumber(visibleAt);
    if (key !== NO_KEY) states.writeNumber(key);
    this.#stateOffset = offset;
    this.#stateCount += 1;
  }

  finish(): Uint8Array {
    const block = new NumberWriter();
    block.writeByte(FORMAT_VERSION);
    block.writeByte(this.#head.isReset ? FLAG_RESET : 0);
    block.writeNumber(this.#head.floor);
    block.writeNumber(this.#head.mark);
    block.writeNumber(this.#rangeCount);
    block.writeAll(this.#ranges);
    block.writeNumber(this.#stateCount);
    block.writeAll(this.#states);
    return block.finish();
  }
}

/** @throws WireViolation if the bytes are no such block. */
export function readBlock(bytes: Uint8Array, visitor: BlockVisitor): void {
  const reader = new WireReader(bytes, 0, bytes.length);
  readVersion(reader);
  const flags = reader.readU8();
  if (flags > FLAG_RESET) throw new WireViolation('a cursor block has unknown flags');
  const floor = readOffset(reader, 0);
  visitor.onHead({ isReset: flags === FLAG_RESET, floor, mark: readNumber(reader) });
  let at = floor;
  for (let left = readNumber(reader); left > 0; left -= 1) {
    const from = readOffset(reader, at);
    at = readOffset(reader, from);
    if (at === from) throw new WireViolation('a cursor block has an empty range');
    visitor.onRange(from, at);
  }
  at = 0;
  for (let left = readNumber(reader); left > 0; left -= 1) {
    at = readOffset(reader, at);
    visitor.onState(readState(reader, at));
  }
  if (reader.remaining > 0) throw new WireViolation('a cursor block has more bytes than it says');
}

function readState(reader: WireReader, offset: number): RecordState {
  const what = reader.readU8();
  const why = what & WHAT_REASON;
  if (why > REJECT_REASONS.length || what >= WHAT_KEY * 2) throw new WireViolation('a cursor block has a state of an unknown kind');
  const count = readNumber(reader);
  if (count > COUNT_MAX) throw new WireViolation('a cursor block has too many deliveries');
  const visibleAt = (what & WHAT_DELAYED) === 0 ? NEVER : readNumber(reader);
  const key = (what & WHAT_KEY) === 0 ? NO_KEY : readNumber(reader);
  return { offset, count, visibleAt, reason: why === 0 ? null : REJECT_REASONS[why - 1], key };
}

export function writeVersion(writer: NumberWriter): void {
  writer.writeByte(FORMAT_VERSION);
}

/** @throws WireViolation if it is another than ours. */
export function readVersion(reader: WireReader): void {
  if (reader.readU8() !== FORMAT_VERSION) throw new WireViolation('a cursor journal has an unknown version');
}

/** @throws WireViolation */
export function readNumber(reader: WireReader): number {
  let value = 0;
  let unit = 1;
  for (let length = 1; length <= NUMBER_BYTES_MAX; length += 1) {
    const byte = reader.readU8();
    value += (byte & 0x7f) * unit;
    if (byte >= 0x80) {
      unit *= 0x80;
      continue;
    }
    if (byte === 0 && length > 1) throw new WireViolation('a number is longer than needed');
    if (value > Number.MAX_SAFE_INTEGER) break;
    return value;
  }
  throw new WireViolation('a number is 2^53 or more');
}

function readOffset(reader: WireReader, base: number): number {
  const offset = base + readNumber(reader);
  if (offset > OFFSET_MAX) throw new WireViolation('an offset is 2^52 or more');
  return offset;
}
