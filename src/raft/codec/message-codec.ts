import { assert } from '../../base/assert.js';
import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { WireWriter } from '../../wire/writer.js';
import { decodeMark, snapshotOf } from '../driver/snapshot-mark.js';
import { NO_BYTES, NO_ENTRIES } from '../make-message.js';
import type { Entry, LogIndex, Message, MessageType, Snapshot } from '../messages.js';
import { readWhole, WIDE_BYTES, writeWide } from '../wide-number.js';

/*
  Messages between nodes. Integers are big-endian; a wide is a u64 that is a whole number up to 2^53 - 1.

    messages  count u32 | message *
    message   type u8 | flags u8 | from, to, term, log term, index, commit, vote, hint, membership: wide
              | [context length u16 | context] | [mark length u32 | mark] | count u32 | entry *
    entry     term wide | index wide | type u8 | length u32 | data
    flags     1 reject   2 a context follows   4 a snapshot's mark follows (driver/snapshot-mark.ts)

  Types that never leave a node have no number, so nobody can send them. Entries come with appends only, and follow each other.
*/

const TYPES: readonly MessageType[] = [
  'append',
  'append-response',
  'vote',
  'vote-response',
  'snapshot',
  'heartbeat',
  'heartbeat-response',
  'transfer-leader',
  'timeout-now',
  'read-index',
  'read-index-response',
  'pre-vote',
  'pre-vote-response',
];
const NUMBERS: ReadonlyMap<MessageType, number> = new Map(TYPES.map((type, number) => [type, number]));

const FLAG = { reject: 1, context: 2, snapshot: 4 } as const;
const FLAGS_ALL = 7;
const WIDES = 9;
const HEAD_BYTES = 2 + WIDES * WIDE_BYTES + 4;
const ENTRY_HEAD_BYTES = 2 * WIDE_BYTES + 1 + 4;
const CONTEXT_BYTES_MAX = 0xffff;
const NO_RESPONSES: readonly Message[] = [];

export function encodedLengthOf(message: Message): number {
  let length = HEAD_BYTES;
  if (message.context.length > 0) length += 2 + message.context.length;
  if (message.snapshot !== null) length += 4 + message.snapshot.data.length;
  for (const { data } of message.entries) length += ENTRY_HEAD_BYTES + data.length;
  return length;
}

/** Snapshots are those of a driver: their data are a mark. */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  let length = 4;
  for (const message of messages) length += encodedLengthOf(message);
  const writer = new WireWriter(Buffer.allocUnsafe(length));
  writer.writeU32(messages.length);
  for (const message of messages) writeMessage(writer, message);
  assert(writer.position === length, 'messages are as long as was worked out');
  return writer.bytes;
}

/** Data of entries are views of `bytes`. @throws WireViolation, and nothing else. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const reader = new WireReader(bytes, 0, bytes.length);
  const count = reader.readU32();
  if (count * HEAD_BYTES > reader.remaining) throw new WireViolation('more messages than bytes');
  const messages: Message[] = [];
  for (let i = 0; i < count; i += 1) messages.push(readMessage(reader));
  if (reader.remaining > 0) throw new WireViolation('something follows the last message');
  return messages;
}

function writeMessage(writer: WireWriter, message: Message): void {
  const { context, snapshot, entries } = message;
  const type = NUMBERS.get(message.type);
  assert(type !== undefined, 'only what leaves a node is sent');
  assert(context.length <= CONTEXT_BYTES_MAX, 'a context is short');
  writer.writeU8(type);
  writer.writeU8((message.isReject ? FLAG.reject : 0) | (context.length > 0 ? FLAG.context : 0) | (snapshot === null ? 0 : FLAG.snapshot));
  writeWide(writer, message.from);
  writeWide(writer, message.to);
  writeWide(writer, message.term);
  writeWide(writer, message.logTerm);
  writeWide(writer, message.index);
  writeWide(writer, message.commit);
  writeWide(writer, message.vote);
  writeWide(writer, message.rejectHint);
  writeWide(writer, message.membership);
  if (context.length > 0) {
    writer.writeU16(context.length);
    writer.writeBytes(context, 0, context.length);
  }
  if (snapshot !== null) {
    writer.writeU32(snapshot.data.length);
    writer.writeBytes(snapshot.data, 0, snapshot.data.length);
  }
  writer.writeU32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
}

function writeEntry(writer: WireWriter, { term, index, type, data }: Entry): void {
  writeWide(writer, term);
  writeWide(writer, index);
  writer.writeU8(type === 'normal' ? 0 : 1);
  writer.writeU32(data.length);
  writer.writeBytes(data, 0, data.length);
}

function readMessage(reader: WireReader): Message {
  const type = TYPES[reader.readU8()];
  if (type === undefined) throw new WireViolation('a message of an unknown type');
  const flags = reader.readU8();
  if (flags > FLAGS_ALL) throw new WireViolation('a message with unknown flags');
  const from = readWhole(reader);
  const to = readWhole(reader);
  const term = readWhole(reader);
  const logTerm = readWhole(reader);
  const index = readWhole(reader);
  const commit = readWhole(reader);
  const vote = readWhole(reader);
  const rejectHint = readWhole(reader);
  const membership = readWhole(reader);
  const context = (flags & FLAG.context) === 0 ? NO_BYTES : take(reader, reader.readU16());
  const snapshot: Snapshot | null = (flags & FLAG.snapshot) === 0 ? null : snapshotOf(decodeMark(take(reader, reader.readU32())));
  if ((type === 'snapshot') !== (snapshot !== null)) throw new WireViolation('a snapshot without one, or where none belongs');
  const entries = readEntries(reader, index);
  if (entries.length > 0 && type !== 'append') throw new WireViolation('entries where none belong');
  return {
    type,
    from,
    to,
    term,
    logTerm,
    index,
    entries,
    commit,
    vote,
    snapshot,
    isReject: (flags & FLAG.reject) !== 0,
    rejectHint,
    context,
    membership,
    responses: NO_RESPONSES,
  };
}

/** @param before the index they begin after. */
function readEntries(reader: WireReader, before: LogIndex): readonly Entry[] {
  const count = reader.readU32();
  if (count === 0) return NO_ENTRIES;
  if (count * ENTRY_HEAD_BYTES > reader.remaining) throw new WireViolation('more entries than bytes');
  const entries: Entry[] = [];
  for (let i = 0; i < count; i += 1) {
    const term = readWhole(reader);
    const index = readWhole(reader);
    if (index !== before + 1 + i) throw new WireViolation('entries with a gap');
    const type = reader.readU8();
    if (type > 1) throw new WireViolation('an entry of an unknown type');
    entries.push({ term, index, type: type === 0 ? 'normal' : 'configuration', data: take(reader, reader.readU32()) });
  }
  return entries;
}

function take(reader: WireReader, length: number): Uint8Array {
  const at = reader.skip(length);
  return reader.bytes.subarray(at, at + length);
}
