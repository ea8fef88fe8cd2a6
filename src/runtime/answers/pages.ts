import { BrokerError } from '../../base/errors.js';

/* Where a list goes on: opaque text, which is checked when it comes back. */

export function cursorOf(...parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** @returns as many parts as are asked for, all empty for the first page. @throws BrokerError RMQ-1036. */
export function partsOf(cursor: string, count: number): string[] {
  if (cursor === '') return new Array<string>(count).fill('');
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === count && parts.every((part) => typeof part === 'string')) return parts;
  } catch (error) {
    throw notACursor(error);
  }
  throw notACursor(undefined);
}

function notACursor(cause: unknown): BrokerError {
  return new BrokerError('RMQ-1036', '(after: this was not given as `next` by a page of this list)', { cause });
}

/** Rows of several shards in one order, cut where a shard could have more: what is behind that comes with the next page. */
export function mergePages<Row>(
  pages: readonly { readonly rows: readonly Row[]; readonly isCut: boolean }[],
  limit: number,
  keyOf: (row: Row) => string,
): { readonly rows: readonly Row[]; readonly isCut: boolean } {
  const all = pages.flatMap(({ rows }) => rows).sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  return { rows: all.slice(0, limit), isCut: all.length > limit || pages.some(({ isCut }) => isCut) };
}
