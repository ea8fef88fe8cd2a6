import type { Command } from '../metadata/catalogue/commands.js';
import type { ChangeOf } from '../metadata/catalogue/resource-tables.js';
import type { ResourceRecord } from '../metadata/catalogue/resources.js';
import type { NodeQuestion } from './questions.js';

/* What the audit log says of changes, and what it does not: no password, no key, no token is in it. */

/** Kinds of the catalogue that operators change. Others change by themselves, and often. */
export type AuditedKind =
  | 'tenant'
  | 'user'
  | 'acl-rule'
  | 'ban'
  | 'stream'
  | 'retained-settings'
  | 'auto-subscription'
  | 'topic-rewrite'
  | 'connector'
  | 'rule'
  | 'setting';

export const AUDITED_KINDS: readonly AuditedKind[] = [
  ...(['tenant', 'user', 'acl-rule', 'ban', 'stream', 'retained-settings', 'auto-subscription', 'topic-rewrite'] as const),
  ...(['connector', 'rule', 'setting'] as const),
];

/** Fields that may hold a secret, and messages of clients: that they are there is all that is said. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'passwordHash',
  'scram',
  'password',
  'payload',
  'token',
  'tokenHash',
  'settings',
  'value:setting',
  'actions:rule',
  'text:schema',
]);
const SECRET = '(not shown)';

/** Everything is plain data: a record as it is now. */
export function recordOf<K extends AuditedKind>({ kind, key, record }: ChangeOf<K>): readonly [string, object] {
  if (record === null) return [`${kind}.deleted`, { key }];
  return [`${kind}.written`, { record: withoutSecrets(kind, record) }];
}

/** Names of questions that only look. */
const LOOKS = /-(?:list|show|get|status|explain|test|read)$/;
const OLDER_CHANGES: ReadonlySet<string> = new Set([
  'stream-create',
  'stream-delete',
  'session-delete',
  'cluster-join',
  'cluster-leave',
  'cluster-transfer',
]);

/** What a question changes; null: it only looks. */
export function changedBy(question: NodeQuestion): object | null {
  if (question.verb === 'ask') {
    if (LOOKS.test(question.question)) return null;
    return {
      question: question.question,
      ask: typeof question.ask === 'object' && question.ask !== null ? withoutSecrets('', question.ask) : {},
    };
  }
  if (!OLDER_CHANGES.has(question.verb)) return null;
  const { verb, ...ask } = question;
  return { question: verb, ask: withoutSecrets('', ask) };
}

/** What a command of the catalogue changes, that came from outside; null: nothing that operators do. */
export function changedByCommand(command: Command): { readonly question: string; readonly ask: object } | null {
  const { kind, ...fields } = command;
  if (kind === 'commit-offsets') return null; // Consumers do it, and often.
  const resource = kind.slice(kind.indexOf('-') + 1);
  const about = 'value' in fields ? fields.value : 'stream' in fields ? fields.stream : 'schema' in fields ? fields.schema : fields;
  const expected = 'expected' in fields ? { expected: fields.expected } : {};
  return { question: kind, ask: { ...withoutSecrets(resource, 'key' in fields ? fields.key : about), ...expected } };
}

function withoutSecrets(kind: string, fields: object | ResourceRecord<AuditedKind>): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, SECRET_FIELDS.has(name) || SECRET_FIELDS.has(`${name}:${kind}`) ? SECRET : value]),
  );
}
