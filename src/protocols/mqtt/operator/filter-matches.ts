/** Whether a filter without `$share` matches a topic name, MQTT 5.0 §4.7. */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false; // MQTT-4.7.2-1.
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true;
    if (at >= levels.length || (level !== '+' && level !== levels[at])) return false;
    // `a/#` matches `a` too.
    if (at + 1 === levels.length && wanted.length === at + 2 && wanted[at + 1] === '#') return true;
  }
  return wanted.length === levels.length;
}
