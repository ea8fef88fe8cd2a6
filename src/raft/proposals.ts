import { assert } from '../base/assert.js';
import type { RaftCore } from './core.js';
import { payloadBytes } from './entry-size.js';
import type { Entry, EntryType } from './messages.js';

export interface NewEntry {
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/**
 * Appends entries of this leader's term. They are neither sent nor acknowledged yet.
 * @returns false if too much is uncommitted. Never for entries without data, nor if nothing is uncommitted.
 */
export function appendOwn(core: RaftCore, news: readonly NewEntry[]): boolean {
  assert(core.role === 'leader', 'only a leader makes entries');
  const first = core.log.lastIndex + 1;
  const entries: Entry[] = news.map(({ type, data }, at) => ({ term: core.term, index: first + at, type, data }));
  const bytes = payloadBytes(entries);
  if (bytes > 0 && core.uncommittedBytes > 0 && core.uncommittedBytes + bytes > core.options.uncommittedBytesMax) return false;
  core.uncommittedBytes += bytes;
  core.log.append(entries);
  return true;
}

/** A leader counts itself as others do: when its own disk has the entries. */
export function acknowledgeOwn(core: RaftCore): void {
  core.send({ type: 'append-response', to: core.id, index: core.log.lastIndex });
}

export function onEntriesApplied(core: RaftCore, bytes: number): void {
  core.uncommittedBytes = Math.max(0, core.uncommittedBytes - bytes);
}
