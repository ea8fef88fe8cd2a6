/*
  Times in topics and filters: 2030-01-01T00:00:00Z, with or without seconds and their fractions, or with an offset behind UTC like -05:00: a `+` is
  a wildcard.
*/
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|-\d{2}:?\d{2})$/;

/** @returns milliseconds since the epoch; null if it is no such time. */
export function parseInstant(text: string): number | null {
  if (!INSTANT.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}
