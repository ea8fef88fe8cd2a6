import type { Origin } from '../auth/ports.js';
import { assert } from '../base/assert.js';
import type { ListenerDefinition } from '../settings/listener-schema.js';
import type { ConnectionId, PeerFacts } from '../transport/ports.js';

/** Says where a connection of one listener came from. Asked once for each CONNECT, while the connection is open. */
export type OriginSource = (connection: ConnectionId) => Origin;

/**
 * Which listener each connection of a shard came by, and with that who its peer is. A connection that opens costs one cell: addresses
 * and certificates are asked for when somebody wants to know.
 */
export class Origins {
  /** By the listener's tag. */
  readonly #sources: (OriginSource | undefined)[] = [];
  /** The listener's tag, by ConnectionId. */
  #tags: Uint16Array = new Uint16Array(1024);

  /** A listener is there. */
  listen(tag: number, source: OriginSource): void {
    this.#sources[tag] = source;
  }

  note(connection: ConnectionId, tag: number): void {
    if (connection >= this.#tags.length) this.#grow(connection + 1);
    this.#tags[connection] = tag;
  }

  of(connection: ConnectionId): Origin {
    const source = this.#sources[this.#tags[connection]];
    assert(source !== undefined, 'a connection comes by a listener that is known');
    return source(connection);
  }

  #grow(least: number): void {
    let size = this.#tags.length;
    while (size < least) size *= 2;
    const tags = new Uint16Array(size);
    tags.set(this.#tags);
    this.#tags = tags;
  }
}

/** Whose clients they are, a certificate can say, and else the listener. */
export function originOf({ name, tenant, tenant_from }: ListenerDefinition, facts: PeerFacts): Origin {
  const { address, port, isEncrypted, certificate, pskIdentity } = facts;
  const ofCertificate = certificate === null || tenant_from === 'none' ? '' : certificate[tenant_from === 'o' ? 'organization' : 'unit'];
  return { listener: name, address, port, isEncrypted, certificate, pskIdentity, tenant: ofCertificate === '' ? tenant : ofCertificate };
}
