import { assert } from '../base/assert.js';
import type { PeerMessage } from './peer-messages.js';
import type { RetainedPlace, ShardId, StoredMessage, SubscribeResult, SubscribeStatus } from './ports.js';

/** The ticket of a message that wants no answer. */
export const NO_ANSWER = 0;

export interface RoundLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  post(to: ShardId, message: PeerMessage): void;
  /** The `interest-add` of a filter as things are now; null if nobody here has the filter any more. */
  announce(filter: string, ticket: number): PeerMessage | null;
  /** The first page of what this shard has. */
  retainedHere(filter: string): RetainedFound;
}

/** Retained messages for a subscription, as far as they are known, and where there are more. */
export interface RetainedFound {
  readonly messages: readonly StoredMessage[];
  readonly next: RetainedPlace | null;
}

/** One SUBSCRIBE: its `done` is called when all of its requests have their result. */
export class SubscribeOrder {
  readonly #results: SubscribeResult[];
  readonly #done: (results: readonly SubscribeResult[]) => void;
  #open: number;

  constructor(requests: number, done: (results: readonly SubscribeResult[]) => void) {
    this.#results = new Array(requests);
    this.#done = done;
    this.#open = requests;
  }

  settle(index: number, status: SubscribeStatus, isNew: boolean, retained: readonly StoredMessage[], more: readonly RetainedPlace[]): void {
    assert(this.#results[index] === undefined, 'a request has one result');
    this.#results[index] = { status, isNew, retained, more };
    this.#open -= 1;
    if (this.#open === 0) this.#done(this.#results);
  }
}

/** One request that waits for the other shards. */
interface Round {
  readonly filter: string;
  phase: 'interest' | 'retained';
  readonly wantsRetained: boolean;
  readonly retained: StoredMessage[];
  readonly more: RetainedPlace[];
  readonly awaited: Set<ShardId>;
  readonly settled: (retained: readonly StoredMessage[], more: readonly RetainedPlace[]) => void;
}

/**
 * Subscriptions that wait until every shard routes by them:
 *
 *   1. interest   tell every peer the filter; each answers when it routes by it and what it had published before is stored
 *   2. retained   only if retained messages are wanted: ask every peer for those it owns
 *
 * Asking in one round would be quicker and could miss a message: published after its owner had answered, on a shard that had not
 * heard of the interest yet.
 */
export class SubscribeRounds {
  readonly #links: RoundLinks;
  readonly #rounds: Map<number, Round> = new Map();
  #ticketLast: number = NO_ANSWER;

  constructor(links: RoundLinks) {
    this.#links = links;
  }

  /** While there are none, every peer routes by everything that was announced. */
  get openCount(): number {
    return this.#rounds.size;
  }

  /** @param isAnnounced the peers have been told of this filter before; they may not have answered yet. */
  start(filter: string, isAnnounced: boolean, wantsRetained: boolean, settled: Round['settled']): void {
    const round: Round = { filter, phase: 'interest', wantsRetained, retained: [], more: [], awaited: new Set(), settled };
    // For retained messages the first round is needed even if everybody routes by the filter: what was published and delivered here
    // just before may not have reached its owner.
    if (isAnnounced && !wantsRetained && this.#rounds.size === 0) settled(round.retained, round.more);
    else this.#ask(round);
  }

  onInterestAdded(from: ShardId, ticket: number, found: RetainedFound): void {
    const round = this.#rounds.get(ticket);
    assert(round !== undefined, 'an answer has a question');
    take(round, found);
    this.#countAnswer(ticket, round, from);
  }

  /**
   * Tells a new peer all filters, and asks again what its predecessor had not answered. The last telling wants an answer, so that
   * a subscription made now waits until the peer knows.
   */
  onPeerReplaced(peer: ShardId, filters: Iterable<string>): void {
    let last: string | null = null;
    for (const filter of filters) {
      this.#tell(peer, filter, NO_ANSWER);
      last = filter;
    }
    for (const [ticket, round] of [...this.#rounds]) {
      if (round.awaited.has(peer) && !this.#askOne(peer, ticket, round)) this.#countAnswer(ticket, round, peer);
    }
    if (last === null) return;
    this.#ticketLast += 1;
    const awaited = new Set([peer]);
    this.#rounds.set(this.#ticketLast, {
      filter: last,
      phase: 'interest',
      wantsRetained: false,
      retained: [],
      more: [],
      awaited,
      settled: () => {},
    });
    this.#tell(peer, last, this.#ticketLast);
  }

  #ask(round: Round): void {
    const { self, shardCount } = this.#links;
    this.#ticketLast += 1;
    const ticket = this.#ticketLast;
    this.#rounds.set(ticket, round);
    // Whom we wait for is complete before anything is posted.
    for (let shard = 0; shard < shardCount; shard += 1) if (shard !== self) round.awaited.add(shard);
    for (let shard = 0; shard < shardCount; shard += 1) {
      if (shard !== self && !this.#askOne(shard, ticket, round)) this.#countAnswer(ticket, round, shard);
    }
  }

  /** False if there is nothing to ask any more: the filter was unsubscribed meanwhile, and telling it again would leave it behind. */
  #askOne(peer: ShardId, ticket: number, round: Round): boolean {
    if (round.phase === 'interest') return this.#tell(peer, round.filter, ticket);
    if (this.#links.announce(round.filter, ticket) === null) return false;
    this.#links.post(peer, { kind: 'interest-add', ticket, filter: round.filter, wantsRetained: true, members: 0, group: 0 });
    return true;
  }

  #tell(peer: ShardId, filter: string, ticket: number): boolean {
    const message = this.#links.announce(filter, ticket);
    if (message === null) return false;
    this.#links.post(peer, message);
    return true;
  }

  #countAnswer(ticket: number, round: Round, from: ShardId): void {
    assert(round.awaited.has(from), 'a peer answers once');
    round.awaited.delete(from);
    if (round.awaited.size > 0) return;
    this.#rounds.delete(ticket);
    if (round.phase === 'interest') this.#finishInterest(round);
    else round.settled(round.retained, round.more);
  }

  #finishInterest(round: Round): void {
    if (!round.wantsRetained) {
      round.settled(round.retained, round.more);
      return;
    }
    round.phase = 'retained';
    take(round, this.#links.retainedHere(round.filter));
    this.#ask(round);
  }
}

function take(round: Round, { messages, next }: RetainedFound): void {
  for (const message of messages) round.retained.push(message);
  if (next !== null) round.more.push(next);
}
