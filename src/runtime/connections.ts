import { assert } from '../base/assert.js';
import type { ProtocolEngine } from '../protocols/ports.js';
import { type ConnectionId, ROW_CONNECTION, ROW_INTS } from '../transport/ports.js';

/** Whose a connection is, when nobody has taken it. */
const NOBODY = 255;

/**
 * Which protocol each connection of a shard belongs to, and the way of event rows to it. What a peer does wrong is caught inside
 * the engine, where the row and its connection are at hand; an error that comes out of `onRows` is our bug and ends the shard.
 */
export class Connections {
  readonly #engines: readonly ProtocolEngine[];
  /** Index into `engines` by ConnectionId. */
  #owners: Uint8Array = new Uint8Array(1024).fill(NOBODY);

  constructor(engines: readonly ProtocolEngine[]) {
    assert(engines.length > 0 && engines.length < NOBODY, 'a shard serves a few protocols');
    this.#engines = engines;
  }

  get count(): number {
    let sum = 0;
    for (const engine of this.#engines) sum += engine.connectionCount;
    return sum;
  }

  /** Gives a new connection to its protocol. */
  open(connection: ConnectionId, engine: number, listenerTag: number): void {
    if (connection >= this.#owners.length) this.#grow(connection + 1);
    this.#owners[connection] = engine;
    this.#engines[engine].onOpen(connection, listenerTag);
  }

  /** Hands rows out: consecutive rows of one engine in one call. */
  dispatch(rows: Int32Array, rowCount: number): void {
    if (rowCount === 0) return;
    const engines = this.#engines;
    if (engines.length === 1) {
      engines[0].onRows(0, rowCount);
      return;
    }
    const owners = this.#owners;
    let from = 0;
    let owner = owners[rows[ROW_CONNECTION]];
    for (let row = 1; row < rowCount; row += 1) {
      const next = owners[rows[row * ROW_INTS + ROW_CONNECTION]];
      if (next === owner) continue;
      if (owner !== NOBODY) engines[owner].onRows(from, row);
      from = row;
      owner = next;
    }
    if (owner !== NOBODY) engines[owner].onRows(from, rowCount);
  }

  #grow(least: number): void {
    let size = this.#owners.length;
    while (size < least) size *= 2;
    const owners = new Uint8Array(size).fill(NOBODY);
    owners.set(this.#owners);
    this.#owners = owners;
  }
}
