import type { ShardId } from '../broker/ports.js';
import type { ConnectionId, ConnectionOptions, SpaceId } from '../transport/ports.js';

/*
  A protocol engine: everything of one protocol on one shard. The runtime owns transport, rings and timers and calls the engine;
  the engine owns sessions. All calls come on the shard's thread. After each of them the runtime calls `transport.submit()`.
*/
export interface ProtocolEngine {
  readonly name: 'mqtt';
  /** How the transport treats a new connection of this protocol. */
  readonly connectionOptions: ConnectionOptions;
  /** A connection was adopted (TCP) or opened (WebSocket). */
  onOpen(connection: ConnectionId, listenerTag: number): void;
  /** Rows `from` to `to - 1` of `transport.rows`, all of connections of this engine. */
  onRows(from: number, to: number): void;
  /** A run of PUBLISH frames from another shard, for the receivers of its topic or (group not NO_GROUP) for one member of a shared group, in a registered space whose bytes are `bytes`; valid until the `submit` that follows. */
  onForwarded(
    from: ShardId,
    group: number,
    topic: number,
    generation: number,
    version: 4 | 5,
    count: number,
    space: SpaceId,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void;
  /** A peer shard was replaced: its topic numbers mean nothing any more. */
  onPeerReplaced(peer: ShardId): void;
  /** Every 100 ms. `nowMs` is milliseconds since the epoch. */
  onTick(nowMs: number): void;
  /** Tells every client that the server goes away (MQTT 5: DISCONNECT 0x8B) and closes. Idempotent. */
  beginDrain(): void;
  readonly connectionCount: number;
}
