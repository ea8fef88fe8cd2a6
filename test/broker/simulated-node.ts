import assert from 'node:assert/strict';
import type { SeededRandom } from '../../src/base/random.js';
import type { PeerMessage } from '../../src/broker/peer-messages.js';
import { type PeerLinks, REFUSED, type ShardId } from '../../src/broker/ports.js';
import type { RetainedLimits } from '../../src/broker/retained.js';
import { ShardBroker } from '../../src/broker/shard-broker.js';
import { matches } from './naive-matcher.js';
import { EasyChoice } from './shared/easy-choice.js';

/** A publish on its way to another shard: it shares the ring with the messages of the brokers. */
export interface Run {
  readonly kind: 'run';
  readonly topic: string;
  readonly sequence: number;
  /** The number of a shared subscription's group there; 0: to the plain subscribers. */
  readonly group: number;
}

type Crossing = PeerMessage | Run | { readonly kind: 'peer-replaced' };

/** What a subscriber of the simulation saw. Identity is all the broker knows of it. */
export class Subscriber {
  readonly name: string;
  readonly shard: ShardId;
  readonly live: { topic: string; sequence: number }[] = [];

  constructor(name: string, shard: ShardId) {
    this.name = name;
    this.shard = shard;
  }
}

export interface NodeLimits {
  readonly subscriptionsMax: number;
  readonly retained: RetainedLimits;
}

/** The client sessions of one shard, as a protocol would keep them: a token per identifier stands for the session's state. */
export class FakeSessions {
  readonly tokens: Map<string, string> = new Map();
  readonly orphans: string[] = [];
  /** What was given to another shard, which never makes it durable. */
  readonly given: Map<string, { readonly token: string; readonly claimant: ShardId }> = new Map();
  keepsGiven = false;
  /** Answers the protocol has not given yet; null: it answers at once. */
  readonly delayed: (() => void)[] | null;
  readonly #broker: ShardBroker<Subscriber>;
  #tokenLast = 0;

  constructor(broker: ShardBroker<Subscriber>, isSlow: boolean) {
    this.#broker = broker;
    this.delayed = isSlow ? [] : null;
    broker.directory.onSurrender = (clientId, discard, claimant, answer) => {
      const token = this.tokens.get(clientId);
      let state: Uint8Array | null = null;
      if (discard || claimant !== broker.shard) this.tokens.delete(clientId);
      if (!discard && claimant !== broker.shard && token !== undefined) {
        state = new TextEncoder().encode(token);
        if (this.keepsGiven) this.given.set(clientId, { token, claimant });
      }
      if (this.delayed === null) answer(state);
      else this.delayed.push(() => answer(state));
    };
    broker.directory.onReturn = (isMeant) => {
      const returned: { clientId: string; claimedAtMs: number }[] = [];
      for (const [clientId, { token, claimant }] of this.given) {
        if (!isMeant(clientId, claimant) || this.tokens.has(clientId)) continue;
        this.given.delete(clientId);
        this.tokens.set(clientId, token);
        returned.push({ clientId, claimedAtMs: 1 });
      }
      return returned;
    };
    broker.directory.onOutdated = (clientId) => {
      this.tokens.delete(clientId);
    };
    broker.directory.onOrphan = (clientId, state) => {
      assert.ok(!this.tokens.has(clientId), 'an orphan comes where no session is');
      this.orphans.push(clientId);
      this.tokens.set(clientId, new TextDecoder().decode(state));
    };
  }

  /** A client connects; `onDone` once it has its session, old or new. */
  connect(clientId: string, discard: boolean, onDone: () => void): number {
    return this.#broker.directory.claim(clientId, '', discard, (state) => {
      assert.ok(state !== REFUSED, 'nobody owns a session here');
      if (state !== null) this.tokens.set(clientId, new TextDecoder().decode(state));
      else if (discard || !this.tokens.has(clientId)) this.tokens.set(clientId, this.#newToken());
      onDone();
    });
  }

  end(clientId: string): void {
    if (this.tokens.delete(clientId)) this.#broker.directory.release(clientId);
  }

  #newToken(): string {
    this.#tokenLast += 1;
    return `${this.#broker.shard}.${this.#tokenLast}`;
  }
}

class SimulatedLinks implements PeerLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  onMessage: (from: ShardId, message: PeerMessage) => void = () => assert.fail('no broker yet');
  onPeerReplaced: (peer: ShardId) => void = () => assert.fail('no broker yet');
  readonly #send: (to: ShardId, message: PeerMessage) => void;

  constructor(self: ShardId, shardCount: number, send: (to: ShardId, message: PeerMessage) => void) {
    this.self = self;
    this.shardCount = shardCount;
    this.#send = send;
  }

  send(to: ShardId, message: PeerMessage): void {
    assert.notEqual(to, this.self, 'nothing is sent to oneself');
    this.#send(to, structuredClone(message));
  }
}

/** The shards of one node and the rings between them: first in, first out per pair, in any order between pairs. */
export class SimulatedNode {
  readonly choice: EasyChoice<Subscriber> = new EasyChoice();
  readonly brokers: ShardBroker<Subscriber>[] = [];
  readonly sessions: FakeSessions[] = [];
  readonly shardCount: number;
  nowMs = 1_000_000;
  messageCount = 0;
  readonly #links: SimulatedLinks[] = [];
  readonly #queues: Crossing[][];
  readonly #random: SeededRandom;
  readonly #limits: NodeLimits;
  readonly #isSlow: boolean;

  constructor(
    shardCount: number,
    random: SeededRandom,
    isSlow = false,
    limits: NodeLimits = { subscriptionsMax: 100, retained: { messagesMax: 1000, bytesMax: 0, payloadBytesMax: 0, expiryMs: 0 } },
    isDurable = false,
  ) {
    this.shardCount = shardCount;
    this.#random = random;
    this.#limits = limits;
    this.#isSlow = isSlow;
    this.#queues = Array.from({ length: shardCount * shardCount }, () => []);
    for (let shard = 0; shard < shardCount; shard += 1) this.#start(shard, isDurable);
  }

  /** A shard dies with all it knew and all that was on the way from and to it; its peers learn of it one by one. */
  replace(shard: ShardId): void {
    for (let peer = 0; peer < this.shardCount; peer += 1) {
      if (peer === shard) continue;
      const toPeer = this.#queue(shard, peer);
      // What the dead shard had sent is lost with its ring, and this is the first a peer hears of the new one.
      toPeer.length = 0;
      toPeer.push({ kind: 'peer-replaced' });
      this.#queue(peer, shard).length = 0;
    }
    this.#start(shard, true);
  }

  /** Publishes on a shard: to its own subscribers at once, to other shards over the rings. */
  publish(shard: ShardId, topic: string, sequence: number): void {
    const route = this.brokers[shard].compileRoute(topic);
    for (const receiver of route.receivers) receiver.subscriber.live.push({ topic, sequence });
    for (const to of route.shards) this.#cross(shard, to, { kind: 'run', topic, sequence, group: 0 });
    for (const group of route.shared) {
      const pick = group.next(this.choice);
      if (pick >= 0) group.members[pick].subscriber.live.push({ topic, sequence });
      else this.#cross(shard, ~pick, { kind: 'run', topic, sequence, group: group.numberOn(~pick) });
    }
  }

  /** Delivers one message of a random pair, or lets a slow protocol give one answer. False if there is none. */
  step(): boolean {
    const queues = this.#queues.map((queue, index) => ({ queue, index })).filter(({ queue }) => queue.length > 0);
    const slow = this.sessions.filter((sessions) => sessions.delayed !== null && sessions.delayed.length > 0);
    const choices = queues.length + slow.length;
    if (choices === 0) return false;
    const choice = this.#random.below(choices);
    if (choice >= queues.length) {
      slow[choice - queues.length].delayed?.shift()?.();
      return true;
    }
    const { queue, index } = queues[choice];
    const crossing = queue.shift();
    assert.ok(crossing !== undefined);
    this.#arrive(Math.floor(index / this.shardCount), index % this.shardCount, crossing);
    return true;
  }

  /** Delivers the oldest message of one pair, for tests that choose the order themselves. */
  deliver(from: ShardId, to: ShardId): void {
    const crossing = this.#queue(from, to).shift();
    assert.ok(crossing !== undefined, `something is on the way from ${from} to ${to}`);
    this.#arrive(from, to, crossing);
  }

  /** Until nothing is under way any more. */
  settle(): void {
    let steps = 0;
    while (this.step()) {
      steps += 1;
      assert.ok(steps < 200_000, 'the shards come to rest');
    }
  }

  holdersOf(clientId: string): ShardId[] {
    return this.brokers.filter((broker) => broker.directory.holds(clientId)).map((broker) => broker.shard);
  }

  /** @param awaitsHolds it has sessions from before, or may have: here it says that it has none. */
  #start(shard: ShardId, awaitsHolds: boolean): void {
    const links = new SimulatedLinks(shard, this.shardCount, (to, message) => {
      if (this.#links[shard] === links) this.#cross(shard, to, message);
    });
    this.#links[shard] = links;
    const broker = new ShardBroker<Subscriber>({
      links,
      clock: { nowMs: () => this.nowMs },
      limits: this.#limits,
      hashSeed: shard + 1,
      awaitsHolds,
    });
    this.brokers[shard] = broker;
    this.sessions[shard] = new FakeSessions(broker, this.#isSlow);
    if (awaitsHolds) broker.directory.announce([]);
  }

  /** What is sent to a successor the sender has not heard of goes into the dead shard's ring. */
  #cross(from: ShardId, to: ShardId, crossing: Crossing): void {
    if (this.#queue(to, from).some((waiting) => waiting.kind === 'peer-replaced')) return;
    this.messageCount += 1;
    this.#queue(from, to).push(crossing);
  }

  #arrive(from: ShardId, to: ShardId, crossing: Crossing): void {
    if (crossing.kind === 'peer-replaced') {
      this.#links[to].onPeerReplaced(from);
    } else if (crossing.kind !== 'run') {
      this.#links[to].onMessage(from, crossing);
    } else if (crossing.group > 0) {
      this.brokers[to].sharedMember(crossing.group, this.choice)?.subscriber.live.push(crossing);
    } else {
      for (const receiver of this.brokers[to].compileRoute(crossing.topic).receivers) receiver.subscriber.live.push(crossing);
    }
  }

  #queue(from: ShardId, to: ShardId): Crossing[] {
    return this.#queues[from * this.shardCount + to];
  }
}

/** What every shard must route by, kept beside the brokers. */
export class SubscriptionModel {
  readonly #filters: Map<Subscriber, Set<string>> = new Map();

  add(subscriber: Subscriber, filter: string): void {
    const filters = this.#filters.get(subscriber);
    if (filters === undefined) this.#filters.set(subscriber, new Set([filter]));
    else filters.add(filter);
  }

  remove(subscriber: Subscriber, filter: string): boolean {
    return this.#filters.get(subscriber)?.delete(filter) ?? false;
  }

  forget(subscriber: Subscriber): void {
    this.#filters.delete(subscriber);
  }

  forgetShard(shard: ShardId): void {
    for (const subscriber of this.#filters.keys()) if (subscriber.shard === shard) this.#filters.delete(subscriber);
  }

  receiversOn(shard: ShardId, topic: string): string[] {
    const names: string[] = [];
    for (const [subscriber, filters] of this.#filters) {
      const isMatched = [...filters].some((filter) => !filter.startsWith('$share/') && matches(filter, topic));
      if (subscriber.shard === shard && isMatched) names.push(subscriber.name);
    }
    return names.sort();
  }

  /** Members per shard of each group that matches. */
  groupsOf(topic: string, shardCount: number): Map<string, number[]> {
    const groups = new Map<string, number[]>();
    for (const [subscriber, filters] of this.#filters) {
      for (const key of filters) {
        if (!key.startsWith('$share/') || !matches(key.split('/').slice(2).join('/'), topic)) continue;
        const counts = groups.get(key) ?? new Array<number>(shardCount).fill(0);
        counts[subscriber.shard] += 1;
        groups.set(key, counts);
      }
    }
    return groups;
  }
}
