import type { ServiceDefinition as Definition, ServerDuplexStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { NO_NODE } from '../../raft/messages.js';
import { Guest, type GuestDoor, type GuestOwner } from './guest.js';
import { EXCHANGE_PATH } from './peer-link.js';

/** Streams of peers. A cluster has fewer nodes; who has not greeted makes room. */
const GUESTS_MAX = 64;

export type PeerStream = ServerDuplexStream<Buffer, Buffer>;

const identity = (bytes: Buffer): Buffer => bytes;

/** A method of the node's gRPC server, of which only nodes know the frames. */
export const PEER_EXCHANGE: Definition = {
  exchange: {
    path: EXCHANGE_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};

/** Where peers come in. */
export class PeerDoor implements GuestDoor {
  readonly #owner: GuestOwner;
  readonly #demandsCertificate: boolean;
  readonly #guests = new Set<Guest>();

  /** @param demandsCertificate whoever comes in has shown one that TLS verified. The same port may serve others without. */
  constructor(owner: GuestOwner, demandsCertificate: boolean) {
    this.#owner = owner;
    this.#demandsCertificate = demandsCertificate;
  }

  get guestCount(): number {
    return this.#guests.size;
  }

  open(stream: PeerStream): void {
    const guest = new Guest(stream, this.#owner, this);
    // gRPC tells of a certificate only if it was verified.
    if (this.#demandsCertificate && stream.getAuthContext().sslPeerCertificate === undefined) {
      this.#owner.log.warn('metadata.no-certificate', 'a node came without a certificate', { from: stream.getPeer() });
      guest.turnAway(status.UNAUTHENTICATED, 'nodes show a certificate');
      return;
    }
    if (this.#guests.size >= GUESTS_MAX) this.#makeRoom();
    if (this.#guests.size >= GUESTS_MAX) {
      guest.turnAway(status.RESOURCE_EXHAUSTED, 'too many nodes are here');
      return;
    }
    this.#guests.add(guest);
  }

  /** Whoever is not admitted any more is shown out. */
  review(): void {
    for (const guest of [...this.#guests]) guest.review();
  }

  onTick(passedMs: number): void {
    for (const guest of this.#guests) guest.onTick(passedMs);
  }

  close(): void {
    for (const guest of [...this.#guests]) guest.leave();
  }

  /** A node has one stream. The one before is dead, though nothing may have told this side so. */
  onGreeted(guest: Guest): void {
    for (const other of [...this.#guests]) if (other !== guest && other.nodeId === guest.nodeId) other.leave();
  }

  onLeft(guest: Guest): void {
    this.#guests.delete(guest);
  }

  #makeRoom(): void {
    for (const guest of this.#guests) {
      if (guest.nodeId !== NO_NODE) continue;
      guest.leave(); // The one that has waited longest.
      return;
    }
  }
}
