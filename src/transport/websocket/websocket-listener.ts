import type { Duplex } from 'node:stream';
import { assert } from '../../base/assert.js';
import { CarriedConnections } from '../carried-connections.js';
import type { ConnectionId, ConnectionOptions, PeerFacts, Transport } from '../ports.js';
import { openWsEngine } from './choose-engine.js';
import type { WsEngine, WsEngineKind, WsEngineOptions } from './engine.js';

export interface WebSocketListenerOptions extends WsEngineOptions {
  readonly kind: WsEngineKind;
  /** Framing and limits of the connections. */
  readonly connection: ConnectionOptions;
  /** A connection opened. */
  readonly onOpen: (connection: ConnectionId) => void;
}

/**
 * MQTT over WebSocket on one shard: each WebSocket is a virtual connection of the shard's transport.
 *
 * Before the thread ends, for whatever reason, `close` must have been called: uWebSockets.js aborts the whole process if its
 * loop closes with a listener open. So a shard calls it when it drains, and first thing on `uncaughtException`:
 *
 *   process.on('uncaughtException', () => { listener.close(); process.exit(1); });
 *
 * A thread with a heap limit (resourceLimits) or ended by `terminate` cannot do that; shards are started and ended without.
 */
export class WebSocketListener {
  readonly #connections: CarriedConnections;
  #engine: WsEngine | null = null;
  #isClosed = false;

  static async open(transport: Transport, options: WebSocketListenerOptions): Promise<WebSocketListener> {
    const listener = new WebSocketListener(transport, options);
    const engine = await openWsEngine(options.kind, options, (socket) => listener.#connections.attach(socket));
    listener.#engine = engine;
    if (listener.#isClosed) engine.close();
    return listener;
  }

  private constructor(transport: Transport, options: WebSocketListenerOptions) {
    this.#connections = new CarriedConnections(transport, options.connection, options.onOpen);
  }

  get port(): number {
    assert(this.#engine !== null, 'the listener is open');
    return this.#engine.port;
  }

  get connectionCount(): number {
    return this.#connections.count;
  }

  peerOf(connection: ConnectionId): PeerFacts {
    return this.#connections.peerOf(connection);
  }

  /** A stream that somebody else accepted, behind whatever came before HTTP. Only of an engine that does not listen by itself. */
  accept(stream: Duplex, peer: () => PeerFacts, onUpgraded: () => void): void {
    assert(this.#engine !== null, 'the listener is open');
    this.#engine.accept(stream, peer, onUpgraded);
  }

  /** Takes no connections for lack of descriptors; those there are go on. Idempotent. */
  pauseAccepting(): void {
    this.#engine?.pauseAccepting();
  }

  /** Takes connections again. Idempotent. @returns false if it cannot listen now; try again later. */
  resumeAccepting(): boolean {
    return this.#engine?.resumeAccepting() ?? true;
  }

  /** Ends the WebSockets and the listener at once. Their connections are closed for the transport. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#engine?.close();
    this.#connections.closeAll();
  }
}
