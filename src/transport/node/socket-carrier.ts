import type { Socket } from 'node:net';
import { CLOSE, type PeerAddress } from '../ports.js';
import type { Carrier } from './carrier.js';
import type { Connection } from './connection.js';
import type { Reactor } from './reactor.js';

/** A TCP socket of node:net. */
export class SocketCarrier implements Carrier {
  readonly keepsBytes = true;
  readonly isVirtual = false;
  readonly #socket: Socket;
  readonly #onWritten: () => void;
  #peer: PeerAddress | null = null;
  #isReading = true;

  /** @param socket has `allowHalfOpen`: when the peer ends, what it sent is cut first. */
  constructor(socket: Socket, connection: Connection, reactor: Reactor) {
    this.#socket = socket;
    this.#onWritten = (): void => {
      if (connection.waitingBytes > 0) reactor.onWaiting(connection);
    };
    let errno = 0;
    socket.on('data', (bytes) => reactor.onBytes(connection, bytes, true));
    socket.on('end', () => reactor.onEnd(connection, CLOSE.byPeer, 0, false));
    socket.on('error', (error) => {
      errno = errnoOf(error);
      reactor.onConnected(connection, errno);
    });
    socket.on('connect', () => reactor.onConnected(connection, 0));
    socket.on('close', (hadError) => reactor.onEnd(connection, hadError ? CLOSE.error : CLOSE.byPeer, errno, true));
  }

  waiting(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return; // The error that made it so is on its way.
    this.#socket.write(bytes, this.#onWritten);
  }

  pauseReading(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#socket.resume();
  }

  shutDown(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  peer(): PeerAddress {
    this.#peer ??= { address: this.#socket.remoteAddress ?? '', port: this.#socket.remotePort ?? 0 };
    return this.#peer;
  }
}

/** Node gives system errors as negative numbers. */
function errnoOf(error: Error): number {
  return 'errno' in error && typeof error.errno === 'number' ? Math.abs(error.errno) : 0;
}
