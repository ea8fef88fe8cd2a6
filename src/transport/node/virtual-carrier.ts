import type { PeerAddress, VirtualSink } from '../ports.js';
import type { Carrier } from './carrier.js';
import type { Connection } from './connection.js';

const NOWHERE: PeerAddress = { address: '', port: 0 };

/** A connection whose bytes somebody else carries: WebSocket, TLS, a test. */
export class VirtualCarrier implements Carrier {
  readonly keepsBytes = false;
  readonly isVirtual = true;
  readonly #connection: Connection;
  readonly #sink: VirtualSink;
  #unacknowledged = 0;
  #hasEnough = false;
  /** The pusher was told to wait for `onReadable`. */
  #isAwaited = false;

  constructor(connection: Connection, sink: VirtualSink) {
    this.#connection = connection;
    this.#sink = sink;
  }

  /** The answer to a push. */
  mayPushMore(): boolean {
    this.#isAwaited ||= this.#hasEnough;
    return !this.#hasEnough;
  }

  acknowledge(bytes: number): void {
    this.#unacknowledged = Math.max(0, this.#unacknowledged - bytes);
  }

  waiting(): number {
    return this.#unacknowledged;
  }

  write(bytes: Uint8Array): void {
    this.#unacknowledged += bytes.length;
    this.#sink.onOutput(this.#connection.id, bytes);
  }

  pauseReading(hasEnough: boolean): void {
    this.#hasEnough = hasEnough;
  }

  resumeReading(): void {
    this.#hasEnough = false;
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.#sink.onReadable(this.#connection.id);
  }

  shutDown(): void {
    this.#sink.onClose(this.#connection.id);
  }

  destroy(): void {
    this.#isAwaited = false;
  }

  peer(): PeerAddress {
    return NOWHERE;
  }
}
