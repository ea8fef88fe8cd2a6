import type { MessagePort } from 'node:worker_threads';
import type { ShardId } from '../broker/ports.js';
import type { JournalShape } from '../journal/placement.js';
import type { Settings } from '../settings/schema.js';
import type { PeerRings } from './links.js';
import type { LogNotice } from './port-logger.js';
import type { ShardAnswers, ShardQuestion } from './questions.js';

/*
  What main and a shard tell each other beside the rings: rare, and able to carry shared memory, which a ring is not. It goes by
  the worker's message port, in order, and what a shard said before it died still arrives.
*/

/** A TCP listener whose connections shards take. */
export interface TcpListenerHandOver {
  /** As in the settings. */
  readonly name: string;
  readonly tag: number;
  /** The listening descriptor to accept from (node transport); -1 if main accepts and deals. */
  readonly descriptor: number;
}

export interface WebSocketHandOver {
  readonly name: string;
  readonly tag: number;
  readonly host: string;
  /** Claimed by main, never 0. */
  readonly port: number;
  readonly path: string;
  readonly engine: 'uws' | 'ws';
  /** A listening descriptor that all shards share, or -1 where the engine binds by itself. */
  readonly descriptor: number;
}

/** Everything a shard starts from; crosses as `workerData`. */
export interface ShardHandOver {
  readonly shard: ShardId;
  readonly settings: Settings;
  readonly transportKind: 'native' | 'node';
  /** By shard; null for the shard itself. */
  readonly peers: readonly (PeerRings | null)[];
  readonly fromMain: SharedArrayBuffer;
  /** Memory of ThreadCells. */
  readonly cells: SharedArrayBuffer;
  /** Memory of the transport's counters, as Float64. */
  readonly counters: SharedArrayBuffer;
  /** Memory of ShardMetrics. */
  readonly metrics: SharedArrayBuffer;
  readonly tcpListeners: readonly TcpListenerHandOver[];
  readonly webSocket: WebSocketHandOver | null;
  /** The shard takes the place of one that died. */
  readonly replacesDead: boolean;
  /** Random per process. */
  readonly hashSeed: number;
  /** Memory of the quotas that are counted over all shards. */
  readonly quotas: SharedArrayBuffer;
  readonly shape: JournalShape;
}

export type ShardFailure = 'throw' | 'hang';

export type ShardOrder =
  /** A peer died; these are the rings to its successor. */
  | { readonly kind: 'replace-peer'; readonly peer: ShardId; readonly rings: PeerRings }
  /** The descriptor of a listener was opened anew (node transport). */
  | { readonly kind: 'accept-from'; readonly listener: TcpListenerHandOver }
  /** The process has no descriptors left, or some again: whether WebSocket listeners take connections. Main pauses its own. */
  | { readonly kind: 'pause-accepting' }
  | { readonly kind: 'resume-accepting' }
  /** The whole catalogue, encoded: the first order that a shard waits for. Later again if it was replaced. */
  | { readonly kind: 'catalogue'; readonly chunks: readonly Uint8Array[] }
  /** What changed in it, encoded. */
  | { readonly kind: 'catalogue-change'; readonly delta: Uint8Array }
  /** Answered by `answer` with the ticket. */
  | { readonly kind: 'query'; readonly ticket: number; readonly question: ShardQuestion }
  /** Every shard serves: all of them know who wants what. Also said again when one was replaced. */
  | { readonly kind: 'all-serving' }
  /** The way to authentication; null: its thread died, and is started again. */
  | { readonly kind: 'auth'; readonly port: MessagePort | null }
  /** Tell clients and let them go; answered by `drained`. */
  | { readonly kind: 'drain' }
  /** Close everything and end. */
  | { readonly kind: 'stop' }
  /** Fail as by a bug: throw what nobody catches, or never come back. For tests of the supervision. */
  | { readonly kind: 'fail'; readonly how: ShardFailure };

/** What a shard reports every second, for status pages. */
export interface ShardStatus {
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retained: number;
  /** Bytes that wait for other shards outside the rings. */
  readonly linkBytesWaiting: number;
  /** Messages that were dropped because another shard did not keep up. */
  readonly linkDroppedMessages: number;
}

/** `fault`: what keeps the shard from answering, in words; null if nothing does. */
export type ShardAnswer = { readonly fault: null; readonly body: ShardAnswers[ShardQuestion['kind']] } | { readonly fault: string };

export type ShardNotice =
  | { readonly kind: 'serving' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'status'; readonly status: ShardStatus }
  | { readonly kind: 'answer'; readonly ticket: number; readonly answer: ShardAnswer }
  /** The journal cannot be written any more: the node must end. */
  | { readonly kind: 'journal-failed' }
  /** A peer does not read its ring. */
  | { readonly kind: 'peer-stuck'; readonly peer: ShardId }
  | LogNotice
  /** The last words of a shard that ends by an error. */
  | { readonly kind: 'failed'; readonly error: unknown };
