import type { Socket } from 'node:net';
import type { Carried, CarrierEnd, CarrierSocket } from './carried-connections.js';
import { CLOSE, type PeerFacts } from './ports.js';

/** A socket of Node as the carrier of a virtual connection: of TLS, or one behind a proxy, whose first bytes were not for us. */
export class StreamCarrier implements CarrierSocket {
  readonly canPause = true;
  readonly peer: () => PeerFacts;
  readonly #socket: Socket;
  readonly #onEnding: (socket: Socket) => void;
  #carried: Carried | null = null;
  #hasFailed = false;
  readonly #onWritten = (): void => this.#carried?.onDrain();

  /** @param onEnding it was told to end: who does not come to an end in time is to be destroyed. */
  constructor(socket: Socket, peer: () => PeerFacts, onEnding: (socket: Socket) => void) {
    this.#socket = socket;
    this.peer = peer;
    this.#onEnding = onEnding;
  }

  /** Bytes flow from here on. */
  start(carried: Carried): void {
    const socket = this.#socket;
    this.#carried = carried;
    socket.on('data', (bytes: Buffer) => carried.onBytes(bytes));
    socket.on('error', () => {
      this.#hasFailed = true; // `close` follows.
    });
    socket.on('close', () => carried.onGone(this.#hasFailed ? CLOSE.error : CLOSE.byPeer));
  }

  /** A copy, because what cannot leave now Node keeps. */
  send(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(Buffer.from(bytes), this.#onWritten);
  }

  buffered(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(_why: CarrierEnd): void {
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.end();
    this.#onEnding(this.#socket);
  }
}
