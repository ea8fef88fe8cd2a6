import { assert } from '../../base/assert.js';
import { CLOSE, type ConnectionId, type ConnectionOptions, type PeerAddress, type Transport, type VirtualSink } from '../ports.js';
import { openWsEngine } from './choose-engine.js';
import { WS_CLOSE, type WsEngine, type WsEngineKind, type WsEngineOptions, type WsEvents, type WsSocket } from './engine.js';

/** What an engine that cannot pause may still bring while its connection takes no more. Beyond it the peer is closed. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
/** What a waiting message costs beside its bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;
const NOWHERE: PeerAddress = { address: '', port: 0 };

export interface WebSocketListenerOptions extends WsEngineOptions {
  readonly kind: WsEngineKind;
  /** Framing and limits of the connections. */
  readonly connection: ConnectionOptions;
  /** A connection opened. */
  readonly onOpen: (connection: ConnectionId) => void;
}

/** One WebSocket and its connection. */
interface Attachment {
  readonly socket: WsSocket;
  connection: ConnectionId;
  /** Bytes given to the socket and not yet acknowledged to the transport. */
  outstanding: number;
  isWaiting: boolean;
  readonly backlog: Uint8Array[];
  backlogBytes: number;
}

/**
 * MQTT over WebSocket on one shard: each WebSocket is a virtual connection of the shard's transport.
 *
 *   frames of the peer --> onMessage --> pushVirtual | onOutput --> one message per turn --> acknowledgeOutput as the kernel takes it
 *
 * Before the thread ends, for whatever reason, `close` must have been called: uWebSockets.js aborts the whole process if its
 * loop closes with a listener open. So a shard calls it when it drains, and first thing on `uncaughtException`:
 *
 *   process.on('uncaughtException', () => { listener.close(); process.exit(1); });
 *
 * A thread with a heap limit (resourceLimits) or ended by `terminate` cannot do that; shards are started and ended without.
 */
export class WebSocketListener implements VirtualSink {
  readonly #transport: Transport;
  readonly #options: WebSocketListenerOptions;
  readonly #bySocket: Map<WsSocket, Attachment> = new Map();
  readonly #byConnection: Map<ConnectionId, Attachment> = new Map();
  #engine: WsEngine | null = null;
  #isClosed = false;
  readonly #events: WsEvents = {
    onOpen: (socket) => this.#attach(socket),
    onMessage: (socket, bytes) => this.#onMessage(socket, bytes),
    onDrain: (socket) => this.#onDrain(socket),
    onClose: (socket, code) => this.#onPeerGone(socket, code),
  };

  static async open(transport: Transport, options: WebSocketListenerOptions): Promise<WebSocketListener> {
    const listener = new WebSocketListener(transport, options);
    const engine = await openWsEngine(options.kind, options, listener.#events);
    listener.#engine = engine;
    if (listener.#isClosed) engine.close();
    return listener;
  }

  private constructor(transport: Transport, options: WebSocketListenerOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  get port(): number {
    assert(this.#engine !== null, 'the listener is open');
    return this.#engine.port;
  }

  get connectionCount(): number {
    return this.#byConnection.size;
  }

  /** The address of the peer, which the transport does not know. */
  peerOf(connection: ConnectionId): PeerAddress {
    return this.#byConnection.get(connection)?.socket.peer() ?? NOWHERE;
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
    for (const connection of this.#byConnection.keys()) this.#transport.closeVirtual(connection, CLOSE.error);
    this.#bySocket.clear();
    this.#byConnection.clear();
  }

  // From the transport.

  onOutput(connection: ConnectionId, bytes: Uint8Array): void {
    const attachment = this.#byConnection.get(connection);
    if (attachment === undefined) return;
    attachment.outstanding += bytes.length;
    attachment.socket.send(bytes);
    this.#acknowledge(attachment);
  }

  onReadable(connection: ConnectionId): void {
    const attachment = this.#byConnection.get(connection);
    if (attachment === undefined || !attachment.isWaiting) return;
    attachment.isWaiting = false;
    while (!attachment.isWaiting) {
      const bytes = attachment.backlog.shift();
      if (bytes === undefined) break;
      attachment.backlogBytes -= bytes.length + MESSAGE_OVERHEAD_BYTES;
      this.#push(attachment, bytes);
    }
    if (!attachment.isWaiting) attachment.socket.resume();
  }

  /** The protocol closed. Its number may soon be somebody else's: from here on we do not know it. */
  onClose(connection: ConnectionId): void {
    const attachment = this.#byConnection.get(connection);
    if (attachment === undefined) return;
    this.#detach(attachment);
    attachment.socket.resume(); // A paused one would not read the answer to our close frame.
    attachment.socket.end(WS_CLOSE.normal, '');
  }

  #attach(socket: WsSocket): void {
    const connection = this.#transport.openVirtual(this.#options.connection, this);
    if (connection < 0) {
      socket.end(WS_CLOSE.tryLater, 'too many connections');
      return;
    }
    const attachment: Attachment = { socket, connection, outstanding: 0, isWaiting: false, backlog: [], backlogBytes: 0 };
    this.#bySocket.set(socket, attachment);
    this.#byConnection.set(connection, attachment);
    this.#options.onOpen(connection);
  }

  #onMessage(socket: WsSocket, bytes: Uint8Array): void {
    const attachment = this.#bySocket.get(socket);
    if (attachment === undefined) return;
    if (!attachment.isWaiting) {
      this.#push(attachment, bytes);
      return;
    }
    attachment.backlogBytes += bytes.length + MESSAGE_OVERHEAD_BYTES;
    if (attachment.backlogBytes > BACKLOG_BYTES_MAX) {
      this.#detach(attachment);
      this.#transport.closeVirtual(attachment.connection, CLOSE.error);
      socket.end(WS_CLOSE.tryLater, 'too fast');
      return;
    }
    attachment.backlog.push(Uint8Array.from(bytes));
  }

  #onDrain(socket: WsSocket): void {
    const attachment = this.#bySocket.get(socket);
    if (attachment !== undefined) this.#acknowledge(attachment);
  }

  /** What the peer sent before it went is still read. */
  #onPeerGone(socket: WsSocket, code: number): void {
    const attachment = this.#bySocket.get(socket);
    if (attachment === undefined) return;
    const backlog = attachment.backlog.splice(0);
    this.#detach(attachment);
    for (const bytes of backlog) this.#transport.pushVirtual(attachment.connection, bytes);
    this.#transport.closeVirtual(attachment.connection, code === WS_CLOSE.abnormal ? CLOSE.error : CLOSE.byPeer);
  }

  #push(attachment: Attachment, bytes: Uint8Array): void {
    if (this.#transport.pushVirtual(attachment.connection, bytes)) return;
    attachment.isWaiting = true;
    attachment.socket.pause();
  }

  #acknowledge(attachment: Attachment): void {
    const taken = attachment.outstanding - Math.min(attachment.outstanding, attachment.socket.buffered());
    if (taken === 0) return;
    attachment.outstanding -= taken;
    this.#transport.acknowledgeOutput(attachment.connection, taken);
  }

  #detach(attachment: Attachment): void {
    this.#bySocket.delete(attachment.socket);
    this.#byConnection.delete(attachment.connection);
    attachment.backlog.length = 0;
  }
}
