import { assert } from '../../base/assert.js';
import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { WireWriter } from '../../wire/writer.js';
import { type Command, type CommandBatch, type CommandEnvelope, type CommandKind, REQUEST_ID_BYTES } from './commands.js';
import { constant, type Form, keysOf, list, NewerVersion, record, text, whole, wholeOrNull } from './forms.js';
import { COMMAND_BYTES_MAX, COMMANDS_PER_BATCH_MAX } from './limits.js';
import {
  importedStream,
  KEY_FORMS,
  liveNodeState,
  nodeRoles,
  offsetPosition,
  schemaWish,
  streamWish,
  VALUE_FORMS,
} from './record-forms.js';

/*
  The data of an entry of the log:

    batch     version u8 (1) | at, milliseconds, u48 | count varint | commands
    command   length varint | flags u8 | [request id, 16 bytes] | kind whole | record of its fields (forms.ts)
    flags     1: a request id follows

  The kind counts as the first field, and takes no bytes there. A kind has its number for ever, and fields are added at the end of a record, so a
  batch of an older version can always be read. Of what a newer one wrote and this one does not know the decoder throws NewerVersion, and the
  node must not go on.
*/

const BATCH_VERSION = 1;
const BATCH_HEAD_BYTES = 1 + 6 + 4;
/** Length, flags, request id, kind. */
const COMMAND_HEAD_BYTES = 4 + 1 + REQUEST_ID_BYTES + 2;
const HAS_REQUEST_ID = 1;
const TWO_TO_32 = 2 ** 32;
const U48_MAX = 2 ** 48 - 1;

const KEYS = KEY_FORMS;
const VALUES = VALUE_FORMS;
const expected = wholeOrNull;

interface CommandForm<K extends CommandKind> {
  readonly number: number;
  readonly form: Form<Command<K>>;
}

const COMMANDS: { readonly [K in CommandKind]: CommandForm<K> } = {
  'initialise-cluster': {
    number: 1,
    form: record({ kind: constant('initialise-cluster'), id: text, name: text, tokenHash: text, firstVoters: whole }),
  },
  'change-cluster': { number: 2, form: record({ kind: constant('change-cluster'), name: text, tokenHash: text, expected }) },
  'register-node': {
    number: 3,
    form: record({ kind: constant('register-node'), id: whole, uuid: text, name: text, address: text, roles: nodeRoles, version: text }),
  },
  'change-node': {
    number: 4,
    form: record({
      kind: constant('change-node'),
      id: whole,
      name: text,
      address: text,
      roles: nodeRoles,
      version: text,
      state: liveNodeState,
      expected,
    }),
  },
  'remove-node': { number: 5, form: record({ kind: constant('remove-node'), id: whole, expected }) },
  'put-tenant': { number: 6, form: record({ kind: constant('put-tenant'), value: VALUES.tenant, expected }) },
  'delete-tenant': { number: 7, form: record({ kind: constant('delete-tenant'), key: KEYS.tenant, expected }) },
  'create-stream': { number: 8, form: record({ kind: constant('create-stream'), stream: streamWish }) },
  'change-stream': { number: 9, form: record({ kind: constant('change-stream'), stream: streamWish, expected }) },
  'delete-stream': { number: 10, form: record({ kind: constant('delete-stream'), key: KEYS.stream, expected }) },
  'put-shape': { number: 11, form: record({ kind: constant('put-shape'), value: VALUES.shape, expected }) },
  'place-group': { number: 12, form: record({ kind: constant('place-group'), value: VALUES.placement, expected }) },
  'unplace-group': { number: 13, form: record({ kind: constant('unplace-group'), key: KEYS.placement, expected }) },
  'commit-offsets': {
    number: 14,
    form: record({ kind: constant('commit-offsets'), tenant: text, group: text, generation: whole, offsets: list(offsetPosition) }),
  },
  'delete-group': { number: 15, form: record({ kind: constant('delete-group'), key: KEYS.group, expected }) },
  'put-schema': { number: 16, form: record({ kind: constant('put-schema'), schema: schemaWish, expected }) },
  'delete-schema': { number: 17, form: record({ kind: constant('delete-schema'), key: KEYS.schema, expected }) },
  import: {
    number: 18,
    form: record({
      kind: constant('import'),
      streamIdNext: whole,
      memoryStreamIdNext: whole,
      streams: list(importedStream),
      deleted: list(whole),
    }),
  },
  'put-user': { number: 32, form: record({ kind: constant('put-user'), value: VALUES.user, expected }) },
  'delete-user': { number: 33, form: record({ kind: constant('delete-user'), key: KEYS.user, expected }) },
  'put-acl-rule': { number: 34, form: record({ kind: constant('put-acl-rule'), value: VALUES['acl-rule'], expected }) },
  'delete-acl-rule': { number: 35, form: record({ kind: constant('delete-acl-rule'), key: KEYS['acl-rule'], expected }) },
  'put-ban': { number: 36, form: record({ kind: constant('put-ban'), value: VALUES.ban, expected }) },
  'delete-ban': { number: 37, form: record({ kind: constant('delete-ban'), key: KEYS.ban, expected }) },
  'put-retained-settings': {
    number: 38,
    form: record({ kind: constant('put-retained-settings'), value: VALUES['retained-settings'], expected }),
  },
  'delete-retained-settings': {
    number: 39,
    form: record({ kind: constant('delete-retained-settings'), key: KEYS['retained-settings'], expected }),
  },
  'put-auto-subscription': {
    number: 40,
    form: record({ kind: constant('put-auto-subscription'), value: VALUES['auto-subscription'], expected }),
  },
  'delete-auto-subscription': {
    number: 41,
    form: record({ kind: constant('delete-auto-subscription'), key: KEYS['auto-subscription'], expected }),
  },
  'put-topic-rewrite': { number: 42, form: record({ kind: constant('put-topic-rewrite'), value: VALUES['topic-rewrite'], expected }) },
  'delete-topic-rewrite': { number: 43, form: record({ kind: constant('delete-topic-rewrite'), key: KEYS['topic-rewrite'], expected }) },
  'put-connector': { number: 44, form: record({ kind: constant('put-connector'), value: VALUES.connector, expected }) },
  'delete-connector': { number: 45, form: record({ kind: constant('delete-connector'), key: KEYS.connector, expected }) },
  'put-rule': { number: 46, form: record({ kind: constant('put-rule'), value: VALUES.rule, expected }) },
  'delete-rule': { number: 47, form: record({ kind: constant('delete-rule'), key: KEYS.rule, expected }) },
  'put-setting': { number: 48, form: record({ kind: constant('put-setting'), value: VALUES.setting, expected }) },
  'delete-setting': { number: 49, form: record({ kind: constant('delete-setting'), key: KEYS.setting, expected }) },
};

export const COMMAND_KINDS: readonly CommandKind[] = keysOf(COMMANDS);
const BY_NUMBER: ReadonlyMap<number, CommandKind> = new Map(COMMAND_KINDS.map((kind) => [COMMANDS[kind].number, kind]));

/** @throws WireViolation if a number is none that the log holds, or a command is too large: nothing of the batch may be proposed then. */
export function encodeBatch({ atMs, envelopes }: CommandBatch): Uint8Array {
  assert(Number.isInteger(atMs) && atMs >= 0 && atMs <= U48_MAX, 'a time is a u48');
  assert(envelopes.length > 0 && envelopes.length <= COMMANDS_PER_BATCH_MAX, 'a batch has some commands');
  let bytesMax = BATCH_HEAD_BYTES;
  for (const envelope of envelopes) bytesMax += envelopeBytesMax(envelope);
  const writer = new WireWriter(Buffer.allocUnsafe(bytesMax));
  writer.writeU8(BATCH_VERSION);
  writer.writeU16(Math.floor(atMs / TWO_TO_32));
  writer.writeU32(atMs % TWO_TO_32);
  writer.writeVarint(envelopes.length);
  for (const envelope of envelopes) writeCommand(writer, envelope);
  return new Uint8Array(writer.bytes.subarray(0, writer.position)); // A copy: the log keeps it, and needs a third of the room.
}

/** @throws WireViolation if the bytes are no batch, NewerVersion if a newer version wrote what this one does not know. */
export function decodeBatch(data: Uint8Array): CommandBatch {
  const reader = new WireReader(data, 0, data.length);
  const version = reader.readU8();
  if (version > BATCH_VERSION) throw new NewerVersion(`unknown batch version ${version}`);
  if (version < BATCH_VERSION) throw new WireViolation('a batch has no version');
  const atMs = reader.readU16() * TWO_TO_32 + reader.readU32();
  const count = reader.readVarint();
  if (count === 0 || count > COMMANDS_PER_BATCH_MAX) throw new WireViolation('a batch has no commands or too many');
  if (count > reader.remaining) throw new WireViolation('a batch is longer than its bytes');
  const envelopes: CommandEnvelope[] = [];
  for (let index = 0; index < count; index += 1) envelopes.push(readCommand(reader));
  if (reader.remaining > 0) throw new WireViolation('something follows the commands of a batch');
  return { atMs, envelopes };
}

/** In a batch the command takes at most so many bytes. */
export function envelopeBytesMax({ command }: CommandEnvelope): number {
  return COMMAND_HEAD_BYTES + bodyBytesMax(command.kind, command);
}

function bodyBytesMax<K extends CommandKind>(kind: K, command: Command<K>): number {
  return COMMANDS[kind].form.bytesMax(command);
}

function writeBody<K extends CommandKind>(writer: WireWriter, kind: K, command: Command<K>): void {
  whole.write(writer, COMMANDS[kind].number);
  COMMANDS[kind].form.write(writer, command);
}

/** The length is known afterwards: the body is written behind the longest length, and moved back to behind the one it has. */
function writeCommand(writer: WireWriter, { command, requestId }: CommandEnvelope): void {
  const start = writer.position;
  const bodyStart = start + 4;
  writer.position = bodyStart;
  writer.writeU8(requestId === null ? 0 : HAS_REQUEST_ID);
  if (requestId !== null) {
    assert(requestId.length === REQUEST_ID_BYTES, 'a request id has its length');
    writer.writeBytes(requestId, 0, REQUEST_ID_BYTES);
  }
  writeBody(writer, command.kind, command);
  const bodyEnd = writer.position;
  const length = bodyEnd - bodyStart;
  if (length > COMMAND_BYTES_MAX) throw new WireViolation('a command is too large');
  writer.position = start;
  writer.writeVarint(length);
  writer.bytes.copyWithin(writer.position, bodyStart, bodyEnd);
  writer.position += length;
}

function readCommand(reader: WireReader): CommandEnvelope {
  const batchEnd = reader.end;
  const length = reader.readVarint();
  if (length > reader.remaining) throw new WireViolation('a command is longer than its batch');
  reader.end = reader.position + length;
  const flags = reader.readU8();
  if (flags > HAS_REQUEST_ID) throw new NewerVersion(`unknown flags ${flags} of a command`);
  let requestId: Uint8Array | null = null;
  if (flags === HAS_REQUEST_ID) {
    const start = reader.skip(REQUEST_ID_BYTES);
    requestId = reader.bytes.subarray(start, start + REQUEST_ID_BYTES);
  }
  const number = whole.read(reader);
  const kind = BY_NUMBER.get(number);
  if (kind === undefined) throw new NewerVersion(`unknown command kind ${number}`);
  const command = COMMANDS[kind].form.read(reader);
  if (reader.remaining > 0) throw new WireViolation('something follows the fields of a command');
  reader.end = batchEnd;
  return { command, requestId };
}
