/*
  Topic filters cut into levels, MQTT 5.0 §4.7:

    a/+/c    levels [a, +, c]
    a/#      levels [a], open: the topic may go on, or end there (§4.7.1.2)
    #        levels [+], open: every topic has at least one level

  In this form a topic matches if its levels do, and it has as many, or more and the pattern is open. A `+` in front matches no level that
  begins with `$` (§4.7.2), and so neither does `#` alone.
*/

export interface TopicPattern {
  /** At least one. */
  readonly levels: readonly string[];
  readonly isOpen: boolean;
}

export const ANY_LEVEL = '+';
const REST = '#';
const DOLLAR = '$';

/** @param filter one that is well-formed, without `$share`. */
export function parsePattern(filter: string): TopicPattern {
  const levels = filter.split('/');
  if (levels[levels.length - 1] !== REST) return { levels, isOpen: false };
  levels.pop();
  return { levels: levels.length === 0 ? [ANY_LEVEL] : levels, isOpen: true };
}

/** Whether a level of a pattern stands for a level of a topic. @param depth of the level, from 0. */
export function matchesLevel(wanted: string, level: string, depth: number): boolean {
  if (wanted !== ANY_LEVEL) return wanted === level;
  return depth > 0 || !level.startsWith(DOLLAR);
}

/** @param topic its levels. */
export function matchesTopic({ levels, isOpen }: TopicPattern, topic: readonly string[]): boolean {
  const count = levels.length;
  if (isOpen ? topic.length < count : topic.length !== count) return false;
  for (let depth = 0; depth < count; depth += 1) if (!matchesLevel(levels[depth], topic[depth], depth)) return false;
  return true;
}
