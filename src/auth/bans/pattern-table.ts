import { matchesGlob } from '../../base/glob.js';

const WILDCARD = /[*?]/;

interface Entry<V> {
  readonly pattern: string;
  readonly value: V;
}

/** Entries by a text of some length: who looks needs one look-up for each length that occurs. */
type ByLength<V> = Map<number, Map<string, Map<string, Entry<V>>>>;

/**
 * Values by glob (base/glob.ts). A text is compared only with those patterns whose beginning up to the first wildcard it has, or, where a pattern
 * begins with a wildcard, whose end it has:
 *
 *   sensor-*    by its beginning  `sensor-`
 *   *-test      by its end        `-test`
 *   *bot*       compared with every text: its beginning and its end are empty
 */
export class PatternTable<V> {
  readonly #beginnings: ByLength<V> = new Map();
  readonly #ends: ByLength<V> = new Map();

  set(pattern: string, value: V): void {
    const [table, part] = this.#placeOf(pattern);
    const ofLength = opened(table, part.length);
    opened(ofLength, part).set(pattern, { pattern, value });
  }

  delete(pattern: string): void {
    const [table, part] = this.#placeOf(pattern);
    const ofLength = table.get(part.length);
    const entries = ofLength?.get(part);
    if (ofLength === undefined || entries === undefined) return;
    entries.delete(pattern);
    if (entries.size > 0) return;
    ofLength.delete(part);
    if (ofLength.size === 0) table.delete(part.length);
  }

  /** Calls `visit` for the value of each pattern that matches, until it returns true. */
  find(text: string, visit: (value: V) => boolean): void {
    for (const [length, entries] of this.#beginnings)
      if (length <= text.length && visitMatching(entries.get(text.slice(0, length)), text, visit)) return;
    for (const [length, entries] of this.#ends)
      if (length <= text.length && visitMatching(entries.get(text.slice(text.length - length)), text, visit)) return;
  }

  #placeOf(pattern: string): readonly [ByLength<V>, string] {
    const first = pattern.search(WILDCARD);
    if (first !== 0) return [this.#beginnings, first < 0 ? pattern : pattern.slice(0, first)];
    let last = pattern.length;
    while (last > 0 && !WILDCARD.test(pattern[last - 1])) last -= 1;
    return [this.#ends, pattern.slice(last)];
  }
}

function opened<K, L, W>(table: Map<K, Map<L, W>>, key: K): Map<L, W> {
  const known = table.get(key);
  if (known !== undefined) return known;
  const fresh = new Map<L, W>();
  table.set(key, fresh);
  return fresh;
}

function visitMatching<V>(entries: ReadonlyMap<string, Entry<V>> | undefined, text: string, visit: (value: V) => boolean): boolean {
  if (entries === undefined) return false;
  for (const { pattern, value } of entries.values()) if (matchesGlob(pattern, text) && visit(value)) return true;
  return false;
}
