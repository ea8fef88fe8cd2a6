import type { AccessRule } from '../ports.js';
import { SourceFault } from './source.js';

/*
  Rules as sources outside have them: rows of a table, documents, fields of JSON. Each names permission, action and topic; qos and retain are
  there if it is to be narrower. Their order is that in which they come. A rule that cannot be read is a fault of the source and lets nobody in:
  to leave out one that forbids would open what it closes.

    { "permission": "allow", "action": "subscribe", "topic": "site/${clientid}/#", "qos": [0, 1], "retain": "plain" }
*/

const RULES_MAX = 1000;
const FILTER_LENGTH_MAX = 65_535;
const ANYBODY: AccessRule['principal'] = { kind: 'any', value: '' };

type Action = AccessRule['actions'][number];

const ACTIONS: ReadonlyMap<string, readonly Action[]> = new Map([
  ['publish', ['publish']],
  ['pub', ['publish']],
  ['subscribe', ['subscribe']],
  ['sub', ['subscribe']],
  ['all', ['publish', 'subscribe']],
  ['pubsub', ['publish', 'subscribe']],
]);

const RETAINS: ReadonlyMap<unknown, AccessRule['retain']> = new Map<unknown, AccessRule['retain']>([
  ...[undefined, null, '', 'any', 'all'].map((word) => [word, 'any'] as const),
  ...['retained', 'true', '1', true, 1].map((word) => [word, 'retained'] as const),
  ...['plain', 'false', '0', false, 0].map((word) => [word, 'plain'] as const),
]);

/** @throws SourceFault. */
export function rulesOf(rows: readonly unknown[]): AccessRule[] {
  if (rows.length > RULES_MAX) throw new SourceFault(`more than ${RULES_MAX} rules for one client`);
  return rows.map(ruleOf);
}

/** A list of rules, or `{ "pub": [topics], "sub": [topics], "all": [topics] }`. @throws SourceFault. */
export function rulesOfClaim(claim: unknown): AccessRule[] {
  if (Array.isArray(claim)) return rulesOf(claim);
  if (typeof claim !== 'object' || claim === null) throw new SourceFault('rules are neither a list nor topics by action');
  const rows: object[] = [];
  for (const [action, topics] of Object.entries(claim)) {
    if (!Array.isArray(topics)) throw new SourceFault(`topics of ${action} are no list`);
    for (const topic of topics) rows.push({ permission: 'allow', action, topic });
  }
  return rulesOf(rows);
}

/** Topics that a client may use in one way, after other rules. @throws SourceFault. */
export function grantedTopics(action: string, topics: readonly string[]): object[] {
  return topics.map((topic) => ({ permission: 'allow', action, topic }));
}

function ruleOf(row: unknown, order: number): AccessRule {
  if (typeof row !== 'object' || row === null) throw new SourceFault('a rule is no table');
  const field = (name: string): unknown => Reflect.get(row, name) ?? undefined;
  const permission = field('permission') ?? 'allow';
  if (permission !== 'allow' && permission !== 'deny') throw new SourceFault('permission of a rule is neither allow nor deny');
  const actions = ACTIONS.get(String(field('action') ?? 'all'));
  if (actions === undefined) throw new SourceFault('action of a rule is none of publish, subscribe and all');
  const topic = field('topic');
  if (typeof topic !== 'string' || !isFilter(topic)) throw new SourceFault('topic of a rule is no topic filter');
  const retain = RETAINS.get(field('retain'));
  if (retain === undefined) throw new SourceFault('retain of a rule is none of any, retained and plain');
  return { order, permission, principal: ANYBODY, actions, filter: topic, qos: qosOf(field('qos')), retain };
}

/** A number, a list of them, or a text with commas. */
function qosOf(value: unknown): number[] {
  if (value === undefined || value === '') return [];
  const parts: unknown[] = Array.isArray(value) ? value : String(value).split(',');
  const levels = parts.map((part) => (typeof part === 'string' && part.trim() === '' ? Number.NaN : Number(part)));
  if (levels.some((level) => level !== 0 && level !== 1 && level !== 2)) throw new SourceFault('qos of a rule is none of 0, 1 and 2');
  return [...new Set(levels)];
}

/** MQTT 5.0 §4.7: a wildcard is alone in its level, and `#` in the last. */
function isFilter(text: string): boolean {
  if (text.length === 0 || text.length > FILTER_LENGTH_MAX || text.includes('\0')) return false;
  const levels = text.split('/');
  return levels.every((level, at) => level === '+' || (level === '#' ? at === levels.length - 1 : !/[+#]/.test(level)));
}
