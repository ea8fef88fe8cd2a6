import type { Command, CommandOutcome } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import { keyRange, TENANT_KINDS } from './keys.js';
import { COMMENT_LENGTH_MAX } from './limits.js';
import { type ResourceRecord, TENANT_DEFAULT } from './resources.js';
import { faultOfLength, faultOfName } from './syntax.js';

export function putTenant(edit: Edit, { value, expected }: Command<'put-tenant'>): CommandOutcome {
  const current = edit.tables.get('tenant', value);
  const fault =
    faultOfName('name', value.name) ??
    faultOfLength('comment', value.comment, COMMENT_LENGTH_MAX) ??
    faultOfExpected(current, expected) ??
    (current === null ? edit.faultOfCount('tenant', 1) : null);
  if (fault !== null) return fault;
  edit.put('tenant', value);
  return edit.accept();
}

export function deleteTenant(edit: Edit, { key, expected }: Command<'delete-tenant'>): CommandOutcome {
  const { tables } = edit;
  const current = tables.get('tenant', key);
  if (current === null) return refuse('not-found', `there is no tenant "${key.name}"`);
  const fault = faultOfExpected(current, expected) ?? edit.faultOfCount('deleted-stream', systemStreamsOf(edit, key.name).length);
  if (fault !== null) return fault;
  if (key.name === TENANT_DEFAULT) return refuse('in-use', `the tenant "${TENANT_DEFAULT}" is always there`, current.revision);
  const content = contentOf(edit, key.name);
  if (content !== '') return refuse('in-use', `there is something in it: ${content}`, current.revision);
  for (const subject of tables.between('schema-subject', keyRange(key.name))) edit.delete('schema-subject', subject);
  for (const stream of systemStreamsOf(edit, key.name)) {
    edit.delete('stream', stream);
    edit.put('deleted-stream', { id: stream.id, deletedAtMs: edit.atMs });
  }
  edit.delete('tenant', key);
  return edit.accept();
}

/** Streams that nobody asked for: every tenant has them, and they go with it. */
function systemStreamsOf({ tables }: Edit, tenant: string): readonly ResourceRecord<'stream'>[] {
  return [...tables.between('stream', keyRange(tenant))].filter(({ origin }) => origin === 'system');
}

/** Subjects without schemas only remember a number, and go with the tenant. */
function contentOf(edit: Edit, tenant: string): string {
  const without = { 'schema-subject': edit.tables.countIn('schema-subject', tenant), stream: systemStreamsOf(edit, tenant).length };
  const goWithIt: ReadonlyMap<string, number> = new Map(Object.entries(without));
  return TENANT_KINDS.map((kind) => ({ kind, count: edit.tables.countIn(kind, tenant) - (goWithIt.get(kind) ?? 0) }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${kind} ${count}`)
    .join(', ');
}
