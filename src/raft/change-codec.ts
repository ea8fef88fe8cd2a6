import { assert } from '../base/assert.js';
import { WireReader } from '../wire/reader.js';
import { WireViolation } from '../wire/violation.js';
import { WireWriter } from '../wire/writer.js';
import { NO_BYTES } from './make-message.js';
import type { ChangeTransition, ChangeType, ConfigurationChange, SingleChange } from './messages.js';
import { readWhole, WIDE_BYTES, writeWide } from './wide-number.js';

/*
  Data of an entry of type `configuration`:

      version:u8  transition:u8  count:u16  change{count}  context:rest
      change => type:u8  node:u64

      transition: 0 auto, 1 implicit, 2 explicit          type: 0 add-voter, 1 add-learner, 2 remove, 3 update

  No data at all is the change that leaves a joint configuration: a leader makes it by itself, and it must never be too large.
*/

const VERSION = 1;
const HEAD_BYTES = 4;
const CHANGE_BYTES = 1 + WIDE_BYTES;
export const CHANGES_MAX = 1024;

const TRANSITIONS: readonly ChangeTransition[] = ['auto', 'implicit', 'explicit'];
const TYPES: readonly ChangeType[] = ['add-voter', 'add-learner', 'remove', 'update'];

export const LEAVE_JOINT: ConfigurationChange = { transition: 'auto', changes: [], context: NO_BYTES };

export function encodeChange(change: ConfigurationChange): Uint8Array {
  const { transition, changes, context } = change;
  assert(changes.length <= CHANGES_MAX, 'a change is of few members');
  if (transition === 'auto' && changes.length === 0 && context.length === 0) return NO_BYTES;
  const writer = new WireWriter(new Uint8Array(HEAD_BYTES + changes.length * CHANGE_BYTES + context.length));
  writer.writeU8(VERSION);
  writer.writeU8(TRANSITIONS.indexOf(transition));
  writer.writeU16(changes.length);
  for (const { type, node } of changes) {
    assert(Number.isSafeInteger(node) && node >= 0, 'an id is a whole number');
    writer.writeU8(TYPES.indexOf(type));
    writeWide(writer, node);
  }
  writer.writeBytes(context, 0, context.length);
  return writer.bytes;
}

/** @throws WireViolation if the bytes are no change. */
export function decodeChange(data: Uint8Array): ConfigurationChange {
  if (data.length === 0) return LEAVE_JOINT;
  const reader = new WireReader(data, 0, data.length);
  if (reader.readU8() !== VERSION) throw new WireViolation('a change of configuration of an unknown version');
  const transition = TRANSITIONS[reader.readU8()];
  if (transition === undefined) throw new WireViolation('a change of configuration with an unknown transition');
  const count = reader.readU16();
  if (count > CHANGES_MAX) throw new WireViolation('a change of configuration of too many members');
  const changes: SingleChange[] = [];
  for (let i = 0; i < count; i += 1) changes.push(decodeSingle(reader));
  const contextAt = reader.skip(reader.remaining);
  return { transition, changes, context: new Uint8Array(data.subarray(contextAt)) };
}

function decodeSingle(reader: WireReader): SingleChange {
  const type = TYPES[reader.readU8()];
  if (type === undefined) throw new WireViolation('a change of configuration of an unknown type');
  return { type, node: readWhole(reader) };
}
