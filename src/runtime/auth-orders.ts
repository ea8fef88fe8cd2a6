import type { MessagePort } from 'node:worker_threads';
import type { AdmissionStep, Admitted, Refused } from '../auth/admission.js';
import type { SourceCounters } from '../auth/chain/guarded-source.js';
import type { ConnectFacts, Identity } from '../auth/ports.js';
import type { Settings } from '../settings/schema.js';
import type { Fault } from './metadata-orders.js';
import type { LogNotice } from './port-logger.js';

/*
  Who tells whom what about clients that want in:

    main                                auth                                  shard
      hand-over --------------------->    opens its sources
      catalogue, catalogue-change ---->
      shard (with a port) ------------>   <------------- AuthTurn -----------  what wants in since its last turn, who is gone
      order `auth` (the other end) -------------------------------------->
                                          ----------- AuthAnswers ---------->  verdicts, steps, changes of those connected
      <------- ready, status, log

  Both ends send once in a turn of their loop, whatever has come together.
*/

export interface AuthHandOver {
  readonly settings: Settings;
  /** Memory of ThreadCells, for the log level. */
  readonly cells: SharedArrayBuffer;
}

export type AuthOrder =
  | { readonly kind: 'catalogue'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'catalogue-change'; readonly delta: Uint8Array }
  /** A shard that serves; an earlier port of it is done with. */
  | { readonly kind: 'shard'; readonly shard: number; readonly port: MessagePort }
  | { readonly kind: 'shard-down'; readonly shard: number }
  | { readonly kind: 'stop' };

export interface SourceStatus extends SourceCounters {
  /** It is spared for a while, because it did not answer. */
  readonly isDown: boolean;
}

export interface AuthStatus {
  readonly sources: Readonly<Record<string, SourceStatus>>;
  /** Connections that are watched, and for how long the account that waits longest has not been asked about. */
  readonly watched: number;
  readonly refreshLagMs: number;
  readonly hashesWaiting: number;
  readonly admitted: number;
  readonly refused: number;
}

export type AuthNotice =
  /** Sources are open, and the catalogue is here. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'status'; readonly status: AuthStatus }
  /** A setting of a source cannot be used: a file that is not there. */
  | { readonly kind: 'fatal'; readonly fault: Fault }
  | { readonly kind: 'stopped' }
  | LogNotice
  | { readonly kind: 'failed'; readonly error: unknown };

export interface AuthAsk {
  readonly ticket: number;
  readonly facts: ConnectFacts;
}

export interface AuthStepAsk {
  readonly ticket: number;
  readonly data: Uint8Array;
  /** With the first step; null: the exchange is known. */
  readonly begins: { readonly method: string; readonly facts: ConnectFacts } | null;
}

export interface AuthKeep {
  readonly owner: number;
  readonly identity: Identity;
  readonly stamp: string;
}

/** From a shard. */
export interface AuthTurn {
  readonly asks: readonly AuthAsk[];
  readonly steps: readonly AuthStepAsk[];
  /** Exchanges that nobody goes on with. */
  readonly over: readonly number[];
  readonly keeps: readonly AuthKeep[];
  /** Owners. */
  readonly letGo: readonly number[];
}

/** To a shard. */
export interface AuthAnswers {
  readonly verdicts: readonly { readonly ticket: number; readonly verdict: Admitted | Refused }[];
  readonly steps: readonly { readonly ticket: number; readonly step: AdmissionStep }[];
  readonly changes: readonly { readonly owner: number; readonly now: Identity | null; readonly stamp: string }[];
}
