/*
  Topic names and filters, MQTT 5.0 §4.7 and §4.8.2 (the same in MQTT 3.1.1, which gives `$share` no meaning; we do).

    name    a/b/c        levels between slashes, possibly empty; no wildcard
    filter  a/+/c, a/#   `+` is a whole level, `#` is the whole last level
    shared  $share/<group>/<filter>, and $queue/<filter> for $share/$queue/<filter>: a group without a name of its own, as other brokers have it

  Text that comes here was UTF-8 once, so it has no lone surrogates. U+0000 is refused, and so are other control characters,
  as §1.5.4 permits: they have no place in a name and break the terminal that prints it.
*/

/** `ok`: an ordinary filter. `shared`: a well-formed shared one. `deep`: well-formed, with more levels than allowed. */
export type FilterCheck = 'ok' | 'shared' | 'deep' | 'malformed';

export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

const SHARE_PREFIX = '$share/';
const QUEUE_PREFIX = '$queue/';
const SLASH = 0x2f;
const HASH = 0x23;
const PLUS = 0x2b;

export function isTopicName(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit === HASH || unit === PLUS || isControl(unit)) return false;
  }
  return true;
}

/** A filter as it is known from here on: `$queue/...` is a shared one. */
export function fullFilter(text: string): string {
  return text.startsWith(QUEUE_PREFIX) ? SHARE_PREFIX + text : text;
}

/** @param levelsMax counted without `$share` and the group. */
export function checkFilter(given: string, levelsMax: number): FilterCheck {
  const text = fullFilter(given);
  if (!text.startsWith(SHARE_PREFIX)) {
    if (!isFilter(text, 0)) return 'malformed';
    return levelsIn(text, 0) > levelsMax ? 'deep' : 'ok';
  }
  const start = sharedFilterStart(text);
  if (start < 0 || !isFilter(text, start)) return 'malformed';
  return levelsIn(text, start) > levelsMax ? 'deep' : 'shared';
}

/** The parts of a shared filter; null if the text is an ordinary filter or a malformed one. */
export function parseShared(text: string): SharedFilter | null {
  if (!text.startsWith(SHARE_PREFIX)) return null;
  const start = sharedFilterStart(text);
  if (start < 0 || start >= text.length) return null;
  return { group: text.slice(SHARE_PREFIX.length, start - 1), filter: text.slice(start) };
}

/** The filter that topics are matched with: what is behind `$share/<group>/`, or all of it. */
export function filterToMatch(text: string): string {
  return parseShared(text)?.filter ?? text;
}

/** Where the filter begins in a text with SHARE_PREFIX; -1 if the group is empty or has a wildcard, or nothing follows it (§4.8.2). */
function sharedFilterStart(text: string): number {
  for (let i = SHARE_PREFIX.length; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit === HASH || unit === PLUS || isControl(unit)) return -1;
    if (unit === SLASH) return i === SHARE_PREFIX.length ? -1 : i + 1;
  }
  return -1;
}

function isFilter(text: string, start: number): boolean {
  const end = text.length;
  if (start >= end) return false;
  for (let i = start; i < end; i += 1) {
    const unit = text.charCodeAt(i);
    if (isControl(unit)) return false;
    if (unit !== PLUS && unit !== HASH) continue;
    const opensLevel = i === start || text.charCodeAt(i - 1) === SLASH;
    const closesLevel = i + 1 === end || (unit === PLUS && text.charCodeAt(i + 1) === SLASH);
    if (!opensLevel || !closesLevel) return false;
  }
  return true;
}

function levelsIn(text: string, start: number): number {
  let levels = 1;
  for (let i = start; i < text.length; i += 1) if (text.charCodeAt(i) === SLASH) levels += 1;
  return levels;
}

function isControl(unit: number): boolean {
  return unit < 0x20 || (unit >= 0x7f && unit < 0xa0);
}
