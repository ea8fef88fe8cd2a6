import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { WireWriter } from '../../wire/writer.js';
import type { Delta } from './delta.js';
import { NewerVersion, whole } from './forms.js';
import { KEY_FORMS, RESOURCE_NUMBERS, readRecord, recordBytesMax, resourceOfNumber, writeRecord } from './record-forms.js';
import type { Change, ChangeOf } from './resource-tables.js';
import type { ResourceKind } from './resources.js';

/*
  A delta on its way to other threads:

    type u8 | revision whole | index whole
    0 reset
    1 changes    ... | previous revision whole | changes until the end

    change       kind of resource u8 | 0 gone | key
                                     | 1 is there | record                  record-forms.ts
*/

const RESET = 0;
const CHANGES = 1;
const GONE = 0;
const IS_THERE = 1;
const HEAD_BYTES_MAX = 1 + 3 * 8;
const CHANGE_HEAD_BYTES = 2;

/** @param kinds null: all. Of others nothing is written, but whoever reads it knows that there was a batch. */
export function encodeDelta(delta: Delta, kinds: ReadonlySet<ResourceKind> | null): Uint8Array {
  const changes = delta.type === 'reset' ? [] : delta.changes.filter(({ kind }) => kinds === null || kinds.has(kind));
  let bytesMax = HEAD_BYTES_MAX;
  for (const change of changes) bytesMax += CHANGE_HEAD_BYTES + changeBytesMax(change.kind, change);
  const writer = new WireWriter(new Uint8Array(bytesMax));
  writer.writeU8(delta.type === 'reset' ? RESET : CHANGES);
  whole.write(writer, delta.revision);
  whole.write(writer, delta.index);
  if (delta.type === 'changes') whole.write(writer, delta.previousRevision);
  for (const change of changes) writeChange(writer, change.kind, change);
  return writer.bytes.subarray(0, writer.position);
}

/** @throws WireViolation, NewerVersion if the bytes are no delta of this version. */
export function decodeDelta(bytes: Uint8Array): Delta {
  const reader = new WireReader(bytes, 0, bytes.length);
  const type = reader.readU8();
  const revision = whole.read(reader);
  const index = whole.read(reader);
  if (type === CHANGES) {
    const previousRevision = whole.read(reader);
    const changes: Change[] = [];
    while (reader.remaining > 0) changes.push(readChange(reader));
    return { type: 'changes', previousRevision, revision, index, changes };
  }
  if (type !== RESET) throw new NewerVersion(`unknown type ${type} of a delta`);
  if (reader.remaining > 0) throw new WireViolation('something follows a reset');
  return { type: 'reset', revision, index };
}

function changeBytesMax<K extends ResourceKind>(kind: K, { key, record }: ChangeOf<K>): number {
  return record === null ? KEY_FORMS[kind].bytesMax(key) : recordBytesMax(kind, record);
}

function writeChange<K extends ResourceKind>(writer: WireWriter, kind: K, { key, record }: ChangeOf<K>): void {
  writer.writeU8(RESOURCE_NUMBERS[kind]);
  writer.writeU8(record === null ? GONE : IS_THERE);
  if (record === null) KEY_FORMS[kind].write(writer, key);
  else writeRecord(writer, kind, record);
}

function readChange(reader: WireReader): Change {
  const number = reader.readU8();
  const kind = resourceOfNumber(number);
  if (kind === null) throw new NewerVersion(`unknown resource ${number}`);
  return readChangeOf(reader, kind) as Change; // The union is of all kinds.
}

function readChangeOf<K extends ResourceKind>(reader: WireReader, kind: K): ChangeOf<K> {
  const presence = reader.readU8();
  if (presence > IS_THERE) throw new WireViolation('a record is neither there nor gone');
  if (presence === GONE) return { kind, key: KEY_FORMS[kind].read(reader), record: null };
  const record = readRecord(reader, kind);
  return { kind, key: record, record };
}
