import type { GroupPositions } from './durable-filters.js';
import type { ExclusiveMessage } from './exclusive-topics.js';
import type { ClaimOutcome, QueueMessage, RetainedPlace, ShardId, StoredMessage } from './ports.js';
import type { PageMessage } from './retained-pages.js';

/** Messages between the brokers of two shards. Small, rare; encoded by msgpackr in runtime/envelope.ts. */
export type PeerMessage =
  | {
      readonly kind: 'interest-add';
      /** 0: no answer is wanted. */
      readonly ticket: number;
      readonly filter: string;
      readonly wantsRetained: boolean;
      /** Of a shared subscription: how many members it has there, and what that shard calls the group. 0 for others. */
      readonly members: number;
      readonly group: number;
    }
  | {
      readonly kind: 'interest-added';
      readonly ticket: number;
      readonly retained: readonly StoredMessage[];
      readonly next: RetainedPlace | null;
    }
  | PageMessage
  | { readonly kind: 'interest-remove'; readonly filter: string }
  /** Of groups by the receiver's number: how many members of the sender are free, and how many messages they have in hand. */
  | { readonly kind: 'shared-loads'; readonly loads: readonly (readonly [group: number, free: number, load: number])[] }
  | { readonly kind: 'retain'; readonly ticket: number; readonly topic: string; readonly message: StoredMessage | null }
  | { readonly kind: 'retained'; readonly ticket: number; readonly status: 'stored' | 'quota-exceeded' }
  | { readonly kind: 'claim'; readonly ticket: number; readonly clientId: string; readonly owner: string; readonly discard: boolean }
  | {
      readonly kind: 'surrender';
      readonly ticket: number;
      readonly clientId: string;
      /** Of the claimant; null: the registrar itself wants it gone. */
      readonly owner: string | null;
      readonly discard: boolean;
      readonly claimant: ShardId;
    }
  | { readonly kind: 'surrendered'; readonly ticket: number; readonly clientId: string; readonly outcome: ClaimOutcome }
  | { readonly kind: 'claimed'; readonly ticket: number; readonly clientId: string; readonly outcome: ClaimOutcome }
  | { readonly kind: 'release'; readonly clientId: string }
  /** `claimedAtMs`: of sessions that the journal has kept, when a connection had each of them last. Empty for those that are in use. */
  | { readonly kind: 'holds'; readonly clientIds: readonly string[]; readonly claimedAtMs: readonly number[] }
  /** `peer` died: who gave it sessions that it had not kept has them again, and says so by `holds`. */
  | { readonly kind: 'return'; readonly peer: ShardId }
  /** A later state of the session is on another shard. */
  | { readonly kind: 'outdated'; readonly clientId: string }
  | ExclusiveMessage
  | { readonly kind: 'durable-add'; readonly ticket: number; readonly filter: string }
  | { readonly kind: 'durable-added'; readonly ticket: number; readonly positions: GroupPositions }
  | { readonly kind: 'durable-remove'; readonly filter: string }
  | QueueMessage;
