import type { Connection } from './connection.js';

const CHECK_MS = 50;

/** Closing connections that wait for their peer to close, each until its time is over. One timer for all. */
export class Lingering {
  readonly #connections: Set<Connection> = new Set();
  readonly #onOver: (connection: Connection) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(onOver: (connection: Connection) => void) {
    this.#onOver = onOver;
  }

  add(connection: Connection): void {
    connection.lingerUntilMs = performance.now() + connection.lingerMs;
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
  }

  delete(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.clear();
  }

  clear(): void {
    this.#connections.clear();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection.lingerUntilMs <= now) this.#onOver(connection);
    }
  }
}
