import { ACL_RULES, BANS } from '../../admin/questions/mqtt-access.js';
import { AUTO_SUBSCRIPTIONS, TENANTS, TOPIC_REWRITES } from '../../admin/questions/mqtt-rules.js';
import type { Done, Page } from '../../admin/questions/question.js';
import type { Expecting, Kept, ResourceListAsk, ResourceQuestions } from '../../admin/questions/resources.js';
import { BrokerError } from '../../base/errors.js';
import type { Command } from '../../metadata/catalogue/commands.js';
import { keyText } from '../../metadata/catalogue/keys.js';
import type { KeyByKind, ResourceKind, ResourceRecord, ValueByKind } from '../../metadata/catalogue/resources.js';
import { faultOfCommand } from '../command-faults.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, partsOf } from './pages.js';

/* Resources of the catalogue: read from main's copy, which is a moment behind at most, and changed by the leader. */

export function listOf<K extends ResourceKind>(
  { catalogue }: AskedNode,
  kind: K,
  { after, limit, tenant, prefix }: ResourceListAsk,
): Page<ResourceRecord<K>> {
  const [seen] = partsOf(after, 1);
  const query = { ...(tenant === '' ? {} : { tenant }), prefix, limit: limit + 1 };
  const records = catalogue.list(kind, seen === '' ? query : { ...query, after: seen });
  const items = records.slice(0, limit);
  const last = items.at(-1);
  return { items, next: records.length > limit && last !== undefined ? cursorOf(keyText(kind, last)) : null, silent: [] };
}

/** @throws BrokerError RMQ-1023, RMQ-1029, RMQ-1030, RMQ-1031. */
export async function change(node: AskedNode, command: Command, what: string): Promise<void> {
  const fault = faultOfCommand(command);
  if (fault !== null) throw new BrokerError('RMQ-1031', `(${what}: ${fault})`);
  const [outcome] = await node.propose([command]);
  if (outcome.isOk) return;
  if (outcome.code === 'not-found') throw new BrokerError('RMQ-1023', `(${what}: ${outcome.detail})`);
  throw new BrokerError(outcome.code === 'conflict' ? 'RMQ-1030' : 'RMQ-1031', `(${what}: ${outcome.detail})`);
}

type Simple = 'acl-rule' | 'ban' | 'auto-subscription' | 'topic-rewrite' | 'tenant';

interface Changes<K extends Simple> {
  put(value: ValueByKind[K], expected: number | null): Command;
  delete(key: KeyByKind[K], expected: number | null): Command;
  /** For sentences. */
  name(key: KeyByKind[K]): string;
}

function resourceAnswers<K extends Simple>(
  kind: K,
  questions: ResourceQuestions<ValueByKind[K], KeyByKind[K]>,
  changes: Changes<K>,
): Answerer[] {
  return [
    answerer(questions.list, async (node, ask): Promise<Page<Kept<ValueByKind[K]>>> => listOf(node, kind, ask)),
    answerer(questions.put, async (node, { expected, ...value }: ValueByKind[K] & Expecting): Promise<Done> => {
      const written = value as unknown as ValueByKind[K]; // Without `expected` it is what the form says; the compiler does not subtract from generics.
      const what = changes.name(written as KeyByKind[K]);
      await change(node, changes.put(written, expected), what);
      return { text: `wrote ${what}` };
    }),
    answerer(questions.delete, async (node, { expected, ...key }: KeyByKind[K] & Expecting): Promise<Done> => {
      const gone = key as unknown as KeyByKind[K];
      const what = changes.name(gone);
      await change(node, changes.delete(gone, expected), what);
      return { text: `deleted ${what}` };
    }),
  ];
}

const named =
  (noun: string) =>
  ({ tenant, name }: { readonly tenant: string; readonly name: string }): string =>
    `${noun} "${name}"${tenant === 'default' ? '' : ` of tenant "${tenant}"`}`;

export const RESOURCE_ANSWERS: readonly Answerer[] = [
  ...resourceAnswers('acl-rule', ACL_RULES, {
    put: (value, expected) => ({ kind: 'put-acl-rule', value, expected }),
    delete: (key, expected) => ({ kind: 'delete-acl-rule', key, expected }),
    name: named('rule'),
  }),
  ...resourceAnswers('ban', BANS, {
    put: (value, expected) => ({ kind: 'put-ban', value, expected }),
    delete: (key, expected) => ({ kind: 'delete-ban', key, expected }),
    name: ({ kind, value }) => `ban of ${kind} "${value}"`,
  }),
  ...resourceAnswers('topic-rewrite', TOPIC_REWRITES, {
    put: (value, expected) => ({ kind: 'put-topic-rewrite', value, expected }),
    delete: (key, expected) => ({ kind: 'delete-topic-rewrite', key, expected }),
    name: named('topic rewrite'),
  }),
  ...resourceAnswers('auto-subscription', AUTO_SUBSCRIPTIONS, {
    put: (value, expected) => ({ kind: 'put-auto-subscription', value, expected }),
    delete: (key, expected) => ({ kind: 'delete-auto-subscription', key, expected }),
    name: named('auto-subscription'),
  }),
  ...resourceAnswers('tenant', TENANTS, {
    put: (value, expected) => ({ kind: 'put-tenant', value, expected }),
    delete: (key, expected) => ({ kind: 'delete-tenant', key, expected }),
    name: ({ name }) => `tenant "${name}"`,
  }),
];
