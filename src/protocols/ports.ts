import type { Origin } from '../auth/ports.js';
import type { AppendRequest, ForwardedRun, ShardId } from '../broker/ports.js';
import type { CommitNumber } from '../journal/ports.js';
import type { ConnectionId, ConnectionOptions } from '../transport/ports.js';

/** Where an open connection came from. Makes objects and asks the kernel: once for each CONNECT, not more. */
export type OriginOf = (connection: ConnectionId) => Origin;

/*
  A protocol engine: everything of one protocol on one shard. The runtime owns transport, rings and timers and calls the engine;
  the engine owns sessions. All calls come on the shard's thread. After each of them the runtime calls `transport.submit()`.
*/
export interface ProtocolEngine {
  readonly name: 'mqtt';
  /** How the transport treats a new connection of this protocol. */
  readonly connectionOptions: ConnectionOptions;
  /** A connection was adopted (TCP) or opened (WebSocket). Whose it is and by which listener it came is asked for later: `OriginOf`. */
  onOpen(connection: ConnectionId, listenerTag: number): void;
  /** Set by the runtime: the number of a connection was given back. */
  onReleased: (connection: ConnectionId) => void;
  /** Rows `from` to `to - 1` of `transport.rows`, all of connections of this engine. */
  onRows(from: number, to: number): void;
  /** Before anything else of a turn: the commands of the turn before have been executed. */
  beginTurn(): void;
  /** At the end of a turn, before what it appended goes to the journal. */
  endTurn(): void;
  /** A run of PUBLISH frames from another shard, in a registered space; valid until the `submit` that follows. */
  onForwarded(from: ShardId, run: ForwardedRun): void;
  /** A run of another shard's client for a log of this shard; likewise. Answered by `RunLinks.answerAppend`. */
  onAppend(from: ShardId, request: AppendRequest): void;
  /** A commit of the journal is durable, or was lost. */
  onCommitted(commit: CommitNumber): void;
  onCommitFailed(commit: CommitNumber, why: 'full' | 'failed'): void;
  /** A peer shard was replaced: its topic numbers mean nothing any more. */
  onPeerReplaced(peer: ShardId): void;
  /** Every 100 ms. `nowMs` is milliseconds since the epoch. */
  onTick(nowMs: number): void;
  /** Set once by the runtime: there is work that can wait. */
  onSpareWork: () => void;
  /** Does some of it, in a turn of its own. @returns whether there is more. */
  onSpareTurn(): boolean;
  /** Tells every client that the server goes away (MQTT 5: DISCONNECT 0x8B) and closes. Idempotent. */
  beginDrain(): void;
  readonly connectionCount: number;
}
