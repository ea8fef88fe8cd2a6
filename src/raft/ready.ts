import type { RaftCore, ReadState, SoftState } from './core.js';
import { makeMessage } from './make-message.js';
import { type Entry, type HardState, type Message, NO_NODE, type Snapshot } from './messages.js';

/** Work that the node wants done. */
export interface Ready {
  /** null: as it was. */
  readonly softState: SoftState | null;
  /** null: as it was. */
  readonly hardState: HardState | null;
  /** To be made durable; they replace those from the first one's index on. */
  readonly entries: readonly Entry[];
  /** Replaces the log and the state machine. Never with entries. */
  readonly snapshot: Snapshot | null;
  readonly committedEntries: readonly Entry[];
  /** To other nodes. With asynchronous storage they may go at once; without, after hard state, entries and snapshot are durable. */
  readonly messages: readonly Message[];
  readonly readStates: readonly ReadState[];
  /** Term, vote or entries changed: a promise may depend on them. Of the commit index nothing depends. */
  readonly mustSync: boolean;
  /** With asynchronous storage: hard state, entries and snapshot as one piece of work, and who is told when it is durable. In order. */
  readonly storageAppend: Message | null;
  /** With asynchronous storage: the committed entries as a piece of work. In order. */
  readonly storageApply: Message | null;
}

/** @param hardState null: as it was; the work then has term, vote and commit 0. */
export function makeStorageAppend(
  core: RaftCore,
  hardState: HardState | null,
  entries: readonly Entry[],
  snapshot: Snapshot | null,
): Message | null {
  const { afterAppend } = core;
  if (hardState === null && entries.length === 0 && snapshot === null && afterAppend.length === 0) return null;
  const response = makeAppendResponse(core, snapshot);
  const responses = response === null ? afterAppend : [...afterAppend, response];
  return makeMessage({ type: 'storage-append', to: NO_NODE, from: core.id, ...hardState, entries, snapshot, responses });
}

/**
 * The node's own answer when all that is unstable now is durable; null if nothing is. It speaks of the last entry of the whole log, also if that was
 * handed out before, and has the term of now. After a change of term an answer that is under way is ignored: entries of that index may have been
 * replaced and put back since, with the replacement yet to be written. The first answer of the new term then speaks for all before it.
 */
export function makeAppendResponse(core: RaftCore, snapshot: Snapshot | null): Message | null {
  const { log, id, term } = core;
  if (!log.hasUnstableEntries && snapshot === null) return null;
  const last = log.hasUnstableEntries ? { index: log.lastIndex, logTerm: log.lastTerm } : {};
  return makeMessage({ type: 'storage-append-response', to: id, from: id, term, ...last, snapshot });
}

export function makeStorageApply(core: RaftCore, entries: readonly Entry[]): Message | null {
  const response = makeApplyResponse(core, entries);
  if (response === null) return null;
  return makeMessage({ type: 'storage-apply', to: NO_NODE, from: core.id, entries, responses: [response] });
}

/** Without a term: what is committed stays so. */
export function makeApplyResponse(core: RaftCore, entries: readonly Entry[]): Message | null {
  return entries.length === 0 ? null : makeMessage({ type: 'storage-apply-response', to: core.id, from: core.id, entries });
}
