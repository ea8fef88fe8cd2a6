import { assert } from '../base/assert.js';
import type { GroupId, Sequence } from '../journal/ports.js';
import type { PeerMessage } from './peer-messages.js';
import type { ShardId } from './ports.js';
import { TopicTrie } from './topic-trie.js';

/** Groups with the sequence that their next record gets at least. */
export type GroupPositions = readonly (readonly [group: GroupId, next: Sequence])[];

export interface DurableHost {
  readonly self: ShardId;
  readonly shardCount: number;
  /** To a peer, or to this shard itself: then it is handled before the call returns. */
  post(to: ShardId, message: PeerMessage): void;
  /** Owner of the only log that has messages for the filter; -1 if any log may have some. */
  ownerOf(filter: string): ShardId;
  /** Where the logs of this shard are that may have messages for the filter. */
  positions(filter: string): GroupPositions;
  /** Nobody wants the filter any more. */
  onUnwanted(filter: string): void;
  /** Routes are compiled anew. */
  onChanged(): void;
}

/** A filter as the owner of logs sees it. */
interface OwnedFilter {
  readonly filter: string;
  readonly shards: Set<ShardId>;
  /** Queues of this shard that read it (shared/shared-queues.ts). */
  queues: number;
}

interface Round {
  readonly filter: string;
  readonly awaited: Set<ShardId>;
  readonly positions: (readonly [GroupId, Sequence])[];
  readonly done: (positions: GroupPositions) => void;
}

/*
  Filters of sessions that outlive their connection. The owner of a log keeps an index for each of them:

    shard of the session                          owners of logs (all of them, or the one that has an exact filter's topic)
      add --------------- durable-add ---------->   from now on each record that matches is in the index
      done(positions) <-- durable-added ---------   from these sequences on
      remove ------------ durable-remove ------->   the index ends with the last shard that wants it
*/
export class DurableFilters {
  readonly #host: DurableHost;
  /** How many subscriptions of this shard want a filter. */
  readonly #wanted = new Map<string, number>();
  readonly #owned: TopicTrie<OwnedFilter>;
  readonly #rounds = new Map<number, Round>();
  #ticketLast = 0;
  /** Soon after the start somebody may want a filter and not have said so yet. */
  #areAllHeard = false;

  constructor(host: DurableHost, hashSeed: number) {
    this.#host = host;
    this.#owned = new TopicTrie(hashSeed);
  }

  get waitingCount(): number {
    return this.#rounds.size;
  }

  /** Filters that the indexes on the disk have. Who wants them will say so. */
  restore(filters: Iterable<string>): void {
    for (const filter of filters)
      if (this.#owned.get(filter) === undefined) this.#owned.set(filter, { filter, shards: new Set(), queues: 0 });
    this.#host.onChanged();
  }

  /** Those that a topic matches, of this shard's logs. */
  matching(topic: string): readonly string[] {
    if (this.#owned.size === 0) return NO_FILTERS;
    const filters: string[] = [];
    this.#owned.match(topic, ({ filter }) => filters.push(filter));
    return filters;
  }

  /** A subscription more. `done` when every owner indexes the filter. */
  add(filter: string, done: (positions: GroupPositions) => void): void {
    this.#wanted.set(filter, (this.#wanted.get(filter) ?? 0) + 1);
    this.locate(filter, done);
  }

  /** A filter that was added: `done` when every owner indexes it, also those that have become one since. */
  locate(filter: string, done: (positions: GroupPositions) => void): void {
    this.#ticketLast += 1;
    const round: Round = { filter, awaited: new Set(this.#ownersOf(filter)), positions: [], done };
    this.#rounds.set(this.#ticketLast, round);
    const ticket = this.#ticketLast;
    for (const owner of [...round.awaited]) this.#host.post(owner, { kind: 'durable-add', ticket, filter });
  }

  /** A subscription less. */
  remove(filter: string): void {
    const count = this.#wanted.get(filter);
    assert(count !== undefined, 'what is removed was added');
    if (count > 1) {
      this.#wanted.set(filter, count - 1);
      return;
    }
    this.#wanted.delete(filter);
    for (const owner of this.#ownersOf(filter)) this.#host.post(owner, { kind: 'durable-remove', filter });
  }

  onAdd(from: ShardId, ticket: number, filter: string): void {
    const owned = this.#owned.get(filter);
    if (owned === undefined) {
      this.#owned.set(filter, { filter, shards: new Set([from]), queues: 0 });
      this.#host.onChanged();
    } else owned.shards.add(from);
    if (ticket !== NO_ANSWER) this.#host.post(from, { kind: 'durable-added', ticket, positions: this.#host.positions(filter) });
  }

  onAdded(from: ShardId, ticket: number, positions: GroupPositions): void {
    const round = this.#rounds.get(ticket);
    if (round === undefined) return;
    round.awaited.delete(from);
    round.positions.push(...positions);
    if (round.awaited.size > 0) return;
    this.#rounds.delete(ticket);
    round.done(round.positions);
  }

  onRemove(from: ShardId, filter: string): void {
    const owned = this.#owned.get(filter);
    if (owned === undefined) return;
    owned.shards.delete(from);
    if (owned.shards.size === 0 && owned.queues === 0 && this.#areAllHeard) this.#drop(filter);
  }

  /** A queue of this shard reads the filter's index from now on. */
  keep(filter: string): void {
    const owned = this.#owned.get(filter);
    if (owned === undefined) this.#owned.set(filter, { filter, shards: new Set(), queues: 1 });
    else owned.queues += 1;
    this.#host.onChanged();
  }

  /** And no longer. */
  letGo(filter: string): void {
    const owned = this.#owned.get(filter);
    assert(owned !== undefined && owned.queues > 0, 'what is let go was kept');
    owned.queues -= 1;
    if (owned.queues === 0 && owned.shards.size === 0 && this.#areAllHeard) this.#drop(filter);
    else this.#host.onChanged();
  }

  /** Indexes that were on the disk and that no shard has asked for since the start. */
  dropUnwanted(): void {
    this.#areAllHeard = true;
    const unwanted: string[] = [];
    for (const { filter, shards, queues } of this.#owned.values()) if (shards.size === 0 && queues === 0) unwanted.push(filter);
    for (const filter of unwanted) this.#drop(filter);
  }

  /** The successor has its indexes from the disk; it learns who wants them, and is asked again what waited. */
  onPeerReplaced(peer: ShardId): void {
    for (const filter of this.#wanted.keys())
      if (this.#ownersOf(filter).includes(peer)) this.#host.post(peer, { kind: 'durable-add', ticket: NO_ANSWER, filter });
    for (const [ticket, { filter, awaited }] of this.#rounds)
      if (awaited.has(peer)) this.#host.post(peer, { kind: 'durable-add', ticket, filter });
  }

  #drop(filter: string): void {
    this.#owned.delete(filter);
    this.#host.onUnwanted(filter);
    this.#host.onChanged();
  }

  #ownersOf(filter: string): readonly ShardId[] {
    const { self, shardCount, ownerOf } = this.#host;
    const owner = ownerOf(filter);
    if (owner >= 0) return [owner];
    // Itself last: its answer may come within the call.
    const owners: ShardId[] = [];
    for (let shard = 0; shard < shardCount; shard += 1) if (shard !== self) owners.push(shard);
    owners.push(self);
    return owners;
  }
}

const NO_ANSWER = 0;
const NO_FILTERS: readonly string[] = [];
