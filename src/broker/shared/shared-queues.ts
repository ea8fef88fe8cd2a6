import type { Logger } from '../../base/logger.js';
import type { GroupLog } from '../../journal/ports.js';
import type { DurableFilters } from '../durable-filters.js';
import type { PeerMessage } from '../peer-messages.js';
import type { QueueMessage, ShardId } from '../ports.js';
import { Given } from './given.js';
import type { QueuedGroup, QueueView, SharedDone, SharedPolicies, SharedQueueHost, SharedQueueMessage, SharedQueueOwner } from './ports.js';
import { QueueMember } from './queue-member.js';
import { QueuePart } from './queue-part.js';
import { partsOfShared } from './shared-groups.js';
import { type QueueDesk, SharedQueue } from './shared-queue.js';

/** So long nobody may want a queue before it ends: a session on its way to another shard is nobody's. */
const UNWANTED_MS = 10_000;
const TICKS_BETWEEN_LOOKS = 10;
const SPARE_GIVEN_MAX = 64;
const SPARE_BYTES_MAX = 1024 * 1024;

type Join = Extract<SharedQueueMessage, { kind: 'shared-join' }>;

export interface SharedQueuesParts {
  readonly self: ShardId;
  readonly shardCount: number;
  post(to: ShardId, message: PeerMessage): void;
  readonly policies: SharedPolicies;
  readonly seed: number;
  readonly durable: DurableFilters;
  /** Logs of this shard that may have messages for a filter, and one by its number. */
  logsOf(filter: string): readonly GroupLog[];
  readonly logs: readonly GroupLog[];
  readonly log: Logger;
}

/** The queues of shared subscriptions that one shard owns, and their members on all shards. */
export class SharedQueues implements SharedQueueOwner, QueueDesk {
  host: SharedQueueHost = NO_HOST;
  readonly #parts: SharedQueuesParts;
  readonly #byKey = new Map<string, SharedQueue>();
  /** By the filter inside, those that are queued. */
  readonly #byFilter = new Map<string, SharedQueue[]>();
  /** By shard and what it calls the member. */
  readonly #members: Map<number, { readonly queue: SharedQueue; readonly member: QueueMember }>[];
  /** Of shards that were replaced: their successors count members anew. What they have waits until the successor has told what is its sessions'. */
  readonly #orphans: { readonly queue: SharedQueue; readonly member: QueueMember }[][];
  #consumerLast = 0;
  #dirty: SharedQueue[] = [];
  /** Shards that have not told yet what their sessions have from before. */
  readonly #awaited = new Set<ShardId>();
  readonly #spare: Given[] = [];
  #ticks = 0;

  /** Queues of an earlier process are here again. */
  constructor(parts: SharedQueuesParts) {
    this.#parts = parts;
    this.#members = Array.from({ length: parts.shardCount }, () => new Map());
    this.#orphans = Array.from({ length: parts.shardCount }, () => []);
    for (let shard = 0; shard < parts.shardCount; shard += 1) this.#awaited.add(shard);
    const filterOf = (key: string): string => partsOfShared(key).filter;
    for (const log of parts.logs)
      for (const [key, part] of QueuePart.restoreAll(log, filterOf, (damaged) => this.#onDamaged(damaged))) {
        const queue = this.#open(key);
        const isFirst = !queue.isQueued;
        queue.parts.set(log.id, part);
        if (isFirst) this.#enlist(queue);
      }
  }

  find(key: string): QueuedGroup | null {
    const queue = this.#byKey.get(key);
    return queue?.isQueued ? queue : null;
  }

  ofFilter(filter: string): readonly QueuedGroup[] {
    return this.#byFilter.get(filter) ?? NONE;
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  view(key: string): QueueView | null {
    return this.#byKey.get(key)?.view() ?? null;
  }

  takeGiven(): Given {
    return this.#spare.pop() ?? new Given();
  }

  noteDirty(queue: SharedQueue): void {
    if (queue.isDirty) return;
    queue.isDirty = true;
    this.#dirty.push(queue);
  }

  give(member: QueueMember, given: Given): void {
    if (!given.waitsForCommit && member.heldBatches === 0) {
      this.#send(member, given, given.frames);
      given.clear();
      if (this.#spare.length < SPARE_GIVEN_MAX && given.bytes.length <= SPARE_BYTES_MAX) this.#spare.push(given);
      return;
    }
    member.heldBatches += 1;
    this.host.whenDurable(() => {
      member.heldBatches -= 1;
      // Its shard died: whoever has its number now is somebody else. What it had of QoS 1 is given to others.
      if (this.#members[member.shard].get(member.number)?.member === member) this.#send(member, given, given.frames);
      else this.host.onDropped(given.settled, 'ended');
    });
  }

  turn(): boolean {
    if (this.#dirty.length === 0) return false;
    const dirty = this.#dirty;
    this.#dirty = [];
    const mayGive = this.#awaited.size === 0;
    for (const queue of dirty) {
      queue.isDirty = false;
      if (mayGive && queue.isQueued && queue.give()) this.noteDirty(queue);
      queue.write();
    }
    return mayGive && this.#dirty.length > 0;
  }

  onTick(nowMs: number): void {
    this.#ticks += 1;
    if (this.#ticks % TICKS_BETWEEN_LOOKS !== 0 || this.#awaited.size > 0) return;
    for (const queue of this.#byKey.values()) {
      if (!queue.isQueued) continue;
      queue.onTick(nowMs);
      this.#maybeEnd(queue, nowMs);
    }
  }

  onPeerReplaced(peer: ShardId): void {
    for (const orphan of this.#members[peer].values()) {
      orphan.member.isGone = true;
      this.#orphans[peer].push(orphan);
      this.noteDirty(orphan.queue);
    }
    this.#members[peer].clear();
  }

  onStreamsChanged(): void {
    for (const queue of this.#byKey.values()) if (queue.isQueued) queue.begin(this.#parts.logsOf(queue.filter));
  }

  onMessage(from: ShardId, message: QueueMessage): boolean {
    switch (message.kind) {
      case 'shared-join':
        this.#onJoin(from, message);
        return true;
      case 'shared-window':
        this.#onWindow(from, message.member, message.window);
        return true;
      case 'shared-leave':
        this.#onLeave(from, message.member);
        return true;
      case 'shared-done':
        for (const done of message.members) this.#onDone(from, done);
        if (message.ticket !== NO_TICKET) this.#confirm(from, message.ticket);
        return true;
      case 'shared-claim':
        this.#onClaim(from, message.ticket, message.key, message.places);
        return true;
      case 'shared-ready':
        this.#onReady(from);
        return true;
      default:
        return false;
    }
  }

  #onWindow(from: ShardId, number: number, window: number): void {
    const known = this.#members[from].get(number);
    if (known === undefined) return;
    known.member.window = window;
    this.noteDirty(known.queue);
  }

  #onClaim(from: ShardId, ticket: number, key: string, places: readonly number[]): void {
    const queue = this.#byKey.get(key);
    for (let i = 0; i < places.length; i += 2) queue?.claim(places[i], places[i + 1]);
    if (queue !== undefined) {
      this.noteDirty(queue);
      // It may have been the last that somebody had who has left.
      for (const member of queue.members.all.filter(({ isGone }) => isGone)) this.#maybeForget(queue, member);
    }
    this.#confirm(from, ticket);
  }

  /** What was settled is durable, also if there was nothing to settle any more. */
  #confirm(to: ShardId, ticket: number): void {
    this.host.whenDurable(() => this.#parts.post(to, { kind: 'shared-kept', ticket }));
  }

  #onJoin(from: ShardId, { ticket, member: number, key, isDurable, qos, window, hash }: Join): void {
    const queue = this.#open(key);
    this.#consumerLast += 1;
    const member = new QueueMember(this.#consumerLast, from, number, isDurable, qos, hash, window);
    queue.members.all.push(member);
    this.#members[from].set(number, { queue, member });
    if ((isDurable && qos > 0) || queue.policy.isDurable) this.#begin(queue);
    this.noteDirty(queue);
    const answer = (): void => this.#parts.post(from, { kind: 'shared-joined', ticket });
    // What is promised by the answer outlives this process.
    if (queue.beginning === null) answer();
    else queue.beginning.push(answer);
  }

  #onLeave(from: ShardId, number: number): void {
    const known = this.#members[from].get(number);
    if (known === undefined) return;
    const { queue, member } = known;
    member.isGone = true;
    member.window = 0;
    this.noteDirty(queue);
    this.#maybeForget(queue, member);
  }

  #onDone(from: ShardId, { member: number, settled, kept, finished, released, refused }: SharedDone): void {
    const known = this.#members[from].get(number);
    if (known === undefined) return;
    const { queue, member } = known;
    for (let i = 0; i < settled.length; i += 2) queue.settle(member, settled[i], settled[i + 1]);
    for (let i = 0; i < kept.length; i += 2) queue.settle(member, kept[i], kept[i + 1]);
    for (let i = 0; i < released.length; i += 2) queue.release(member, released[i], released[i + 1]);
    for (let i = 0; i < refused.length; i += 2) queue.refuse(member, refused[i], refused[i + 1]);
    member.inHand = Math.max(0, member.inHand - finished - (settled.length + released.length + refused.length) / 2);
    this.noteDirty(queue);
    if (member.isGone) this.#maybeForget(queue, member);
  }

  /** Whatever the shard's members had before it died is settled by now, or can be given to others. */
  #onReady(from: ShardId): void {
    this.#awaited.delete(from);
    for (const { queue, member } of this.#orphans[from].splice(0)) {
      queue.releaseAll(member);
      queue.members.remove(member);
    }
    for (const queue of this.#byKey.values()) this.noteDirty(queue);
  }

  /** A member that is gone is remembered as long as it has something. */
  #maybeForget(queue: SharedQueue, member: QueueMember): void {
    if (member.inHand > 0 || queue.isHolder(member)) return;
    const members = this.#members[member.shard];
    if (members.get(member.number)?.member !== member) return; // Of a shard that was replaced.
    members.delete(member.number);
    queue.members.remove(member);
    if (!queue.isQueued && queue.members.all.length === 0) this.#byKey.delete(queue.key);
  }

  #open(key: string): SharedQueue {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const { group, filter } = partsOfShared(key);
    const queue = new SharedQueue(key, filter, this.#parts.policies(group, filter), this.#parts.seed, this);
    this.#byKey.set(key, queue);
    return queue;
  }

  #begin(queue: SharedQueue): void {
    if (queue.isQueued) return;
    queue.begin(this.#parts.logsOf(queue.filter));
    if (!queue.isQueued) return;
    this.#enlist(queue);
    const waiting: (() => void)[] = [];
    queue.beginning = waiting;
    this.host.whenDurable(() => {
      queue.beginning = null;
      for (const tell of waiting) tell();
    });
  }

  #enlist(queue: SharedQueue): void {
    this.#byFilter.set(queue.filter, [...(this.#byFilter.get(queue.filter) ?? []), queue]);
    this.#parts.durable.keep(queue.filter);
  }

  /** It ends when nobody wants it: at once if nothing waits or nobody is there, else when its members have had all of it. */
  #maybeEnd(queue: SharedQueue, nowMs: number): void {
    const { members, policy } = queue;
    const isWanted = members.hasDurable || (policy.isDurable && !members.isEmpty);
    if (isWanted) {
      queue.unwantedSinceMs = 0;
      return;
    }
    if (queue.unwantedSinceMs === 0) queue.unwantedSinceMs = nowMs;
    if (nowMs - queue.unwantedSinceMs < (policy.isDurable ? policy.keepMs : UNWANTED_MS)) return;
    if (!members.isEmpty && !queue.isEmpty) return;
    queue.end();
    const others = (this.#byFilter.get(queue.filter) ?? []).filter((other) => other !== queue);
    if (others.length === 0) this.#byFilter.delete(queue.filter);
    else this.#byFilter.set(queue.filter, others);
    this.#parts.durable.letGo(queue.filter);
    queue.unwantedSinceMs = 0;
    if (members.all.length === 0) this.#byKey.delete(queue.key);
  }

  #send(member: QueueMember, { groups, sequences }: Given, frames: Uint8Array): void {
    this.#parts.post(member.shard, { kind: 'shared-given', member: member.number, groups, sequences, frames });
  }

  #onDamaged(key: string): void {
    this.#parts.log.error('shared.damaged', 'what was known of a shared subscription cannot be read: its messages come again', { key });
  }
}

const NO_TICKET = 0;
const NONE: readonly QueuedGroup[] = [];

const NO_HOST: SharedQueueHost = {
  makeFrame: () => -1,
  frame: new Uint8Array(0),
  frameLength: 0,
  topicHash: () => 0,
  whenDurable: (done) => done(),
  nowMs: () => 0,
  onDropped: () => {},
};
