import type { Entry, Message, MessageType, NodeId, Term } from './messages.js';

export const NO_BYTES: Uint8Array = new Uint8Array(0);
export const NO_ENTRIES: readonly Entry[] = [];
const NO_RESPONSES: readonly Message[] = [];

export type MessageParts = Partial<Message> & { readonly type: MessageType; readonly to: NodeId };

/** Always every field, in one order: one shape for all. */
export function makeMessage(parts: MessageParts, from: NodeId = parts.from ?? 0, term: Term = parts.term ?? 0): Message {
  return {
    type: parts.type,
    from,
    to: parts.to,
    term,
    logTerm: parts.logTerm ?? 0,
    index: parts.index ?? 0,
    entries: parts.entries ?? NO_ENTRIES,
    commit: parts.commit ?? 0,
    vote: parts.vote ?? 0,
    snapshot: parts.snapshot ?? null,
    isReject: parts.isReject ?? false,
    rejectHint: parts.rejectHint ?? 0,
    context: parts.context ?? NO_BYTES,
    membership: parts.membership ?? 0,
    responses: parts.responses ?? NO_RESPONSES,
  };
}
