import { z } from 'zod';
import { parseDuration, parseSize } from './units.js';

/* Forms that settings have: lengths of time, sizes and counts, each with its bounds. */

export const SECOND = 1000;
export const DAY: number = 86_400 * SECOND;
export const MIB: number = 2 ** 20;

type Amount = z.ZodDefault<z.ZodPipe<z.ZodUnion<readonly [z.ZodString, z.ZodNumber]>, z.ZodTransform<number, string | number>>>;

/** A text or a bare number that `parse` understands, within bounds. */
function amount(parse: (text: string) => number | null, form: string, defaultAmount: number, min: number, max: number): Amount {
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const parsed = parse(String(value));
      if (parsed === null || parsed < min || parsed > max) {
        const wanted = parsed === null ? `is not ${form}` : `is not between ${min} and ${max}`;
        context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} ${wanted}` });
        return z.NEVER;
      }
      return parsed;
    })
    .default(defaultAmount);
}

export function duration(defaultMs: number, minMs: number, maxMs: number, meaning: string): Amount {
  return amount(parseDuration, 'a duration like "10s" (ms, s, m, h, d)', defaultMs, minMs, maxMs).describe(`${meaning} (duration)`);
}

export function size(defaultBytes: number, minBytes: number, maxBytes: number, meaning: string): Amount {
  return amount(parseSize, 'a size like "64MiB" (B, kB, MB, GB, KiB, MiB, GiB)', defaultBytes, minBytes, maxBytes).describe(
    `${meaning} (size)`,
  );
}

export function count(defaultCount: number, min: number, max: number, meaning: string): z.ZodDefault<z.ZodInt> {
  return z.int().min(min).max(max).default(defaultCount).describe(meaning);
}
