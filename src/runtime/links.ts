import { assert } from '../base/assert.js';
import type { PeerLinks, PeerMessage, RunLinks, ShardId } from '../broker/ports.js';
import { ringDoorbell } from '../ring/doorbell.js';
import { decodeControl, encodeControl } from './envelope.js';
import { type EnvelopeSink, InboundLink, type Spaces } from './inbound-link.js';
import { LINK_LIMITS_DEFAULT, type LinkLimits, OutboundLink } from './outbound-link.js';
import type { ThreadCells } from './thread-cells.js';

/** `peer` of what main sends. */
export const FROM_MAIN = -1;

/** The rings between one shard and one of its peers. */
export interface PeerRings {
  readonly incoming: SharedArrayBuffer;
  readonly outgoing: SharedArrayBuffer;
}

export interface LinksOptions {
  readonly self: ShardId;
  /** By shard; null for the shard itself. */
  readonly peers: readonly (PeerRings | null)[];
  readonly fromMain: SharedArrayBuffer;
  readonly cells: ThreadCells;
  readonly spaces: Spaces;
  /** The memory most forwarded runs come from. */
  readonly arena: Uint8Array;
  readonly limits?: LinkLimits;
}

/** Records that one turn takes from one peer at most; then sockets and timers have their turn. */
const RECEIVE_RECORDS_MAX = 4096;
const RECEIVE_BYTES_MAX = 1024 * 1024;

/**
 * Everything between one shard and the others, on the shard's thread. Runs and control messages of one pair share a ring and an
 * outbox, so they arrive in the order they were sent.
 *
 * The turn: `receive` hands out what came in, the transport submits, `release` gives the space back, `flush` wakes the peers
 * that have something new, once each.
 */
export class Links implements PeerLinks, RunLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  onMessage: (from: ShardId, message: PeerMessage) => void = unset;
  onPeerReplaced: (peer: ShardId) => void = unset;
  onLinkRelieved: (to: ShardId) => void = unset;
  onRun: EnvelopeSink['onRun'] = unset;
  onAccepted: EnvelopeSink['onAccepted'] = unset;
  /** A peer does not read and what waits for it is at its limit. Called once per peer; what is sent to it from then on is lost. */
  onPeerStuck: (peer: ShardId) => void = unset;

  readonly #options: LinksOptions;
  readonly #sink: EnvelopeSink;
  /** By shard; null for the shard itself. */
  readonly #outbound: (OutboundLink | null)[] = [];
  readonly #inbound: (InboundLink | null)[] = [];
  readonly #fromMain: InboundLink;
  /** By shard: 1 from a refused run on, until the outbox is empty. */
  readonly #isHeldBack: Uint8Array;
  readonly #isStuck: Uint8Array;
  #droppedByReplaced = 0;

  constructor(options: LinksOptions) {
    this.self = options.self;
    this.shardCount = options.peers.length;
    this.#options = options;
    this.#isHeldBack = new Uint8Array(this.shardCount);
    this.#isStuck = new Uint8Array(this.shardCount);
    this.#sink = {
      onRun: (from, group, topic, generation, version, count, space, bytes, offset, length) =>
        this.onRun(from, group, topic, generation, version, count, space, bytes, offset, length),
      onControl: (from, bytes) => this.onMessage(from, decodeControl(bytes)),
      onAccepted: (tag, descriptors) => this.onAccepted(tag, descriptors),
    };
    this.#fromMain = new InboundLink(FROM_MAIN, options.fromMain, options.spaces, this.#sink);
    for (const [peer, rings] of options.peers.entries()) {
      assert((rings === null) === (peer === this.self), 'there are rings to every shard but the own');
      this.#inbound.push(rings === null ? null : new InboundLink(peer, rings.incoming, options.spaces, this.#sink));
      this.#outbound.push(rings === null ? null : this.#openOutbound(rings.outgoing));
    }
  }

  /** Messages of runs that were dropped because a peer did not keep up. */
  get droppedMessages(): number {
    let sum = this.#droppedByReplaced;
    for (const link of this.#outbound) sum += link?.droppedMessages ?? 0;
    return sum;
  }

  /** Bytes that wait for peers outside the rings. */
  get bytesWaiting(): number {
    let sum = 0;
    for (const link of this.#outbound) sum += link?.bytesWaiting ?? 0;
    return sum;
  }

  send(to: ShardId, message: PeerMessage): void {
    const link = this.#outboundTo(to);
    if (link.sendControl(encodeControl(message)) || this.#isStuck[to] === 1) return;
    this.#isStuck[to] = 1;
    this.onPeerStuck(to);
  }

  forward(
    to: ShardId,
    group: number,
    topic: number,
    generation: number,
    version: 4 | 5,
    count: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    const isFree = this.#outboundTo(to).sendRun(group, topic, generation, version, count, bytes, offset, length);
    if (!isFree) this.#isHeldBack[to] = 1;
    return isFree;
  }

  /** Hands out envelopes that came in, a bounded number. @returns how many records. */
  receive(): number {
    let records = this.#fromMain.receive(RECEIVE_RECORDS_MAX, RECEIVE_BYTES_MAX);
    for (const link of this.#inbound) {
      if (link !== null) records += link.receive(RECEIVE_RECORDS_MAX, RECEIVE_BYTES_MAX);
    }
    return records;
  }

  /** Gives back the space of what was received. After the transport's `submit`: its commands may point into the rings. */
  release(): void {
    this.#fromMain.release(); // Main never waits for space.
    const { cells } = this.#options.cells;
    for (const link of this.#inbound) {
      if (link?.release()) ringDoorbell(cells, this.#options.cells.doorbellOf(link.peer));
    }
  }

  /** End of a turn: moves on what waits, wakes the peers that have something new, tells who was held back. */
  flush(): void {
    const { cells } = this.#options;
    for (let peer = 0; peer < this.shardCount; peer += 1) {
      const link = this.#outbound[peer];
      if (link === null) continue;
      const isEmpty = link.pump();
      if (link.takePublished()) ringDoorbell(cells.cells, cells.doorbellOf(peer));
      if (isEmpty && this.#isHeldBack[peer] === 1) {
        this.#isHeldBack[peer] = 0;
        this.onLinkRelieved(peer);
      }
    }
  }

  /** True if `receive` or `flush` would get on. The doorbell asks this before it sleeps. */
  get hasWork(): boolean {
    if (this.#fromMain.hasRecords) return true;
    for (let peer = 0; peer < this.shardCount; peer += 1) {
      if (this.#inbound[peer]?.hasRecords || this.#outbound[peer]?.mayPump) return true;
    }
    return false;
  }

  /**
   * A peer died; another takes its place behind new rings. What the dead one had published still counts and is handed out first.
   * What waits for it is dropped: its receivers are gone.
   * @param submit the transport's, before space of the old ring is given up.
   */
  replacePeer(peer: ShardId, rings: PeerRings, submit: () => void): void {
    const inbound = this.#inbound[peer];
    assert(inbound !== null && inbound !== undefined, 'a peer is another shard');
    while (inbound.hasRecords) {
      inbound.receive(RECEIVE_RECORDS_MAX, RECEIVE_BYTES_MAX);
      submit();
      inbound.release();
    }
    inbound.close();
    this.#droppedByReplaced += this.#outboundTo(peer).droppedMessages;
    this.#inbound[peer] = new InboundLink(peer, rings.incoming, this.#options.spaces, this.#sink);
    this.#outbound[peer] = this.#openOutbound(rings.outgoing);
    this.#isStuck[peer] = 0;
    this.onPeerReplaced(peer);
    this.flush(); // Tells publishers that were held back for the dead one.
  }

  #openOutbound(memory: SharedArrayBuffer): OutboundLink {
    return new OutboundLink(memory, this.#options.arena, this.#options.limits ?? LINK_LIMITS_DEFAULT);
  }

  #outboundTo(peer: ShardId): OutboundLink {
    const link = this.#outbound[peer];
    assert(link !== null && link !== undefined, 'a peer is another shard');
    return link;
  }
}

function unset(): never {
  throw new Error('links are used before they were wired');
}
