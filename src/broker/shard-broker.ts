import { assert } from '../base/assert.js';
import { SILENT_LOGGER } from '../base/logger.js';
import { plainName, tenantOf } from '../base/tenant-names.js';
import { DurableFilters } from './durable-filters.js';
import { ExclusiveTopics } from './exclusive-topics.js';
import { Interest } from './interest.js';
import { ownerOf } from './level-hash.js';
import type { PeerMessage } from './peer-messages.js';
import type {
  Broker,
  LogTarget,
  PeerLinks,
  QueueMessage,
  Receiver,
  RetainedPlace,
  Route,
  ShardId,
  StoredMessage,
  SubscribeRequest,
  SubscribeResult,
} from './ports.js';
import { RetainedMessages } from './retained-messages.js';
import type { RetainStatus } from './retained-relay.js';
import { ShardDirectory } from './session-directory.js';
import { SessionRegistrar } from './session-registrar.js';
import type { ShardBrokerOptions } from './shard-broker-options.js';
import type { SharedChoice } from './shared/ports.js';
import { BY_TURNS, isShared, SharedGroups } from './shared/shared-groups.js';
import { SharedQueues } from './shared/shared-queues.js';
import { NO_ANSWER, type RetainedFound, SubscribeOrder, SubscribeRounds } from './subscribe-rounds.js';
import type { Subscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';

const NOTHING_RETAINED: readonly StoredMessage[] = [];
const NOTHING_FOUND: RetainedFound = { messages: NOTHING_RETAINED, next: null };
const NO_PLACES: readonly RetainedPlace[] = [];
const NO_FILTERS: readonly string[] = [];

/** One shard's broker: its own subscriptions, what its peers told it, and the conversations with them. No timers, no I/O. */
export class ShardBroker<S> implements Broker<S> {
  readonly shard: ShardId;
  readonly directory: ShardDirectory;
  readonly exclusive: ExclusiveTopics;
  readonly durable: DurableFilters;
  readonly queues: SharedQueues;
  persistRetained: Broker<S>['persistRetained'] = (_topic, _message, done) => done('stored');
  onSubscribed: Broker<S>['onSubscribed'] = () => {};
  onQueueMessage: Broker<S>['onQueueMessage'] = () => assert(false, 'the protocol sets it');
  readonly #links: PeerLinks;
  readonly #groups: SharedGroups<S>;
  readonly #subscriptions: Subscriptions<S>;
  readonly #interest: Interest;
  readonly #retained: RetainedMessages;
  readonly #rounds: SubscribeRounds;
  readonly #registrar: SessionRegistrar;
  readonly #resolveLog: (topic: string) => LogTarget | null;
  #version = 1;

  constructor(options: ShardBrokerOptions) {
    const { links, clock, limits, log = SILENT_LOGGER, hashSeed = 0, awaitsHolds = false, resolveLog = () => null, durableLogs } = options;
    const retainedOwnerOf = options.retainedOwnerOf ?? ((topic: string) => ownerOf(topic, options.links.shardCount));
    const { self, shardCount } = links;
    assert(self >= 0 && self < shardCount, 'a shard is one of its node');
    this.shard = self;
    this.#links = links;
    this.#resolveLog = resolveLog;
    this.#groups = new SharedGroups(self, hashSeed, options.sharedPolicies);
    this.#subscriptions = new Subscriptions(limits.subscriptionsMax, this.#groups, hashSeed);
    this.#interest = new Interest(shardCount, hashSeed);

    const post = (to: ShardId, message: PeerMessage): void => this.#post(to, message);
    const relay = {
      ...{ self, shardCount, post, nowMs: () => clock.nowMs(), ownerOf: retainedOwnerOf },
      persist: (topic: string, message: StoredMessage | null, done: (status: RetainStatus) => void) =>
        this.persistRetained(topic, message, done),
    };
    this.#retained = new RetainedMessages(relay, limits.retained, options.retainedLimitsOf ?? (() => null), hashSeed);
    this.#rounds = new SubscribeRounds({
      self,
      shardCount,
      post,
      announce: (filter, ticket) => this.#announcementOf(filter, ticket),
      retainedHere: (filter) => this.#retained.first(filter),
    });
    this.durable = new DurableFilters(
      {
        self,
        shardCount,
        post,
        ownerOf: (filter) => (/[+#]/.test(filter) ? -1 : (resolveLog(filter)?.owner ?? -1)),
        positions: (filter) => durableLogs?.positions(filter) ?? [],
        onUnwanted: (filter) => durableLogs?.onUnwanted(filter),
        onChanged: () => {
          this.#version += 1;
        },
      },
      hashSeed,
    );
    this.queues = new SharedQueues({
      ...{ self, shardCount, post, log, seed: hashSeed, durable: this.durable },
      policies: options.sharedPolicies ?? BY_TURNS,
      logs: durableLogs?.logs ?? [],
      logsOf: (filter) => durableLogs?.logsOf(filter) ?? [],
    });
    this.exclusive = new ExclusiveTopics({ self, shardCount, post });
    this.directory = new ShardDirectory({ self, shardCount, post });
    const adopt = (clientId: string, state: Uint8Array): void => this.directory.adopt(clientId, state);
    const lost = (clientId: string, why: string): void => log.warn('session.lost', 'the state of a session was dropped', { clientId, why });
    this.#registrar = new SessionRegistrar({ self, shardCount, post, adopt, lost }, awaitsHolds, clock.nowMs());
    links.onMessage = (from, message) => this.#onMessage(from, message);
    links.onPeerReplaced = (peer) => this.#onPeerReplaced(peer);
  }

  get subscriptionVersion(): number {
    return this.#version;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.count;
  }

  /** Of the topics this shard owns. */
  retainedBytesOf(tenant: string): number {
    return this.#retained.bytesOf(tenant);
  }

  get retainedCount(): number {
    return this.#retained.count;
  }

  compileRoute(routing: string): Route<S> {
    const log = this.#resolveLog(routing);
    return {
      routing,
      topic: plainName(routing),
      tenant: tenantOf(routing),
      version: this.#version,
      receivers: this.#subscriptions.receiversOf(routing),
      shards: this.#interest.shardsOf(routing),
      shared: this.#groups.groupsOf(routing),
      log,
      durable: log?.owner === this.shard ? this.durable.matching(routing) : NO_FILTERS,
      plan: null,
    };
  }

  /**
   * Who of this shard gets a message that another shard's broker sent to a shared subscription's group here (its `numberOn`).
   * Null if the last member left while the message was under way.
   */
  sharedMember(number: number, choice: SharedChoice<S>): Receiver<S> | null {
    const group = this.#groups.byNumber(number);
    const index = group === undefined ? -1 : group.nextMember(choice);
    return group === undefined || index < 0 ? null : group.members[index];
  }

  tellSharedLoads(choice: SharedChoice<S>): void {
    for (const [shard, loads] of this.#groups.loadsOf(choice)) this.#links.send(shard, { kind: 'shared-loads', loads });
  }

  subscribe(subscriber: S, requests: readonly SubscribeRequest[], done: (results: readonly SubscribeResult[]) => void): void {
    if (requests.length === 0) {
      done([]);
      return;
    }
    const order = new SubscribeOrder(requests.length, done);
    for (let index = 0; index < requests.length; index += 1) this.#subscribeOne(subscriber, requests[index], order, index);
  }

  unsubscribe(subscriber: S, filters: readonly string[]): readonly boolean[] {
    return filters.map((filter) => {
      const subscription = this.#subscriptions.find(subscriber, filter);
      if (subscription === undefined) return false;
      this.#withdraw(subscription);
      return true;
    });
  }

  forget(subscriber: S): void {
    for (const subscription of this.#subscriptions.of(subscriber)) this.#withdraw(subscription);
  }

  subscriptionsOf(subscriber: S): readonly SubscribeRequest[] {
    return this.#subscriptions.of(subscriber).map(({ filter, options }) => ({ filter, options }));
  }

  retain(topic: string, message: StoredMessage | null, done: (status: RetainStatus) => void): void {
    this.#retained.retain(topic, message, done);
  }

  firstRetained: Broker<S>['firstRetained'] = (filter) => this.#retained.first(filter);

  nextRetained: Broker<S>['nextRetained'] = (filter, place, done) => this.#retained.next(filter, place, done);

  /** Topics may go to other logs from now on. */
  onStreamsChanged(): void {
    this.#version += 1;
    this.queues.onStreamsChanged();
  }

  restoreRetained(message: StoredMessage): void {
    this.#retained.restore(message);
  }

  sendQueueMessage(to: ShardId, message: QueueMessage): void {
    this.#post(to, message);
  }

  onTick(nowMs: number): void {
    this.#retained.sweep(nowMs);
    this.#registrar.onTick(nowMs);
    this.queues.onTick(nowMs);
  }

  /** What waits for an answer of another shard; 0 at rest. */
  get waitingCount(): number {
    return (
      this.#rounds.openCount +
      this.#retained.waitingCount +
      this.directory.waitingCount +
      this.exclusive.waitingCount +
      this.durable.waitingCount
    );
  }

  #subscribeOne(subscriber: S, request: SubscribeRequest, order: SubscribeOrder, index: number): void {
    const { filter, options } = request;
    const shared = isShared(filter);
    const known = this.#subscriptions.find(subscriber, filter);
    const isNew = known === undefined;
    // A shared subscription's peers count its members, so each new one is news to them.
    const isAnnounced = !isNew || (!shared && this.#subscriptions.hasFilter(filter));
    if (known !== undefined) {
      this.#subscriptions.replaceOptions(known, options);
    } else if (this.#subscriptions.add(subscriber, filter, options) === null) {
      order.settle(index, 'quota-exceeded', true, NOTHING_RETAINED, NO_PLACES);
      return;
    } else this.onSubscribed(filter, 1);
    this.#version += 1;

    // §3.3.1.3: 0 always, 1 if the subscription is new, 2 never; §4.8.2: none for shared subscriptions.
    const wantsRetained = !shared && (options.retainHandling === 0 || (options.retainHandling === 1 && isNew));
    if (this.#links.shardCount === 1) {
      const { messages, next } = wantsRetained ? this.#retained.first(filter) : NOTHING_FOUND;
      order.settle(index, 'granted', isNew, messages, next === null ? NO_PLACES : [next]);
      return;
    }
    this.#rounds.start(filter, isAnnounced, wantsRetained, (retained, more) => order.settle(index, 'granted', isNew, retained, more));
  }

  #withdraw(subscription: Subscription<S>): void {
    const filter = subscription.filter;
    this.#subscriptions.remove(subscription);
    this.onSubscribed(filter, -1);
    this.#version += 1;
    if (this.#links.shardCount === 1) return;
    // Others may still want it. Shared: then the peers hear how many are left.
    const announcement = this.#announcementOf(filter, NO_ANSWER);
    if (announcement === null) this.#postToPeers({ kind: 'interest-remove', filter });
    else if (isShared(filter)) this.#postToPeers(announcement);
  }

  #announcementOf(filter: string, ticket: number): PeerMessage | null {
    if (!isShared(filter)) {
      return this.#subscriptions.hasFilter(filter)
        ? { kind: 'interest-add', ticket, filter, wantsRetained: false, members: 0, group: 0 }
        : null;
    }
    const group = this.#groups.get(filter);
    if (group === undefined || group.members.length === 0) return null;
    const members = group.members.length;
    return { kind: 'interest-add', ticket, filter, wantsRetained: false, members, group: group.number };
  }

  *#announcedFilters(): Generator<string, void, undefined> {
    yield* this.#subscriptions.filters();
    for (const group of this.#groups.values()) if (group.members.length > 0) yield group.key;
  }

  /** A message to this shard itself is handled at once. */
  #post(to: ShardId, message: PeerMessage): void {
    if (to === this.shard) this.#onMessage(to, message);
    else this.#links.send(to, message);
  }

  #postToPeers(message: PeerMessage): void {
    for (let shard = 0; shard < this.#links.shardCount; shard += 1) if (shard !== this.shard) this.#links.send(shard, message);
  }

  #onMessage(from: ShardId, message: PeerMessage): void {
    switch (message.kind) {
      case 'interest-add':
        this.#onInterestAdd(from, message);
        return;
      case 'interest-added':
        this.#rounds.onInterestAdded(from, message.ticket, { messages: message.retained, next: message.next });
        return;
      case 'interest-remove':
        if (isShared(message.filter)) this.#groups.setPeer(from, message.filter, 0, 0);
        else this.#interest.remove(from, message.filter);
        this.#version += 1;
        return;
      case 'shared-loads':
        for (const [group, free, load] of message.loads) this.#groups.byNumber(group)?.onLoad(from, free, load);
        return;
      case 'retain':
      case 'retained':
      case 'retained-page':
      case 'retained-paged':
        this.#retained.onMessage(from, message);
        return;
      case 'claim':
        this.#registrar.onClaim(from, message);
        return;
      case 'surrender':
        this.directory.onSurrenderAsked(from, message);
        return;
      case 'surrendered':
        this.#registrar.onSurrendered(from, message.ticket, message.clientId, message.outcome);
        return;
      case 'claimed':
        this.directory.onClaimed(message.ticket, message.clientId, message.outcome);
        return;
      case 'release':
        this.#registrar.onRelease(from, message.clientId);
        return;
      case 'return':
        this.directory.onReturnAsked(from, message.peer);
        return;
      case 'outdated':
        this.directory.onOutdatedHere(message.clientId);
        return;
      case 'holds':
        this.#registrar.onHolds(from, message.clientIds, message.claimedAtMs);
        return;
      case 'exclusive-claim':
      case 'exclusive-claimed':
      case 'exclusive-release':
        this.exclusive.onMessage(from, message);
        return;
      case 'durable-add':
        this.durable.onAdd(from, message.ticket, message.filter);
        return;
      case 'durable-added':
        this.durable.onAdded(from, message.ticket, message.positions);
        return;
      case 'durable-remove':
        this.durable.onRemove(from, message.filter);
        return;
      default:
        if (!this.queues.onMessage(from, message)) this.onQueueMessage(from, message);
        return;
    }
  }

  #onInterestAdd(from: ShardId, message: Extract<PeerMessage, { kind: 'interest-add' }>): void {
    const { filter, ticket, members, group } = message;
    if (isShared(filter)) {
      assert(members > 0 && group > 0, 'an announced group has members and a number');
      this.#groups.setPeer(from, filter, members, group);
      this.#version += 1;
    } else if (this.#interest.add(from, filter)) {
      this.#version += 1;
    }
    if (ticket === NO_ANSWER) return;
    if (message.wantsRetained) {
      const { messages, next } = this.#retained.first(filter);
      this.#links.send(from, { kind: 'interest-added', ticket, retained: messages, next });
    } else {
      const told: PeerMessage = { kind: 'interest-added', ticket, retained: NOTHING_RETAINED, next: null };
      this.#retained.afterStored(from, () => this.#links.send(from, told));
    }
  }

  #onPeerReplaced(peer: ShardId): void {
    assert(peer !== this.shard, 'a shard does not see itself replaced');
    this.#interest.forget(peer);
    this.#groups.forgetPeer(peer);
    this.#version += 1;
    this.exclusive.onPeerReplaced(peer);
    this.#retained.onPeerReplaced(peer);
    this.#rounds.onPeerReplaced(peer, this.#announcedFilters());
    this.durable.onPeerReplaced(peer);
    this.queues.onPeerReplaced(peer);
    // Last: sessions that come back ask the successor for themselves.
    this.directory.onPeerReplaced(peer);
    this.#registrar.onPeerReplaced(peer);
  }
}
