import type { Identity } from '../ports.js';
import { ANY_LEVEL, type TopicPattern } from './topic-pattern.js';

/*
  ${clientid} and ${username} in the levels of a rule's filter. They are put in after the filter was cut into levels, so that no name makes a
  rule wider than it reads: `u/${clientid}/#` is about one level below u, whatever the client calls itself.

  A name that cannot be (part of) one level, because it is empty or has one of + # / NUL, is not put in. A rule that allows then matches
  nothing. A rule that forbids matches any level in that place: it forbids more rather than nothing. The same goes for a name that would make the
  filter's first level begin with `$`: allowing rules do not open $SYS to a client that calls itself so.
*/

const PLACEHOLDER = /\$\{(clientid|username)\}/g;
/** What a name may not have. */
const UNFIT = /[+#/\0]/;

export function hasPlaceholder(pattern: TopicPattern): boolean {
  return pattern.levels.some((level) => level.includes('${') && level.search(PLACEHOLDER) >= 0);
}

/** @returns null: the rule matches nothing. */
export function substitute(pattern: TopicPattern, isAllowing: boolean, { clientId, user }: Identity): TopicPattern | null {
  const levels: string[] = [];
  for (const [depth, level] of pattern.levels.entries()) {
    let isUnfit = false;
    const whole = level.replace(PLACEHOLDER, (_placeholder, kind: string) => {
      const name = kind === 'clientid' ? clientId : user;
      if (name === '' || UNFIT.test(name)) isUnfit = true;
      return name;
    });
    // A `$` of the rule itself is meant.
    if (depth === 0 && isAllowing && whole.startsWith('$') && (level.startsWith('${') || !level.startsWith('$'))) isUnfit = true;
    if (!isUnfit) levels.push(whole);
    else if (isAllowing) return null;
    else levels.push(ANY_LEVEL);
  }
  return { levels, isOpen: pattern.isOpen };
}
