import type { Socket } from 'node:net';

/**
 * Sockets that are not connections of a protocol, or not any more: on their way through a proxy's header or a handshake, or told to
 * end. One that is not through in time is destroyed. One timer for all of a shard: the shard's tick.
 */
export class SocketDeadlines {
  readonly #atMs: Map<Socket, number> = new Map();

  get size(): number {
    return this.#atMs.size;
  }

  /** Also gives one that is here another time. It leaves by itself when it closes. */
  set(socket: Socket, atMs: number): void {
    if (socket.destroyed) return;
    if (!this.#atMs.has(socket)) socket.once('close', () => this.#atMs.delete(socket));
    this.#atMs.set(socket, atMs);
  }

  /** It became a connection, whose protocol has deadlines of its own. */
  clear(socket: Socket): void {
    this.#atMs.delete(socket);
  }

  /** Every second or so. `nowMs` as in `set`. */
  advance(nowMs: number): void {
    for (const [socket, atMs] of this.#atMs) if (nowMs >= atMs) socket.destroy();
  }

  /** Destroys all of them. */
  close(): void {
    for (const socket of this.#atMs.keys()) socket.destroy();
    this.#atMs.clear();
  }
}
