import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { ChunkAnswer, RaftTransport, SnapshotChunk } from '../../raft/driver/ports.js';
import type { Message, NodeId } from '../../raft/messages.js';
import type { ForwardDone } from './forwards.js';
import { encodeChunk, encodeChunkAnswer, type Hello, type Refusal } from './frames.js';
import type { GuestOwner } from './guest.js';
import { PeerDoor } from './peer-door.js';
import { PeerLink } from './peer-link.js';

const TICK_MS = 50;
/** What one tick adds to a silence at most: if this process did not run, the peer is not to blame. */
const PASSED_MS_MAX = 200;

/** PEM. Nodes show each other certificates that the same authority signed. */
export interface PeerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

export interface PeerTransportOptions extends GuestOwner {
  /** Told by a peer that it will not have this node. */
  onRefused(peer: NodeId, refusal: Refusal): void;
  onUnreachable(peer: NodeId): void;
  readonly tls: PeerTls | null;
  readonly clock: Clock;
  /** A number from 0 to `limit - 1`. */
  readonly drawBelow: (limit: number) => number;
  readonly log: Logger;
}

/** The way between nodes: a stream to each peer, and a door for theirs. */
export class PeerTransport implements RaftTransport {
  readonly door: PeerDoor;
  readonly #options: PeerTransportOptions;
  readonly #credentials: ChannelCredentials;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #timer: NodeJS.Timeout;
  #tickedMs: number;
  #isClosed = false;

  constructor(options: PeerTransportOptions) {
    const { tls, clock } = options;
    this.#options = options;
    this.#credentials = tls === null ? credentials.createInsecure() : credentials.createSsl(tls.ca, tls.key, tls.cert);
    this.door = new PeerDoor(options, tls !== null);
    this.#tickedMs = clock.monotonicMs();
    this.#timer = setInterval(() => this.#onTick(), TICK_MS);
  }

  /** Where the peers are, from now on. Whoever is not among them is left. */
  setPeers(addresses: ReadonlyMap<NodeId, string>): void {
    if (this.#isClosed) return;
    for (const [peer, link] of [...this.#links]) {
      if (addresses.get(peer) === link.address) continue;
      this.#links.delete(peer);
      link.close();
    }
    for (const [peer, address] of addresses) if (!this.#links.has(peer)) this.#links.set(peer, this.#dial(peer, address));
    this.door.review();
  }

  isConnected(peer: NodeId): boolean {
    return this.#links.get(peer)?.isOpen ?? false;
  }

  send(to: NodeId, messages: readonly Message[]): void {
    this.#links.get(to)?.sendMessages(messages);
  }

  sendChunk(to: NodeId, chunk: SnapshotChunk): void {
    this.#links.get(to)?.sendChunk(encodeChunk(chunk));
  }

  sendChunkAnswer(to: NodeId, answer: ChunkAnswer): void {
    this.#links.get(to)?.sendFrame(encodeChunkAnswer(answer));
  }

  /** What is forwarded when it may not comes back as not sent. */
  mayForward(to: NodeId): boolean {
    return this.#links.get(to)?.mayForward ?? false;
  }

  forward(to: NodeId, request: Uint8Array, deadlineMs: number, done: ForwardDone): void {
    const link = this.#links.get(to);
    if (link === undefined) setImmediate(done, 'not-sent');
    else link.forward(request, deadlineMs, done);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.door.close();
  }

  #dial(peer: NodeId, address: string): PeerLink {
    const { self, drawBelow, clock, log } = this.#options;
    return new PeerLink(peer, address, this.#credentials, {
      self,
      admit: (hello: Hello) => this.#options.admit(hello),
      onRefused: (from, refusal) => this.#options.onRefused(from, refusal),
      onUnreachable: (from) => this.#options.onUnreachable(from),
      jitter: () => drawBelow(1024) / 1024,
      clock,
      log,
    });
  }

  #onTick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const passedMs = Math.min(PASSED_MS_MAX, nowMs - this.#tickedMs);
    this.#tickedMs = nowMs;
    for (const link of [...this.#links.values()]) link.onTick(passedMs);
    this.door.onTick(passedMs);
  }
}
