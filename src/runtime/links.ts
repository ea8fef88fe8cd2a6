import { assert } from '../base/assert.js';
import type { PeerMessage } from '../broker/peer-messages.js';
import {
  APPENDED,
  type Appended,
  type AppendRequest,
  type ForwardedRun,
  type PeerLinks,
  type RunLinks,
  type ShardId,
} from '../broker/ports.js';
import { ringDoorbell } from '../ring/doorbell.js';
import {
  APPEND_NOT_FOR,
  APPEND_PARTITION,
  APPEND_SESSION,
  APPEND_STREAM,
  APPEND_TICKET,
  decodeControl,
  ENVELOPE,
  encodeControl,
  HEAD_COUNT,
  HEAD_GENERATION,
  HEAD_PUBLISHER,
  HEAD_PUBLISHER_HASH,
  HEAD_TENANT,
  HEAD_TOPIC,
  HEAD_VERSION,
  HEAD_WORDS,
  headVersionWord,
  RUN_LOG_GROUP,
  RUN_SEQUENCE,
  RUN_SHARED_GROUP,
  setLong,
} from './envelope.js';
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
  onAppended: (from: ShardId, ticket: number, outcome: Appended) => void = unset;
  onRun: EnvelopeSink['onRun'] = unset;
  onAppend: EnvelopeSink['onAppend'] = unset;
  onAccepted: EnvelopeSink['onAccepted'] = unset;
  /** A peer does not read and what waits for it is at its limit. Called once per peer; what is sent to it from then on is lost. */
  onPeerStuck: (peer: ShardId) => void = unset;

  /** Messages of a run found the way to their receivers' shard full. */
  onRunDropped: (count: number) => void = () => {};
  readonly #options: LinksOptions;
  readonly #sink: EnvelopeSink;
  /** By shard; null for the shard itself. */
  readonly #outbound: (OutboundLink | null)[] = [];
  readonly #inbound: (InboundLink | null)[] = [];
  readonly #fromMain: InboundLink;
  /** By shard: 1 from a refused run on, until the outbox is empty. */
  readonly #isHeldBack: Uint8Array;
  readonly #isStuck: Uint8Array;
  readonly #head: Int32Array = new Int32Array(HEAD_WORDS);
  /** By shard: answers to its APPENDs that wait for the end of the turn. */
  readonly #answers: { pairs: Int32Array; count: number }[];
  #droppedByReplaced = 0;

  constructor(options: LinksOptions) {
    this.self = options.self;
    this.shardCount = options.peers.length;
    this.#options = options;
    this.#isHeldBack = new Uint8Array(this.shardCount);
    this.#isStuck = new Uint8Array(this.shardCount);
    this.#answers = Array.from({ length: this.shardCount }, () => ({ pairs: new Int32Array(128), count: 0 }));
    this.#sink = {
      onRun: (from, run) => this.onRun(from, run),
      onAppend: (from, request) => this.onAppend(from, request),
      onAppended: (from, ticket, outcome) => this.onAppended(from, ticket, outcome),
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

  forward(to: ShardId, run: ForwardedRun): boolean {
    const head = this.#fillHead(run);
    head[RUN_SHARED_GROUP] = run.sharedGroup;
    head[RUN_LOG_GROUP] = run.logGroup;
    setLong(head, RUN_SEQUENCE, run.sequence);
    const link = this.#outboundTo(to);
    const dropped = link.droppedMessages;
    const isFree = this.#sendFrames(to, ENVELOPE.run, run);
    if (link.droppedMessages !== dropped) this.onRunDropped(run.count);
    return isFree;
  }

  append(to: ShardId, request: AppendRequest): boolean {
    const head = this.#fillHead(request);
    head[APPEND_TICKET] = request.ticket;
    head[APPEND_STREAM] = request.stream;
    head[APPEND_PARTITION] = request.partition;
    setLong(head, APPEND_SESSION, request.session);
    setLong(head, APPEND_NOT_FOR, request.notFor);
    const link = this.#outboundTo(to);
    const dropped = link.droppedMessages;
    const isFree = this.#sendFrames(to, ENVELOPE.append, request);
    // What did not leave is not in the log: its publisher hears so.
    if (link.droppedMessages !== dropped) this.onAppended(to, request.ticket, APPENDED.full);
    return isFree;
  }

  /** Answers of one turn leave together, at `flush`. */
  answerAppend(to: ShardId, ticket: number, outcome: Appended): void {
    const answers = this.#answers[to];
    if (answers.count * 2 === answers.pairs.length) {
      const grown = new Int32Array(answers.pairs.length * 2);
      grown.set(answers.pairs);
      answers.pairs = grown;
    }
    answers.pairs[answers.count * 2] = ticket;
    answers.pairs[answers.count * 2 + 1] = outcome;
    answers.count += 1;
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
      const answers = this.#answers[peer];
      if (answers.count > 0) {
        link.sendAppended(answers.pairs, answers.count);
        answers.count = 0;
      }
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
    this.#answers[peer].count = 0;
    this.onPeerReplaced(peer);
    this.flush(); // Tells publishers that were held back for the dead one.
  }

  #fillHead(frames: ForwardedRun | AppendRequest): Int32Array {
    const head = this.#head;
    head[HEAD_TOPIC] = frames.topic;
    head[HEAD_GENERATION] = frames.generation;
    head[HEAD_COUNT] = frames.count;
    head[HEAD_VERSION] = headVersionWord(frames.version, 0);
    head[HEAD_PUBLISHER] = frames.publisher;
    head[HEAD_PUBLISHER_HASH] = frames.publisherHash;
    head[HEAD_TENANT] = frames.tenant;
    return head;
  }

  #sendFrames(to: ShardId, type: number, frames: ForwardedRun | AppendRequest): boolean {
    const isFree = this.#outboundTo(to).sendFrames(type, this.#head, frames.bytes, frames.offset, frames.length);
    if (!isFree) this.#isHeldBack[to] = 1;
    return isFree;
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
