import { WireViolation } from '../../wire/violation.js';

/*
  Runs of rising sequences:

    runs => run*
    run  => gap * 2 + shape                      shape 0: one sequence
            gap * 2 + shape | length - 2         shape 1: `length` sequences in a row

  The gap is what lies between the last sequence before and the first of the run: 0 if they touch. Integers have seven bits a byte, low bits first,
  the high bit says that another follows; up to 2^53, because a key may be quiet for long. A sequence alone costs one byte if it
  comes within 64 of the one before, two within 8,192, three within a million; a run one byte more, or two.
*/

export const RUN_BYTES_MAX = 16;
const INTEGER_BYTES_MAX = 8;

/** @returns where the next byte goes. */
export function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 0x1000_0000) {
    bytes[next] = (rest % 0x80) | 0x80;
    next += 1;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    bytes[next] = (rest & 0x7f) | 0x80;
    next += 1;
    rest >>>= 7;
  }
  bytes[next] = rest;
  return next + 1;
}

/** @returns where the next byte goes. */
export function writeRun(bytes: Uint8Array, at: number, gap: number, count: number): number {
  if (count === 1) return writeInteger(bytes, at, gap * 2);
  return writeInteger(bytes, writeInteger(bytes, at, gap * 2 + 1), count - 2);
}

/** Walks over runs. One reader serves many: `reset` costs nothing. @throws WireViolation where the bytes end within an integer. */
export class RunReader {
  position = 0;
  /** The run that `next` came to. */
  first = 0;
  count = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #last = 0;

  /** @param before the sequence before the first gap. */
  reset(bytes: Uint8Array, from: number, to: number, before: number): void {
    this.#bytes = bytes;
    this.position = from;
    this.#end = to;
    this.#last = before;
  }

  /** Gaps count from this sequence on. */
  restart(before: number): void {
    this.#last = before;
  }

  get last(): number {
    return this.#last;
  }

  get isAtEnd(): boolean {
    return this.position >= this.#end;
  }

  next(): boolean {
    if (this.position >= this.#end) return false;
    const head = this.readInteger();
    const isRun = head % 2 === 1;
    this.first = this.#last + (isRun ? (head - 1) / 2 : head / 2) + 1;
    this.count = isRun ? this.readInteger() + 2 : 1;
    this.#last = this.first + this.count - 1;
    return true;
  }

  readInteger(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.position;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < INTEGER_BYTES_MAX; i += 1) {
      if (at >= end) throw new WireViolation('an index ends within an integer');
      const byte = bytes[at];
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.position = at;
        return value;
      }
      scale *= 0x80;
    }
    throw new WireViolation('an integer of an index has more than eight bytes');
  }
}
