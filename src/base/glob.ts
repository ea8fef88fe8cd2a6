/**
 * Whether a text matches a pattern with `*` (any number of characters) and `?` (one). In time that grows with the product of
 * both lengths at worst, whatever the pattern.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let wanted = 0;
  /** The last star, and how far it reaches: if what follows does not match, it takes one more. */
  let star = -1;
  let reach = 0;
  while (at < text.length) {
    const character = pattern[wanted];
    if (character === '*') {
      star = wanted;
      reach = at;
      wanted += 1;
    } else if (character === '?' || character === text[at]) {
      at += 1;
      wanted += 1;
    } else if (star >= 0) {
      reach += 1;
      at = reach;
      wanted = star + 1;
    } else return false;
  }
  while (pattern[wanted] === '*') wanted += 1;
  return wanted === pattern.length;
}
