import { parseInstant } from '../instant.js';

/*
  A subscription that begins in the past:

    $replay/<from>/<filter>

    from    10m                     so long ago: ms, s, m, h, d
            1893456000              seconds since the epoch
            2030-01-01T00:00:00Z    see instant.ts
            earliest                all that the log has
            last                    the last of each topic
*/

export const REPLAY_PREFIX = '$replay/';

const MS_BY_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export interface ReplayFilter {
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  /** Of what is old only the last record of each topic. */
  readonly isLast: boolean;
  readonly filter: string;
}

export function isReplay(filter: string): boolean {
  return filter.startsWith(REPLAY_PREFIX);
}

/** @returns null if a filter with the prefix does not say from when, or for what. */
export function parseReplay(text: string, nowMs: number): ReplayFilter | null {
  const end = text.indexOf('/', REPLAY_PREFIX.length);
  if (end < 0 || end + 1 === text.length) return null;
  const fromMs = parseFrom(text.slice(REPLAY_PREFIX.length, end), nowMs);
  const filter = text.slice(end + 1);
  if (fromMs === null || /^\$(?:replay|share|queue|exclusive|delayed)(?:\/|$)/.test(filter)) return null;
  return { fromMs, isLast: text.startsWith(`${REPLAY_PREFIX}last/`), filter };
}

function parseFrom(text: string, nowMs: number): number | null {
  if (text === 'earliest' || text === 'last') return 0;
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1000;
  const length = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (length !== null) return Math.max(0, nowMs - Number(length[1]) * MS_BY_UNIT[length[2]]);
  return parseInstant(text);
}
