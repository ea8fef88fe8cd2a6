/*
  Lengths of time and sizes as people write them, and back.

    duration => number unit, unit: ms s m h d         "10s" "1.5h" "7d" "0s"      to milliseconds
    size     => number unit, unit: B, kB MB GB (1000), KiB MiB GiB (1024)         to bytes

  A bare number is milliseconds, respectively bytes. Results are whole, not negative, and exact.
*/

const MS_BY_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const BYTES_BY_UNIT: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['kb', 1000],
  ['mb', 1000 ** 2],
  ['gb', 1000 ** 3],
  ['kib', 1024],
  ['mib', 1024 ** 2],
  ['gib', 1024 ** 3],
]);

/** @returns milliseconds, or null if the text is not a length of time. */
export function parseDuration(text: string): number | null {
  return parseAmount(text, MS_BY_UNIT);
}

/** @returns bytes, or null if the text is not a size. */
export function parseSize(text: string): number | null {
  return parseAmount(text, BYTES_BY_UNIT);
}

function parseAmount(text: string, factorByUnit: ReadonlyMap<string, number>): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return null;
  const unit = match[2].toLowerCase();
  const factor = unit === '' ? 1 : factorByUnit.get(unit);
  if (factor === undefined) return null;
  const amount = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(amount) ? amount : null;
}

/** The shortest exact form: 10000 is `10s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  for (const [unit, factor] of [...MS_BY_UNIT].reverse()) if (ms % factor === 0) return `${ms / factor}${unit}`;
  return `${ms}ms`;
}

/** The shortest exact form: 67108864 is `64MiB`. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0B';
  for (const unit of ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'kB']) {
    const factor = BYTES_BY_UNIT.get(unit.toLowerCase());
    if (factor !== undefined && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}
