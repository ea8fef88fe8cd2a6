import { CLOSE, type ConnectionId, type ConnectionOptions, type PeerFacts, type Transport, type VirtualSink } from './ports.js';

/** What a carrier that cannot pause may still bring while its connection takes no more. Beyond it the peer is closed. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
/** What a waiting message costs beside its bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;

export const NOBODY: PeerFacts = { address: '', port: 0, isEncrypted: false, certificate: null, pskIdentity: '' };

/** What carries the bytes of a virtual connection: a WebSocket, a TLS socket. */
export interface CarrierSocket {
  /** Whether `pause` stops the peer. If not, what still comes is held here. */
  readonly canPause: boolean;
  /** The bytes are valid only during the call. */
  send(bytes: Uint8Array): void;
  /** Bytes sent that the kernel has not taken. */
  buffered(): number;
  pause(): void;
  resume(): void;
  /** Ends it after what is buffered. */
  end(why: CarrierEnd): void;
  /** Worth some work: asked once for each CONNECT. */
  peer(): PeerFacts;
}

export type CarrierEnd = 'normal' | 'too-many' | 'too-fast';

/** One carrier and its connection, as the carrier sees it. No call after `onGone`. */
export interface Carried {
  /** Bytes of the peer, valid only during the call. */
  onBytes(bytes: Uint8Array): void;
  /** The kernel took buffered bytes. */
  onDrain(): void;
  /** The peer is gone. @param reason CLOSE.* */
  onGone(reason: number): void;
}

/**
 * Virtual connections of one listener on one shard:
 *
 *   bytes of the peer --> onBytes --> pushVirtual | onOutput --> send, once per turn --> acknowledgeOutput as the kernel takes it
 */
export class CarriedConnections implements VirtualSink {
  readonly #transport: Transport;
  readonly #options: ConnectionOptions;
  readonly #onOpen: (connection: ConnectionId) => void;
  /** By ConnectionId. */
  readonly #attached: (Attachment | undefined)[] = [];
  #count = 0;

  constructor(transport: Transport, options: ConnectionOptions, onOpen: (connection: ConnectionId) => void) {
    this.#transport = transport;
    this.#options = options;
    this.#onOpen = onOpen;
  }

  get count(): number {
    return this.#count;
  }

  /** @returns null if there is no room; the carrier was told to end then. */
  attach(socket: CarrierSocket): Carried | null {
    const connection = this.#transport.openVirtual(this.#options, this);
    if (connection < 0) {
      socket.end('too-many');
      return null;
    }
    const attachment = new Attachment(this.#transport, socket, connection, () => this.#forget(connection));
    this.#attached[connection] = attachment;
    this.#count += 1;
    this.#onOpen(connection);
    return attachment;
  }

  peerOf(connection: ConnectionId): PeerFacts {
    return this.#attached[connection]?.socket.peer() ?? NOBODY;
  }

  /** Their carriers are gone already: closes them for the transport. */
  closeAll(): void {
    for (const attachment of this.#attached) attachment?.onGone(CLOSE.error);
  }

  // From the transport.

  onOutput(connection: ConnectionId, bytes: Uint8Array): void {
    this.#attached[connection]?.send(bytes);
  }

  onReadable(connection: ConnectionId): void {
    this.#attached[connection]?.takeMore();
  }

  /** The protocol closed. Its number may soon be somebody else's: from here on we do not know it. */
  onClose(connection: ConnectionId): void {
    const attachment = this.#attached[connection];
    if (attachment === undefined) return;
    attachment.detach();
    attachment.socket.resume(); // A paused one would not see the peer's own end.
    attachment.socket.end('normal');
  }

  #forget(connection: ConnectionId): void {
    this.#attached[connection] = undefined;
    this.#count -= 1;
  }
}

class Attachment implements Carried {
  readonly socket: CarrierSocket;
  readonly #transport: Transport;
  readonly #connection: ConnectionId;
  readonly #forget: () => void;
  /** Bytes given to the socket and not yet acknowledged to the transport. */
  #outstanding = 0;
  #isWaiting = false;
  #isDetached = false;
  readonly #backlog: Uint8Array[] = [];
  #backlogBytes = 0;

  constructor(transport: Transport, socket: CarrierSocket, connection: ConnectionId, forget: () => void) {
    this.#transport = transport;
    this.socket = socket;
    this.#connection = connection;
    this.#forget = forget;
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#isDetached) return;
    if (this.#isWaiting && !this.socket.canPause) {
      // The loop reads all that the sockets have before our next turn: without this one a peer that is merely quick would outrun us.
      this.#transport.serveVirtual();
      if (this.#isDetached) return;
    }
    if (!this.#isWaiting) {
      this.#push(bytes);
      return;
    }
    this.#backlogBytes += bytes.length + MESSAGE_OVERHEAD_BYTES;
    if (this.#backlogBytes > BACKLOG_BYTES_MAX) {
      this.detach();
      this.#transport.closeVirtual(this.#connection, CLOSE.error);
      this.socket.end('too-fast');
      return;
    }
    this.#backlog.push(Uint8Array.from(bytes));
  }

  onDrain(): void {
    if (!this.#isDetached) this.#acknowledge();
  }

  /** What the peer sent before it went is still read. */
  onGone(reason: number): void {
    if (this.#isDetached) return;
    const backlog = this.#backlog.splice(0);
    this.detach();
    for (const bytes of backlog) this.#transport.pushVirtual(this.#connection, bytes);
    this.#transport.closeVirtual(this.#connection, reason);
  }

  send(bytes: Uint8Array): void {
    this.#outstanding += bytes.length;
    this.socket.send(bytes);
    this.#acknowledge();
  }

  takeMore(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    while (!this.#isWaiting) {
      const bytes = this.#backlog.shift();
      if (bytes === undefined) break;
      this.#backlogBytes -= bytes.length + MESSAGE_OVERHEAD_BYTES;
      this.#push(bytes);
    }
    if (!this.#isWaiting) this.socket.resume();
  }

  detach(): void {
    this.#isDetached = true;
    this.#backlog.length = 0;
    this.#forget();
  }

  #push(bytes: Uint8Array): void {
    if (this.#transport.pushVirtual(this.#connection, bytes)) return;
    this.#isWaiting = true;
    this.socket.pause();
  }

  #acknowledge(): void {
    const taken = this.#outstanding - Math.min(this.#outstanding, this.socket.buffered());
    if (taken === 0) return;
    this.#outstanding -= taken;
    this.#transport.acknowledgeOutput(this.#connection, taken);
  }
}
