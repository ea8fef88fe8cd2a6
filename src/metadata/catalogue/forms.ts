import { assert } from '../../base/assert.js';
import type { WireReader } from '../../wire/reader.js';
import { VARINT_MAX } from '../../wire/varint.js';
import { WireViolation } from '../../wire/violation.js';
import type { WireWriter } from '../../wire/writer.js';

/*
  How values are written, as small parts that are put together (record-forms.ts, command-codec.ts):

    whole    7 bits a byte, low bits first, the high bit says that another follows; up to 8 bytes, none more than needed
    flag     u8: 0 or 1
    choice   u8: the number of the word; numbers are never used again
    text     length varint | UTF-8
    list     count whole | elements
    record   count u8 | fields        in their order, without names

  A record grows at its end only. One of an older version has fewer fields: the rest have the value that `later` says. One of a newer version
  has more: what they mean is not known here, so it is refused.
*/
export interface Form<T> {
  /** The value takes at most so many bytes. */
  bytesMax(value: T): number;
  write(writer: WireWriter, value: T): void;
  /** @throws WireViolation, NewerVersion */
  read(reader: WireReader): T;
}

/** The bytes are well, but of a version that knows more. To skip them would make this node's state another than that of the others. */
export class NewerVersion extends Error {
  override readonly name = 'NewerVersion';

  constructor(what: string) {
    super(`${what} (written by a newer version)`);
  }
}

const WHOLE_BYTES_MAX = 8;
/** One byte of length. */
const SHORT_LENGTH_MAX = 127;
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** Names of a table, in the order in which it is written. */
export function keysOf<T extends object>(table: T): Extract<keyof T, string>[] {
  const keys: Extract<keyof T, string>[] = [];
  for (const key in table) keys.push(key);
  return keys;
}

/** 0 to 2^53 - 1. Writing another number throws WireViolation: it came from outside and nobody looked at it. */
export const whole: Form<number> = {
  bytesMax: () => WHOLE_BYTES_MAX,
  write(writer, value) {
    if (!Number.isSafeInteger(value) || value < 0) throw new WireViolation('a number is not whole, from 0 to 2^53 - 1');
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) writer.writeU8((rest % 0x80) | 0x80);
    writer.writeU8(rest);
  },
  read(reader) {
    let byte = reader.readU8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let unit = 0x80, count = 2; count <= WHOLE_BYTES_MAX; unit *= 0x80, count += 1) {
      byte = reader.readU8();
      value += (byte & 0x7f) * unit;
      if (byte >= 0x80) continue;
      if (byte === 0) throw new WireViolation('a whole number is longer than needed');
      if (value > Number.MAX_SAFE_INTEGER) throw new WireViolation('a whole number is above 2^53 - 1');
      return value;
    }
    throw new WireViolation('a whole number has more than eight bytes');
  },
};

/** A whole number from `from` on. */
export function wholeFrom(from: number): Form<number> {
  return {
    bytesMax: () => WHOLE_BYTES_MAX,
    write: (writer, value) => whole.write(writer, value - from),
    read: (reader) => whole.read(reader) + from,
  };
}

/** A whole number, or none. Written as 0 for none, else one more than it is. */
export const wholeOrNull: Form<number | null> = {
  bytesMax: () => WHOLE_BYTES_MAX,
  write: (writer, value) => whole.write(writer, value === null ? 0 : value + 1),
  read(reader) {
    const value = whole.read(reader);
    return value === 0 ? null : value - 1;
  },
};

export const flag: Form<boolean> = {
  bytesMax: () => 1,
  write: (writer, value) => writer.writeU8(value ? 1 : 0),
  read(reader) {
    const value = reader.readU8();
    if (value > 1) throw new WireViolation('a flag is neither 0 nor 1');
    return value === 1;
  },
};

export const text: Form<string> = {
  bytesMax: (value) => 4 + 3 * value.length,
  write(writer, value) {
    if (value.length <= SHORT_LENGTH_MAX && writeAscii(writer, value)) return;
    const length = Buffer.byteLength(value);
    if (length > VARINT_MAX) throw new WireViolation('a text is too long');
    writer.writeVarint(length);
    const start = writer.position;
    ENCODER.encodeInto(value, writer.bytes.subarray(start, start + length));
    writer.position = start + length;
  },
  read(reader) {
    const length = reader.readVarint();
    const start = reader.skip(length);
    if (length === 0) return '';
    try {
      return DECODER.decode(reader.bytes.subarray(start, start + length));
    } catch (cause) {
      throw new WireViolation('a text is not UTF-8', { cause });
    }
  },
};

/** Most texts are short ASCII: a loop beats a call of the encoder. @returns false if it is not; the writer is where it was. */
function writeAscii(writer: WireWriter, value: string): boolean {
  const { bytes, position } = writer;
  const length = value.length;
  assert(position + length < bytes.length, 'there is room for a text');
  let at = position + 1;
  for (let index = 0; index < length; index += 1, at += 1) {
    const unit = value.charCodeAt(index);
    if (unit >= 0x80) return false;
    bytes[at] = unit;
  }
  writer.writeU8(length);
  writer.position = at;
  return true;
}

/** One word of a few. */
export function choice<T extends string>(numbers: Readonly<Record<T, number>>): Form<T> {
  const words: T[] = [];
  for (const word of keysOf(numbers)) words[numbers[word]] = word;
  return {
    bytesMax: () => 1,
    write(writer, value) {
      const number = numbers[value];
      assert(number !== undefined, 'a choice knows its words');
      writer.writeU8(number);
    },
    read(reader) {
      const number = reader.readU8();
      if (number >= words.length) throw new NewerVersion(`unknown choice ${number} beside ${words.join(', ')}`);
      return words[number];
    },
  };
}

/** Takes no bytes: the value is known from what came before. */
export function constant<T extends string>(value: T): Form<T> {
  return { bytesMax: () => 0, write: () => undefined, read: () => value };
}

export function list<T>(element: Form<T>): Form<readonly T[]> {
  return {
    bytesMax(values) {
      let bytes = WHOLE_BYTES_MAX;
      for (const value of values) bytes += element.bytesMax(value);
      return bytes;
    },
    write(writer, values) {
      whole.write(writer, values.length);
      for (const value of values) element.write(writer, value);
    },
    read(reader) {
      const count = whole.read(reader);
      // An element has at least one byte: a length that lies allocates nothing.
      if (count > reader.remaining) throw new WireViolation('a list is longer than its bytes');
      const values: T[] = [];
      for (let index = 0; index < count; index += 1) values.push(element.read(reader));
      return values;
    },
  };
}

type FieldForms<T> = { readonly [F in keyof T]-?: Form<T[F]> };

/**
 * @param fields in the order in which they are written; new ones only at the end.
 * @param later of fields that the first version did not have: what they are where they were not written.
 */
export function record<T extends object>(fields: FieldForms<T>, later: Partial<T> = {}): Form<T> {
  return new RecordForm(fields, later);
}

class RecordForm<T extends object> implements Form<T> {
  readonly #names: readonly (keyof T)[];
  readonly #forms: readonly Form<T[keyof T]>[];
  readonly #later: Partial<T>;
  readonly #required: number;

  constructor(fields: FieldForms<T>, later: Partial<T>) {
    const names = keysOf(fields);
    this.#names = names;
    this.#forms = names.map((name) => fields[name]);
    this.#later = later;
    const first = names.findIndex((name) => name in later);
    this.#required = first < 0 ? names.length : first;
    assert(
      names.every((name, index) => index >= this.#required === name in later),
      'fields that came later are the last',
    );
  }

  bytesMax(value: T): number {
    const names = this.#names;
    const forms = this.#forms;
    let bytes = 1;
    for (let index = 0; index < names.length; index += 1) bytes += forms[index].bytesMax(value[names[index]]);
    return bytes;
  }

  write(writer: WireWriter, value: T): void {
    const names = this.#names;
    const forms = this.#forms;
    writer.writeU8(names.length);
    for (let index = 0; index < names.length; index += 1) forms[index].write(writer, value[names[index]]);
  }

  read(reader: WireReader): T {
    const names = this.#names;
    const forms = this.#forms;
    const count = reader.readU8();
    if (count > names.length) throw new NewerVersion(`${count} fields instead of ${names.join(', ')}`);
    if (count < this.#required) throw new WireViolation('a record has too few fields');
    const value: Partial<T> = {};
    for (let index = 0; index < names.length; index += 1) {
      const name = names[index];
      value[name] = index < count ? forms[index].read(reader) : this.#later[name];
    }
    return value as T; // The loop went over every field of T: `FieldForms` leaves none out.
  }
}
