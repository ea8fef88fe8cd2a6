import type { WireReader } from '../../wire/reader.js';
import { WireWriter } from '../../wire/writer.js';
import type { Accepted, CommandOutcome, Refused } from './commands.js';
import { choice, type Form, flag, list, record, text, whole } from './forms.js';

/*
  What became of commands, for a node that forwarded them and for those that ask again:

    outcome    flag: accepted? | record of its fields
*/

const accepted = record<Pick<Accepted, 'revision' | 'id'>>({ revision: whole, id: whole });
const refused = record<Pick<Refused, 'code' | 'detail' | 'currentRevision'>>({
  code: choice({ conflict: 0, 'not-found': 1, exists: 2, invalid: 3, limit: 4, 'in-use': 5 }),
  detail: text,
  currentRevision: whole,
});

export const outcomeForm: Form<CommandOutcome> = {
  bytesMax: (outcome) => 1 + (outcome.isOk ? accepted.bytesMax(outcome) : refused.bytesMax(outcome)),
  write(writer, outcome) {
    flag.write(writer, outcome.isOk);
    if (outcome.isOk) accepted.write(writer, outcome);
    else refused.write(writer, outcome);
  },
  read(reader) {
    if (flag.read(reader)) return { isOk: true, ...accepted.read(reader) };
    return { isOk: false, ...refused.read(reader) };
  },
};

const outcomes = list(outcomeForm);

export function encodeOutcomes(values: readonly CommandOutcome[]): Uint8Array {
  const writer = new WireWriter(new Uint8Array(outcomes.bytesMax(values)));
  outcomes.write(writer, values);
  return writer.bytes.subarray(0, writer.position);
}

/** @throws WireViolation, NewerVersion. */
export function decodeOutcomes(reader: WireReader): readonly CommandOutcome[] {
  return outcomes.read(reader);
}
