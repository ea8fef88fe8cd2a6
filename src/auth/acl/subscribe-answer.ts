import type { SubscribeAnswer } from '../ports.js';
import type { ParsedRule } from './parsed-rule.js';
import { ANY_LEVEL, matchesLevel, type TopicPattern } from './topic-pattern.js';

/*
  A filter stands for many topics, and rules may allow some of them and forbid others. The answer is exact: topics are told apart level by
  level, and only as far as the rules tell them apart. For the filter `a/#` and the rules

    deny  a/b/#        level 0: `a`  --> level 1: `b`      --> the first rule decides, whatever follows: forbidden
    allow a/+/c                               anything else --> level 2: `c` --> ends here: allowed, goes on: forbidden
                                                                 else: forbidden
    --> guarded

  The walk ends as soon as it has met both, or when one rule decides all that is below. Rules that tell very much apart make it long: after
  STEPS_MAX it says `guarded`, which is right for each topic, as each is asked for then.
*/

const STEPS_MAX = 4096;
const ALLOWED = 1;
const FORBIDDEN = 2;
/** A level that is none of those that a rule names. Never text of a topic: those have no control characters. */
const OTHER_LEVEL = '\0';

/** @param rules about subscriptions of this QoS, in their order. What none of them matches is forbidden. */
export function answerTo(filter: TopicPattern, rules: readonly ParsedRule[]): SubscribeAnswer {
  const walk = new Walk(filter);
  walk.descend(0, rules, true);
  if (walk.seen === (ALLOWED | FORBIDDEN)) return 'guarded';
  return walk.seen === ALLOWED ? 'yes' : 'no';
}

class Walk {
  /** ALLOWED and FORBIDDEN. */
  seen = 0;
  #stepsLeft = STEPS_MAX;
  readonly #filter: TopicPattern;

  constructor(filter: TopicPattern) {
    this.#filter = filter;
  }

  /**
   * @param depth levels that are decided.
   * @param rules those whose levels agree with them.
   * @param isEmpty all of these levels are empty text: there is no topic of one such level.
   */
  descend(depth: number, rules: readonly ParsedRule[], isEmpty: boolean): void {
    if (this.#isOver()) return;
    const { levels, isOpen } = this.#filter;
    const canEnd = depth > 0 && (isOpen ? depth >= levels.length : depth === levels.length) && !(isEmpty && depth === 1);
    if (canEnd) this.#note(rules.find(({ pattern }) => endsAt(pattern, depth)));
    if (depth >= levels.length && !isOpen) return;
    const going = rules.filter(({ pattern }) => depth < pattern.levels.length || pattern.isOpen);
    // Which rules match whatever follows? Behind the first of them none counts.
    const certain = going.findIndex(({ pattern }) => depth >= pattern.levels.length);
    if (certain === 0 || going.length === 0) {
      this.#note(going[0]);
      return;
    }
    if (certain > 0) going.length = certain + 1;
    const wanted = depth < levels.length ? levels[depth] : ANY_LEVEL;
    if (wanted !== ANY_LEVEL) {
      this.#enter(depth, wanted, going, isEmpty);
      return;
    }
    this.#enter(depth, OTHER_LEVEL, going, isEmpty);
    for (const level of literalsOf(going, depth)) if (matchesLevel(ANY_LEVEL, level, depth)) this.#enter(depth, level, going, isEmpty);
  }

  #enter(depth: number, level: string, rules: readonly ParsedRule[], isEmpty: boolean): void {
    const agreeing = rules.filter(({ pattern: { levels } }) => depth >= levels.length || matchesLevel(levels[depth], level, depth));
    this.descend(depth + 1, agreeing, isEmpty && level === '');
  }

  #note(rule: ParsedRule | undefined): void {
    this.seen |= rule?.isAllowing === true ? ALLOWED : FORBIDDEN;
  }

  #isOver(): boolean {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft < 0) this.seen = ALLOWED | FORBIDDEN;
    return this.seen === (ALLOWED | FORBIDDEN);
  }
}

/** Whether a topic of so many levels, which agree, matches. */
function endsAt({ levels, isOpen }: TopicPattern, count: number): boolean {
  return isOpen ? count >= levels.length : count === levels.length;
}

function literalsOf(rules: readonly ParsedRule[], depth: number): ReadonlySet<string> {
  const literals = new Set<string>();
  for (const { pattern } of rules) {
    const level = pattern.levels[depth];
    if (level !== undefined && level !== ANY_LEVEL) literals.add(level);
  }
  return literals;
}
