import type { StoredPassword } from '../passwords/stored-password.js';
import type { AccessRule, ConnectFacts, Identity } from '../ports.js';

/*
  A source knows who clients are. Each is one small file; what all of them need (limits, memory, what happens when one does not answer) is
  around them, in chain/.
*/

/** What a source gives to whom it lets in. */
export interface Grant {
  readonly user: string;
  readonly isSuperuser: boolean;
  /** null: the source says nothing of rights. */
  readonly rules: readonly AccessRule[] | null;
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresAtMs: number;
  /** Another one when the account has another password: whoever came with the old one has to go. Empty: cannot be said. */
  readonly stamp: string;
}

export type Judgement =
  /** It has the account: whoever knows its password gets the grant. null: no password does. */
  | { readonly kind: 'account'; readonly password: StoredPassword | null; readonly grant: Grant }
  | { readonly kind: 'allowed'; readonly grant: Grant }
  /** It knows the account, and this is not who it says. The sentence is for the log. */
  | { readonly kind: 'denied'; readonly sentence: string }
  /** It knows nothing of it: the next source is asked. */
  | { readonly kind: 'ignored' };

export const IGNORED: Judgement = { kind: 'ignored' };

export function denied(sentence: string): Judgement {
  return { kind: 'denied', sentence };
}

/** What a source can say of a client that it let in, without its password. */
export interface Recheck {
  /** Equal for clients of which the answer is the same. */
  keyOf(identity: Identity): string;
  /** null: there is no such account any more. Rejects if it cannot be said now. */
  ask(identity: Identity): Promise<Grant | null>;
}

export interface Source {
  /** Rejects with SourceFault, or whatever its driver throws. */
  judge(facts: ConnectFacts): Promise<Judgement>;
  /** What the answer depends on; null: it is not to be remembered. */
  memoryKeyOf(facts: ConnectFacts): readonly (string | Uint8Array)[] | null;
  /** null: it cannot. */
  readonly recheck: Recheck | null;
  /** It knows of every change itself and calls `onChanged` then: nothing of it is remembered, and it is not asked in between. */
  readonly tellsChanges: boolean;
  /** @param keys of the recheck that may have another answer now; null: all. */
  onChanged: (keys: readonly string[] | null) => void;
  close(): Promise<void>;
}

/** The source answered, and its answer is of no use. The sentence is for the operator. */
export class SourceFault extends Error {
  override readonly name = 'SourceFault';
}

/** Too much waits already. */
export class TooBusy extends Error {
  override readonly name = 'TooBusy';
}
