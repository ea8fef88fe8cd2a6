import type { AccessRule, Identity } from '../ports.js';
import { hasPlaceholder, substitute } from './placeholders.js';
import { parsePattern, type TopicPattern } from './topic-pattern.js';

/** Bits of `retain`: publishes with the flag, and without. */
const RETAIN_BITS = { any: 0b11, retained: 0b10, plain: 0b01 } as const satisfies Record<AccessRule['retain'], number>;
const EVERY_QOS = 0b111;

/** A rule as it is asked: one look at it costs no text. It is shared by all clients that it concerns, unless it has placeholders. */
export interface ParsedRule {
  readonly name: string;
  readonly order: number;
  readonly isAllowing: boolean;
  readonly isOfPublish: boolean;
  readonly isOfSubscribe: boolean;
  /** 1 << QoS. */
  readonly qosBits: number;
  /** 1 << 1 for retained, 1 << 0 for plain. Of no account to subscriptions. */
  readonly retainBits: number;
  readonly filter: string;
  readonly pattern: TopicPattern;
  readonly hasPlaceholder: boolean;
}

export function parseRule(name: string, rule: AccessRule): ParsedRule {
  const pattern = parsePattern(rule.filter);
  return {
    name,
    order: rule.order,
    isAllowing: rule.permission === 'allow',
    isOfPublish: rule.actions.includes('publish'),
    isOfSubscribe: rule.actions.includes('subscribe'),
    qosBits: rule.qos.length === 0 ? EVERY_QOS : rule.qos.reduce((bits, qos) => bits | (1 << qos), 0),
    retainBits: RETAIN_BITS[rule.retain],
    filter: rule.filter,
    pattern,
    hasPlaceholder: hasPlaceholder(pattern),
  };
}

/** The rule for one client. Null: it is about nothing. */
export function ruleFor(rule: ParsedRule, identity: Identity): ParsedRule | null {
  if (!rule.hasPlaceholder) return rule;
  const pattern = substitute(rule.pattern, rule.isAllowing, identity);
  return pattern === null ? null : { ...rule, pattern };
}

/** In which rules are looked at. Names decide by UTF-16 units, as in the catalogue. */
export function byOrder(left: ParsedRule, right: ParsedRule): number {
  if (left.order !== right.order) return left.order - right.order;
  if (left.name === right.name) return 0;
  return left.name < right.name ? -1 : 1;
}
