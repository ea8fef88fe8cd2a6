import type { ConnectionId, ListId } from '../ports.js';

const NOBODY = new Int32Array(0);

/** Registered receivers of a fan-out. Remembers which lists a connection is in, so that its end costs only those. */
export class TargetLists {
  readonly #lists: Int32Array[] = [];
  readonly #membership: Map<ConnectionId, Set<ListId>> = new Map();

  /** Valid until the next change of the list. */
  of(list: ListId): Int32Array {
    return this.#lists[list] ?? NOBODY;
  }

  set(list: ListId, connections: Int32Array): void {
    for (const connection of this.of(list)) this.#leave(connection, list);
    this.#lists[list] = connections.length === 0 ? NOBODY : connections.slice();
    for (const connection of connections) {
      let lists = this.#membership.get(connection);
      if (lists === undefined) {
        lists = new Set();
        this.#membership.set(connection, lists);
      }
      lists.add(list);
    }
  }

  forget(connection: ConnectionId): void {
    const lists = this.#membership.get(connection);
    if (lists === undefined) return;
    this.#membership.delete(connection);
    for (const list of lists) this.#lists[list] = this.#lists[list].filter((member) => member !== connection);
  }

  #leave(connection: ConnectionId, list: ListId): void {
    const lists = this.#membership.get(connection);
    if (lists === undefined) return;
    lists.delete(list);
    if (lists.size === 0) this.#membership.delete(connection);
  }
}
