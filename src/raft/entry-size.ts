import type { Entry } from './messages.js';

/** Term, index, type and lengths of an entry, beside its data. Makes empty entries count. In bytes. */
const ENTRY_OVERHEAD_BYTES = 24;

export function entryBytes(entry: Entry): number {
  return ENTRY_OVERHEAD_BYTES + entry.data.length;
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

/** Data alone: empty entries count nothing. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { data } of entries) bytes += data.length;
  return bytes;
}

/** How many of `entries` from `from` on fit in `bytesMax`; at least one, if there is one. */
export function countFitting(entries: readonly Entry[], from: number, to: number, bytesMax: number): number {
  let bytes = 0;
  for (let i = from; i < to; i += 1) {
    bytes += entryBytes(entries[i]);
    if (bytes > bytesMax && i > from) return i - from;
  }
  return to - from;
}
