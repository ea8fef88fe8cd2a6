import type { MessagePort } from 'node:worker_threads';
import type { DoorNotesTaken } from '../auth/audit/door-notes.js';
import type { ShardId } from '../broker/ports.js';
import type { BridgeReport } from '../connectors/mqtt/bridge.js';
import type { JournalShape } from '../journal/placement.js';
import type { ServerMessage } from '../protocols/mqtt/sys/server-message.js';
import type { TracePart, TraceSpec } from '../protocols/mqtt/trace/tracing.js';
import type { Settings } from '../settings/schema.js';
import type { TlsMaterial } from '../transport/tls/material.js';
import type { PeerRings } from './links.js';
import type { LogNotice } from './port-logger.js';
import type { ShardAnswers, ShardQuestion } from './questions.js';

/*
  What main and a shard tell each other beside the rings: rare, and able to carry shared memory, which a ring is not. It goes by
  the worker's message port, in order, and what a shard said before it died still arrives.
*/

/** A listener whose connections shards take. What else it is stands in the settings: `listenersOf`. */
export interface ListenerHandOver {
  readonly tag: number;
  /** The real one, never 0; 0 of a unix socket. */
  readonly port: number;
  /** The listening descriptor to accept from (node transport); -1 if main accepts and deals, or uWebSockets.js listens by itself. */
  readonly descriptor: number;
  /** Of WebSockets; null: of others. */
  readonly engine: 'uws' | 'ws' | null;
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
  readonly listeners: readonly ListenerHandOver[];
  /** Connections by listener: memory of ListenerCells. */
  readonly listenerCells: SharedArrayBuffer;
  /** Certificates and keys by the listener's tag, as far as they are there. */
  readonly tls: ReadonlyMap<number, TlsMaterial>;
  /** The shard takes the place of one that died. */
  readonly replacesDead: boolean;
  /** Random per process. */
  readonly hashSeed: number;
  /** Of this node, unlike that of any other broker. */
  readonly brokerId: string;
  /** Memory of the quotas that are counted over all shards. */
  readonly quotas: SharedArrayBuffer;
  readonly shape: JournalShape;
}

export type ShardFailure = 'throw' | 'hang';

export type ShardOrder =
  /** A peer died; these are the rings to its successor. */
  | { readonly kind: 'replace-peer'; readonly peer: ShardId; readonly rings: PeerRings }
  /** The descriptor of a listener was opened anew (node transport). */
  | { readonly kind: 'accept-from'; readonly listener: ListenerHandOver }
  /** The process has no descriptors left, or some again: whether WebSocket listeners take connections. Main pauses its own. */
  | { readonly kind: 'pause-accepting' }
  | { readonly kind: 'resume-accepting' }
  /** The whole catalogue, encoded: the first order that a shard waits for. Later again if it was replaced. */
  | { readonly kind: 'catalogue'; readonly chunks: readonly Uint8Array[] }
  /** What changed in it, encoded. */
  | { readonly kind: 'catalogue-change'; readonly delta: Uint8Array }
  /** Answered by `answer` with the ticket. */
  | { readonly kind: 'query'; readonly ticket: number; readonly question: ShardQuestion }
  /** Certificates and keys of a listener, from now on. */
  | { readonly kind: 'tls'; readonly tag: number; readonly material: TlsMaterial }
  /** Every shard serves: all of them know who wants what. Also said again when one was replaced. */
  | { readonly kind: 'all-serving' }
  /** The way to authentication; null: its thread died, and is started again. */
  | { readonly kind: 'auth'; readonly port: MessagePort | null }
  /** What the server itself says under `$SYS`. `areCurrent`: the numbers as they are now, kept for those who subscribe later. */
  | {
      readonly kind: 'server-messages';
      readonly messages: readonly ServerMessage[];
      readonly areCurrent: boolean;
      readonly arePublished: boolean;
    }
  /** Which packets are noted from now on; they come by `traced`. */
  | { readonly kind: 'traces'; readonly specs: readonly TraceSpec[] }
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
  /** How much of its work it leaves undone; 0: nothing. */
  readonly shedLevel: number;
  readonly isJournalFull: boolean;
  /** Those of this shard. */
  readonly bridges: readonly BridgeReport[];
}

/** `fault`: what keeps the shard from answering, in words; null if nothing does. */
export type ShardAnswer = { readonly fault: null; readonly body: ShardAnswers[ShardQuestion['kind']] } | { readonly fault: string };

export type ShardNotice =
  | { readonly kind: 'serving' }
  | { readonly kind: 'drained' }
  | { readonly kind: 'status'; readonly status: ShardStatus }
  | { readonly kind: 'answer'; readonly ticket: number; readonly answer: ShardAnswer }
  | { readonly kind: 'traced'; readonly parts: readonly TracePart[] }
  /** The journal cannot be written any more: the node must end. */
  | { readonly kind: 'journal-failed' }
  /** A peer does not read its ring. */
  | { readonly kind: 'peer-stuck'; readonly peer: ShardId }
  /** Who was refused, and who came. */
  | { readonly kind: 'door'; readonly notes: DoorNotesTaken }
  | LogNotice
  /** The last words of a shard that ends by an error. */
  | { readonly kind: 'failed'; readonly error: unknown };
