const SLASH = 0x2f;
const PLUS = 0x2b;
const POUND = 0x23;
const DOLLAR = 0x24;

/** Whether a filter without `$share` matches a topic (MQTT 5.0 §4.7). For one topic; many go through a trie. */
export function matchesFilter(filter: string, topic: string): boolean {
  const first = filter.charCodeAt(0);
  if (topic.charCodeAt(0) === DOLLAR && (first === PLUS || first === POUND)) return false; // MQTT-4.7.2-1.
  let at = 0; // In the topic.
  for (let i = 0; i < filter.length; i += 1) {
    const unit = filter.charCodeAt(i);
    if (unit === POUND) return true;
    if (unit === PLUS) {
      while (at < topic.length && topic.charCodeAt(at) !== SLASH) at += 1;
      continue;
    }
    if (at === topic.length) return unit === SLASH && filter.charCodeAt(i + 1) === POUND && i + 2 === filter.length; // `a/#` has `a` too.
    if (topic.charCodeAt(at) !== unit) return false;
    at += 1;
  }
  return at === topic.length;
}
