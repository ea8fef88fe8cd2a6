import { matchesFilter } from '../../../base/filter-match.js';
import { type ClientNames, nameFor, type Placeholder } from '../placeholders.js';
import { Expression } from './expression.js';
import { ExpressionFault } from './expression-syntax.js';

/** As in the catalogue: TopicRewriteValue of metadata/catalogue/resources.ts. */
export interface RewriteSettings {
  readonly tenant: string;
  readonly name: string;
  readonly order: number;
  readonly action: 'publish' | 'subscribe' | 'all';
  readonly filter: string;
  readonly pattern: string;
  readonly target: string;
}

/** Longer names are not looked into: a rule whose filter matches one refuses it. With the size of expressions this bounds the work. */
const NAME_LENGTH_MAX = 2048;

/** `unchanged`: the rule is not about this name. `refused`: it is, but what it makes of it is not told, for it is no name or not this client's to say. */
export type Rewritten =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'target'; readonly parts: TargetParts };

/** Texts, and what is another one for each client. */
export type TargetParts = readonly (string | { readonly of: Placeholder })[];

export const UNCHANGED: Rewritten = { kind: 'unchanged' };
export const REFUSED: Rewritten = { kind: 'refused' };

/** One rule, compiled. */
export class RewriteRule {
  readonly settings: RewriteSettings;
  readonly #expression: Expression;
  /** With numbers of groups. */
  readonly #target: readonly (TargetParts[number] | number)[];

  /** @throws ExpressionFault in words, if the rule cannot be applied. */
  constructor(settings: RewriteSettings) {
    this.settings = settings;
    this.#expression = new Expression(settings.pattern);
    this.#target = partsOf(settings.target, this.#expression.groups);
  }

  /** @param name a topic, or a filter without `$share`: its wildcards are levels like others. */
  apply(name: string): Rewritten {
    if (!matchesFilter(this.settings.filter, name)) return UNCHANGED;
    if (name.length > NAME_LENGTH_MAX) return REFUSED;
    const groups = this.#expression.match(name);
    if (groups === null) return UNCHANGED;
    return { kind: 'target', parts: this.#target.map((part) => (typeof part === 'number' ? (groups[part] ?? '') : part)) };
  }
}

/** What is wrong with a rule, in words; null: nothing. */
export function faultOfRewrite(settings: RewriteSettings): string | null {
  try {
    new RewriteRule(settings);
    return null;
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    return error.message;
  }
}

/** The target for one client; null: a placeholder cannot be filled. */
export function targetFor(parts: TargetParts, names: ClientNames): string | null {
  let target = '';
  for (const part of parts) {
    const text = typeof part === 'string' ? part : nameFor(part.of, names);
    if (text === null) return null;
    target += text;
  }
  return target;
}

/** `$1` to `$99` are groups, `$$` is the character. */
function partsOf(target: string, groups: number): (TargetParts[number] | number)[] {
  const parts: (TargetParts[number] | number)[] = [];
  let at = 0;
  for (const { index, 0: found, 1: group, 2: of } of target.matchAll(/\$(?:([1-9]\d?)|\$|\{(clientid|username|host)\})/g)) {
    parts.push(target.slice(at, index));
    if (group !== undefined) {
      if (Number(group) > groups) throw new ExpressionFault(`the target says $${group}, and the expression has ${groups} groups`);
      parts.push(Number(group));
    } else parts.push(of === undefined ? '$' : { of: of as Placeholder });
    at = index + found.length;
  }
  parts.push(target.slice(at));
  return parts.filter((part) => part !== '');
}
