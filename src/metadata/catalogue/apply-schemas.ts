import type { Command, CommandOutcome, Refused } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import { SCHEMA_LENGTH_MAX } from './limits.js';
import type { SchemaWish } from './resources.js';
import { faultOfJson, faultOfLength, faultOfName } from './syntax.js';

/* Schemas. A version is written once and never changes; its subject remembers the last number. */

export function putSchema(edit: Edit, { schema, expected }: Command<'put-schema'>): CommandOutcome {
  const subject = edit.tables.get('schema-subject', schema);
  const fault =
    edit.faultOfTenant(schema.tenant) ??
    faultOfName('name', schema.name) ??
    faultOfText(schema) ??
    faultOfExpected(subject, expected) ??
    edit.faultOfCount('schema', 1) ??
    (subject === null ? edit.faultOfCount('schema-subject', 1) : null);
  if (fault !== null) return fault;
  const version = (subject?.versionLast ?? 0) + 1;
  edit.put('schema-subject', { tenant: schema.tenant, name: schema.name, versionLast: version });
  edit.put('schema', { ...schema, version });
  return edit.accept(version);
}

export function deleteSchema(edit: Edit, { key, expected }: Command<'delete-schema'>): CommandOutcome {
  const current = edit.tables.get('schema', key);
  if (current === null) return refuse('not-found', `schema "${key.name}" has no version ${key.version}`);
  const fault = faultOfExpected(current, expected);
  if (fault !== null) return fault;
  edit.delete('schema', key);
  return edit.accept();
}

/** Avro and JSON schemas are JSON; whether it is a good schema is for whoever uses it to say. */
function faultOfText({ type, text }: SchemaWish): Refused | null {
  if (text.length === 0) return refuse('invalid', 'text is empty');
  return type === 'protobuf' ? faultOfLength('text', text, SCHEMA_LENGTH_MAX) : faultOfJson('text', text, SCHEMA_LENGTH_MAX);
}
