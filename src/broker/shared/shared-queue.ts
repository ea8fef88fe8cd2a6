import type { GroupId, GroupLog, RecordBatch, Sequence } from '../../journal/ports.js';
import { StoreError } from '../../storage/ports.js';
import type { Given } from './given.js';
import type { QueuedGroup, QueueView, SharedPolicy, SharedQueueHost } from './ports.js';
import { type QueueMember, QueueMembers } from './queue-member.js';
import { NOBODY, QueuePart } from './queue-part.js';

/** What one turn gives of one group of the journal. */
const RECORDS_PER_TURN = 256;
const BYTES_PER_TURN = 256 * 1024;
/** Oldest messages that one tick takes away from a queue that is too long. */
const DROPPED_PER_TICK = 4096;
/** Records that are looked at to know how long the others are. */
const SAMPLE_RECORDS = 32;
/** Publishers of records that wait in memory: those beyond are known by their topics. */
const PUBLISHERS_MAX = 65_536;

/** What a queue needs of its shard. */
export interface QueueDesk {
  readonly host: SharedQueueHost;
  /** Empty; `give` takes it back. */
  takeGiven(): Given;
  /** Sends what a member gets. */
  give(member: QueueMember, given: Given): void;
  /** Something may be given now: `turn` is asked. */
  noteDirty(queue: SharedQueue): void;
}

/**
 * One shared subscription: its members on all shards, and, while its messages are kept, its queue in each group of the journal that this shard owns.
 * Each message goes to one member that has room for it; it comes back when that member lets go of it.
 */
export class SharedQueue implements QueuedGroup {
  readonly key: string;
  /** The filter inside. */
  readonly filter: string;
  readonly policy: SharedPolicy;
  readonly members: QueueMembers;
  readonly parts: Map<GroupId, QueuePart> = new Map();
  /** Since when nobody is left for whom it would be kept; 0: somebody is. */
  unwantedSinceMs = 0;
  isDirty = false;
  /** Who waits for its rows to be durable; null: they are. */
  beginning: (() => void)[] | null = null;
  readonly #desk: QueueDesk;
  readonly #batch = new Float64Array(RECORDS_PER_TURN);
  /** What this turn gives, by consumer. */
  readonly #given: Map<QueueMember, Given> = new Map();
  /** Where the next turn begins, so that one part does not keep the others waiting. */
  #partTurn = 0;

  constructor(key: string, filter: string, policy: SharedPolicy, seed: number, desk: QueueDesk) {
    this.key = key;
    this.filter = filter;
    this.policy = policy;
    this.members = new QueueMembers(policy.strategy, seed);
    this.#desk = desk;
  }

  get isQueued(): boolean {
    return this.parts.size > 0;
  }

  /** Keeps what is published from now on in these groups. */
  begin(logs: readonly GroupLog[]): void {
    for (const log of logs) if (!this.parts.has(log.id)) this.parts.set(log.id, QueuePart.create(log, this.key, this.filter));
  }

  takes(group: GroupId, sequence: Sequence): boolean {
    return this.parts.get(group)?.takes(sequence) ?? false;
  }

  note(group: GroupId, sequence: Sequence, count: number, publisherHash: number): void {
    if (this.policy.strategy === 'hash-client' && publisherHash !== 0) {
      const publishers = this.parts.get(group)?.publishers;
      if (publishers !== undefined)
        for (let i = 0; i < count && publishers.size < PUBLISHERS_MAX; i += 1) publishers.set(sequence + i, publisherHash);
    }
    this.#desk.noteDirty(this);
  }

  /** Gives what there is to whoever has room. @returns whether there may be more to give at once. */
  give(): boolean {
    const parts = [...this.parts.values()];
    const nowMs = this.#desk.host.nowMs();
    let hasMore = false;
    for (let i = 0; i < parts.length; i += 1) {
      const room = this.members.room;
      if (room <= 0) break;
      const part = parts[(this.#partTurn + i) % parts.length];
      const count = part.take(nowMs, this.#batch, Math.min(room, RECORDS_PER_TURN));
      if (count > 0) this.#givePart(part, count, nowMs);
      if (count === RECORDS_PER_TURN) hasMore = true;
    }
    if (parts.length > 0) this.#partTurn = (this.#partTurn + 1) % parts.length;
    for (const [member, given] of this.#given) this.#desk.give(member, given);
    this.#given.clear();
    return hasMore;
  }

  /** Rows of the open commit. */
  write(): void {
    for (const part of this.parts.values()) if (part.isDirty) part.write();
  }

  /** The member is done with it; not if another has it by now. */
  settle(member: QueueMember, group: GroupId, sequence: Sequence): void {
    const part = this.parts.get(group);
    const holder = part?.holderOf(sequence) ?? NOBODY;
    if (holder <= NOBODY || holder === member.consumer) part?.settle(sequence);
  }

  /** A session has it from before, whoever else does: nobody gets it any more. */
  claim(group: GroupId, sequence: Sequence): void {
    this.parts.get(group)?.settle(sequence);
  }

  release(member: QueueMember, group: GroupId, sequence: Sequence): void {
    this.parts.get(group)?.release(sequence, member.consumer, this.#desk.host.nowMs());
  }

  /** The member may not have it: another gets it, if there is one that may. */
  refuse(member: QueueMember, group: GroupId, sequence: Sequence): void {
    const part = this.parts.get(group);
    if (part === undefined) return;
    part.refuse(sequence, member.consumer);
    const refusal = part.refusals.get(sequence);
    if (refusal !== undefined && this.members.isRefusedByAll(refusal)) {
      part.settle(sequence);
      this.#desk.host.onDropped(1, 'forbidden');
    } else part.release(sequence, member.consumer, this.#desk.host.nowMs());
  }

  isHolder(member: QueueMember): boolean {
    for (const part of this.parts.values()) if (part.isHolder(member.consumer)) return true;
    return false;
  }

  /** All that a member has is somebody else's. */
  releaseAll(member: QueueMember): void {
    const nowMs = this.#desk.host.nowMs();
    for (const part of this.parts.values()) part.releaseAll(member.consumer, nowMs);
    member.inHand = 0;
  }

  onTick(nowMs: number): void {
    let waiting = 0;
    for (const part of this.parts.values()) {
      if (part.wake(nowMs)) this.#desk.noteDirty(this);
      waiting += part.waiting;
    }
    const limit = this.#messagesMax(waiting);
    if (waiting > limit) this.#dropOldest(Math.min(waiting - limit, DROPPED_PER_TICK), nowMs);
    if (waiting > 0 && this.members.room > 0) this.#desk.noteDirty(this);
  }

  /** Nobody wants it any more: what waits is gone. */
  end(): void {
    let waiting = 0;
    for (const part of this.parts.values()) {
      waiting += part.waiting + part.held;
      part.remove();
    }
    this.parts.clear();
    if (waiting > 0) this.#desk.host.onDropped(waiting, 'ended');
  }

  /** Nothing waits and nobody has anything. */
  get isEmpty(): boolean {
    for (const part of this.parts.values()) if (part.waiting > 0 || part.held > 0) return false;
    return true;
  }

  view(): QueueView {
    const oldest: (readonly [GroupId, Sequence])[] = [];
    let waiting = 0;
    let inHand = 0;
    for (const [group, part] of this.parts) {
      waiting += part.waiting;
      inHand += part.held;
      if (part.oldest > 0) oldest.push([group, part.oldest]);
    }
    const members = this.members.all
      .filter(({ isGone }) => !isGone)
      .map(({ shard, number, isDurable, window, inHand: has }) => ({ shard, member: number, isDurable, window, inHand: has }));
    return { key: this.key, strategy: this.policy.strategy, isQueued: this.isQueued, members, waiting, inHand, oldest };
  }

  #givePart(part: QueuePart, count: number, nowMs: number): void {
    const batch = this.#batch;
    let at = 0;
    // Those that do not come are gone from the log.
    const settleBefore = (sequence: Sequence): void => {
      for (; at < count && batch[at] < sequence; at += 1) part.settle(batch[at]);
    };
    let dealt = 0;
    try {
      dealt = part.log.readRecords(batch, 0, count, BYTES_PER_TURN, (sequence, _partition, record) => {
        settleBefore(sequence);
        at += 1;
        this.#giveRecord(part, sequence, record, nowMs);
        return true;
      });
    } catch (error) {
      if (!(error instanceof StoreError && error.fault === 'busy')) throw error;
    }
    if (dealt > 0) settleBefore(batch[dealt - 1] + 1);
    for (let i = Math.max(at, dealt); i < count; i += 1) part.release(batch[i], NOBODY, nowMs);
    if (dealt < count && dealt > 0) this.#desk.noteDirty(this);
  }

  #giveRecord(part: QueuePart, sequence: Sequence, record: RecordBatch, nowMs: number): void {
    const { host } = this.#desk;
    const qos = host.makeFrame(record);
    // QoS 0 was for whoever was there; what has expired is for nobody.
    if (qos <= 0) {
      part.settle(sequence);
      return;
    }
    const { strategy } = this.policy;
    const keyHash = strategy === 'hash-topic' || strategy === 'hash-client' ? (part.publishers.get(sequence) ?? host.topicHash()) : 0;
    const member = this.members.choose(keyHash, part.refusals.get(sequence));
    if (member === null) {
      part.putOff(sequence, nowMs);
      return;
    }
    this.members.take(member);
    let given = this.#given.get(member);
    if (given === undefined) {
      given = this.#desk.takeGiven();
      this.#given.set(member, given);
    }
    given.add(part.log.id, sequence, host.frame, host.frameLength);
    if (qos === 2 && member.qos === 2 && !member.isDurable) {
      // Never to be sent to anybody else, whatever happens (MQTT-4.8.2-5): that is durable before the member sees it.
      part.settle(sequence);
      given.waitsForCommit = true;
      given.settled += 1;
    } else part.handOver(sequence, member.consumer);
  }

  #messagesMax(waiting: number): number {
    const { messagesMax, bytesMax } = this.policy;
    if (waiting === 0) return messagesMax;
    const mean = this.#meanBytes();
    return mean === 0 ? messagesMax : Math.min(messagesMax, Math.floor(bytesMax / mean));
  }

  /** Of the oldest records that are not settled. */
  #meanBytes(): number {
    let bytes = 0;
    let count = 0;
    for (const { log, filter, oldest } of this.parts.values()) {
      const sequences = new Float64Array(SAMPLE_RECORDS);
      const found = oldest === 0 ? 0 : (log.index(filter)?.read(oldest, sequences) ?? 0);
      try {
        log.readRecords(sequences, 0, found, BYTES_PER_TURN, (_sequence, _partition, record) => {
          bytes += Math.max(0, record.keyLength) + Math.max(0, record.valueLength);
          count += 1;
          return true;
        });
      } catch (error) {
        if (!(error instanceof StoreError && error.fault === 'busy')) throw error;
      }
    }
    return count === 0 ? 0 : bytes / count;
  }

  /** Each part gives its share: nobody knows the order among them. */
  #dropOldest(count: number, nowMs: number): void {
    const lengths = [...this.parts.values()].map((part) => ({ part, waiting: part.waiting }));
    const sum = lengths.reduce((all, { waiting }) => all + waiting, 0);
    let dropped = 0;
    for (const { part, waiting } of lengths) dropped += part.drop(nowMs, Math.min(count - dropped, Math.ceil((count * waiting) / sum)));
    if (dropped > 0) this.#desk.host.onDropped(dropped, 'full');
    this.#desk.noteDirty(this);
  }
}
