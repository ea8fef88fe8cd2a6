import assert from 'node:assert/strict';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import type { SeededRandom } from '../../../src/base/random.js';
import { DurableFilters } from '../../../src/broker/durable-filters.js';
import type { PeerMessage } from '../../../src/broker/peer-messages.js';
import type { ShardId } from '../../../src/broker/ports.js';
import type { SharedDone, SharedQueueHost, SharedQueueMessage, SharedStrategy } from '../../../src/broker/shared/ports.js';
import { SharedQueues } from '../../../src/broker/shared/shared-queues.js';
import { FakeGroupLog } from './fake-group-log.js';

export const KEY = '$share/g/jobs';
const FILTER = 'jobs';
/** The owner of the queue is shard 0; members are on both. */
const SHARDS = 2;

type Given = Extract<SharedQueueMessage, { kind: 'shared-given' }>;

/** A message as it was published. The record's number is its index in `QueueWorld.published`. */
export interface Published {
  readonly qos: 1 | 2;
  isQueued: boolean;
  /** Sessions that saw it, once for each time it was new to them. */
  readonly seenBy: Session[];
  acknowledged: number;
  /** QoS 2 that ended with a session: nobody else may get it. */
  isDropped: boolean;
}

/** What a shard keeps of a client: the model of protocols/mqtt/shared. */
export interface Session {
  readonly shard: ShardId;
  readonly isDurable: boolean;
  readonly qos: 1 | 2;
  member: number;
  isOnline: boolean;
  hasEnded: boolean;
  /** Sent and not acknowledged. */
  readonly inHand: Map<number, readonly [group: number, sequence: number]>;
  /** QoS 2: its rows are written with the next commit of its shard, and before that it is not sent. */
  readonly opening: Map<number, readonly [group: number, sequence: number]>;
  /** QoS 2 that are its own: in its rows. */
  readonly own: Map<number, readonly [group: number, sequence: number]>;
  /** In its rows until the owner has confirmed it. */
  readonly claims: Map<number, readonly [group: number, sequence: number]>;
}

interface Line {
  settled: number[];
  kept: number[];
  keptRecords: number[];
  finished: number;
  released: number[];
}

/** One queue with members on two shards, messages that are late, and crashes. All that happens is chosen by the test. */
export class QueueWorld {
  readonly published: Published[] = [];
  readonly sessions: Session[] = [];
  readonly logs: readonly FakeGroupLog[];
  readonly toMembers: PeerMessage[][] = Array.from({ length: SHARDS }, () => []);
  readonly toOwner: SharedQueueMessage[][] = Array.from({ length: SHARDS }, () => []);
  nowMs = 1000;
  /** QoS 2 messages that were settled for members whose shard died before they were sent. */
  unsent = 0;
  #owner!: SharedQueues;
  #waiting: (() => void)[] = [];
  readonly #strategy: SharedStrategy;
  readonly #window: number;
  readonly #memberLast: number[] = new Array<number>(SHARDS).fill(0);
  #ticketLast = 0;
  readonly #tickets: Map<number, () => void> = new Map();
  readonly #lines: Map<number, Line>[] = Array.from({ length: SHARDS }, () => new Map());

  constructor(strategy: SharedStrategy, window: number, groups: number) {
    this.#strategy = strategy;
    this.#window = window;
    this.logs = Array.from({ length: groups }, (_, id) => new FakeGroupLog(id, FILTER));
    this.#start();
    for (let shard = 0; shard < SHARDS; shard += 1) this.toOwner[shard].push({ kind: 'shared-ready' });
  }

  #start(): void {
    const post = (to: ShardId, message: PeerMessage): void => {
      this.toMembers[to].push(structuredClone(message)); // As a ring would: what is in it may be used again.
    };
    const durable = new DurableFilters(
      { self: 0, shardCount: SHARDS, post, ownerOf: () => 0, positions: () => [], onUnwanted: () => {}, onChanged: () => {} },
      1,
    );
    const policy = { strategy: this.#strategy, isDurable: true, keepMs: 1e9, messagesMax: 1e9, bytesMax: 1e12 };
    this.#owner = new SharedQueues({
      ...{ self: 0, shardCount: SHARDS, post, policies: () => policy, seed: 7, durable },
      ...{ logs: this.logs, logsOf: () => this.logs, log: SILENT_LOGGER },
    });
    this.#waiting = [];
    this.#owner.host = this.#host();
  }

  #host(): SharedQueueHost {
    const frame = new Uint8Array(4);
    return {
      makeFrame: () => {
        const log = this.logs.find(({ current }) => current >= 0);
        assert.ok(log !== undefined);
        new DataView(frame.buffer).setUint32(0, log.current);
        const { qos } = this.published[log.current];
        return qos;
      },
      frame,
      frameLength: 4,
      topicHash: () => Math.imul(frame[3] + 1, 0x9e37_79b1),
      whenDurable: (done) => this.#waiting.push(done),
      nowMs: () => this.nowMs,
      onDropped: (count, why) => {
        assert.equal(why, 'ended');
        this.unsent += count;
      },
    };
  }

  publish(random: SeededRandom): void {
    const log = this.logs[random.below(this.logs.length)];
    if (random.below(3) === 0) log.append(null); // Of another filter.
    log.append(this.published.length);
    this.published.push({ qos: random.below(2) === 0 ? 1 : 2, isQueued: false, seenBy: [], acknowledged: 0, isDropped: false });
  }

  /** Turn and commit of the owner: rows and records are durable, and what waited for that goes on. */
  commit(): void {
    this.#owner.turn();
    const queue = this.#owner.find(KEY);
    for (const log of this.logs)
      for (const sequence of log.commit()) {
        // What was published before the queue began goes another way.
        if (!queue?.takes(log.id, sequence)) continue;
        this.published[log.records.get(sequence) ?? -1].isQueued = true;
        queue.note(log.id, sequence, 1, 0);
      }
    for (const done of this.#waiting.splice(0)) done();
  }

  turn(): void {
    this.#owner.turn();
  }

  tick(): void {
    this.nowMs += 1000;
    for (let i = 0; i < 10; i += 1) this.#owner.onTick(this.nowMs);
  }

  join(shard: ShardId, isDurable: boolean, qos: 1 | 2): Session {
    const session: Session = {
      ...{ shard, isDurable, qos, member: 0, isOnline: true, hasEnded: false },
      ...{ inHand: new Map(), opening: new Map(), own: new Map(), claims: new Map() },
    };
    this.sessions.push(session);
    this.#join(session);
    return session;
  }

  #join(session: Session): void {
    this.#memberLast[session.shard] += 1;
    session.member = this.#memberLast[session.shard];
    const { shard, member, isDurable, qos } = session;
    const window = session.isOnline ? this.#window : 0;
    this.toOwner[shard].push({ kind: 'shared-join', ticket: 0, member, key: KEY, isDurable, qos, window, hash: member * 7919 });
  }

  /** One message arrives, on a random way. @returns false if there is none. */
  arrive(random: SeededRandom): boolean {
    const ways = [...this.toMembers.entries()].flatMap(([shard, queue]) => (queue.length > 0 ? [[shard, true] as const] : []));
    const back = [...this.toOwner.entries()].flatMap(([shard, queue]) => (queue.length > 0 ? [[shard, false] as const] : []));
    const all = [...ways, ...back];
    if (all.length === 0) return false;
    const [shard, isForMembers] = all[random.below(all.length)];
    if (isForMembers) this.#onMessage(shard, this.toMembers[shard].shift());
    else {
      const message = this.toOwner[shard].shift();
      if (message !== undefined) this.#owner.onMessage(shard, message);
    }
    return true;
  }

  #onMessage(shard: ShardId, message: PeerMessage | undefined): void {
    if (message?.kind === 'shared-kept') {
      this.#tickets.get(message.ticket)?.();
      this.#tickets.delete(message.ticket);
    }
    if (message?.kind === 'shared-given') this.#onGiven(shard, message);
  }

  #onGiven(shard: ShardId, { member, groups, sequences, frames }: Given): void {
    const session = this.#sessionOf(shard, member);
    const view = new DataView(frames.buffer, frames.byteOffset);
    const ids = groups.flatMap(([group, count]) => new Array<number>(count).fill(group));
    for (const [i, sequence] of sequences.entries()) {
      const record = view.getUint32(4 * i);
      const place = [ids[i], sequence] as const;
      if (session === undefined || session.hasEnded || !session.isOnline) {
        this.#lineOf(shard, member).released.push(...place);
        // Its queue has settled it before it left: nobody gets it.
        if (session?.isDurable === false && session.qos === 2 && this.published[record].qos === 2) this.published[record].isDropped = true;
        continue;
      }
      const isExactly = this.published[record].qos === 2 && session.qos === 2;
      if (isExactly && session.isDurable) session.opening.set(record, place);
      else {
        this.#see(session, record);
        session.inHand.set(record, place);
      }
    }
  }

  #see(session: Session, record: number): void {
    this.published[record].seenBy.push(session);
  }

  /** A commit of the shard of members: what is in rows now is sent, and the session's. */
  commitMembers(shard: ShardId): void {
    for (const session of this.sessions) {
      if (session.shard !== shard || session.hasEnded) continue;
      for (const [record, place] of session.opening) {
        session.own.set(record, place);
        session.claims.set(record, place);
        const line = this.#lineOf(session.shard, session.member);
        line.kept.push(...place);
        line.keptRecords.push(record);
        this.#see(session, record);
      }
      session.opening.clear();
    }
  }

  /** The client acknowledges one message, or finishes one of QoS 2. */
  acknowledge(session: Session, random: SeededRandom): void {
    if (!session.isOnline) return;
    const all = [...session.inHand.keys(), ...session.own.keys()];
    if (all.length === 0) return;
    const record = all[random.below(all.length)];
    this.published[record].acknowledged += 1;
    const place = session.inHand.get(record);
    if (place !== undefined) this.#lineOf(session.shard, session.member).settled.push(...place);
    else this.#lineOf(session.shard, session.member).finished += 1;
    session.inHand.delete(record);
    session.own.delete(record);
  }

  disconnect(session: Session): void {
    if (!session.isOnline || session.hasEnded) return;
    session.isOnline = false;
    if (!session.isDurable) {
      this.end(session);
      return;
    }
    this.#letGo(session);
    this.#tell(session.shard, { kind: 'shared-window', member: session.member, window: 0 });
  }

  reconnect(session: Session): void {
    if (session.isOnline || session.hasEnded) return;
    session.isOnline = true;
    this.#tell(session.shard, { kind: 'shared-window', member: session.member, window: this.#window });
  }

  end(session: Session): void {
    if (session.hasEnded) return;
    session.isOnline = false;
    session.hasEnded = true;
    this.#letGo(session);
    const line = this.#lineOf(session.shard, session.member);
    for (const [record, place] of session.opening) {
      line.settled.push(...place);
      this.published[record].isDropped = true;
    }
    for (const record of session.own.keys()) this.published[record].isDropped = true;
    line.finished += session.own.size;
    session.opening.clear();
    session.own.clear();
    this.#tell(session.shard, { kind: 'shared-leave', member: session.member });
  }

  #letGo(session: Session): void {
    const line = this.#lineOf(session.shard, session.member);
    for (const [record, place] of session.inHand) {
      if (this.published[record].qos === 2 && session.qos === 2) {
        line.settled.push(...place);
        this.published[record].isDropped = true;
      } else line.released.push(...place);
    }
    session.inHand.clear();
  }

  /** Everything ends, also what was on the way. What was committed is there again. */
  crash(): void {
    for (const [shard, queue] of this.toMembers.entries()) for (const message of queue) this.#dropSettled(shard, message);
    for (const queue of [...this.toMembers, ...this.toOwner]) queue.length = 0;
    for (const lines of this.#lines) lines.clear();
    this.#tickets.clear();
    for (const log of this.logs) log.crash();
    this.#start();
    this.#memberLast.fill(0);
    for (const session of this.sessions) session.member = 0;
    for (const session of this.sessions) this.#afterCrash(session);
    for (let shard = 0; shard < SHARDS; shard += 1) this.toOwner[shard].push({ kind: 'shared-ready' });
  }

  /** QoS 2 for a member that ends with its connection is settled before it is sent: what is on the way is nobody's. */
  #dropSettled(shard: ShardId, message: PeerMessage): void {
    if (message.kind !== 'shared-given') return;
    const session = this.#sessionOf(shard, message.member);
    if (session === undefined || session.isDurable || session.qos !== 2) return;
    const view = new DataView(message.frames.buffer, message.frames.byteOffset);
    for (let at = 0; at < message.frames.length; at += 4) {
      const published = this.published[view.getUint32(at)];
      if (published.qos === 2) published.isDropped = true;
    }
  }

  /** A shard of members dies. What it had said is heard first; its successor counts members anew. */
  memberDeath(shard: ShardId): void {
    for (const message of this.toMembers[shard]) this.#dropSettled(shard, message);
    this.toMembers[shard].length = 0;
    for (const message of this.toOwner[shard].splice(0)) this.#owner.onMessage(shard, message);
    this.#lines[shard].clear();
    this.#owner.onPeerReplaced(shard);
    this.#memberLast[shard] = 0;
    for (const session of this.sessions) if (session.shard === shard) session.member = 0;
    for (const session of this.sessions) if (session.shard === shard) this.#afterCrash(session);
    this.toOwner[shard].push({ kind: 'shared-ready' });
  }

  #afterCrash(session: Session): void {
    for (const record of session.inHand.keys())
      if (this.published[record].qos === 2 && session.qos === 2) this.published[record].isDropped = true;
    session.inHand.clear();
    session.opening.clear();
    session.isOnline = false;
    if (!session.isDurable) session.hasEnded = true;
    if (!session.hasEnded) this.#join(session);
    const claims = new Map([...session.own, ...session.claims]);
    if (claims.size === 0) return;
    for (const [record, place] of claims) session.claims.set(record, place);
    const ticket = this.#ticket(session, [...claims.keys()]);
    this.toOwner[session.shard].push({ kind: 'shared-claim', ticket, key: KEY, places: [...claims.values()].flat() });
  }

  #ticket(session: Session, records: readonly number[]): number {
    this.#ticketLast += 1;
    this.#tickets.set(this.#ticketLast, () => {
      for (const record of records) session.claims.delete(record);
    });
    return this.#ticketLast;
  }

  /** End of a turn of a shard of members. */
  flush(shard: ShardId): void {
    const lines = this.#lines[shard];
    for (const [member, line] of lines) {
      const { keptRecords, ...rest } = line;
      const done: SharedDone = { member, ...rest, refused: [] };
      const session = this.#sessionOf(shard, member);
      const ticket = keptRecords.length > 0 && session !== undefined ? this.#ticket(session, keptRecords) : 0;
      this.toOwner[shard].push({ kind: 'shared-done', ticket, members: [done] });
    }
    lines.clear();
  }

  #tell(shard: ShardId, message: SharedQueueMessage): void {
    this.flush(shard);
    this.toOwner[shard].push(message);
  }

  #sessionOf(shard: ShardId, member: number): Session | undefined {
    return this.sessions.find((one) => one.shard === shard && one.member === member);
  }

  #lineOf(shard: ShardId, member: number): Line {
    let line = this.#lines[shard].get(member);
    if (line === undefined) {
      line = { settled: [], kept: [], keptRecords: [], finished: 0, released: [] };
      this.#lines[shard].set(member, line);
    }
    return line;
  }

  get waiting(): number {
    const view = this.#owner.view(KEY);
    return view === null ? 0 : view.waiting + view.inHand;
  }
}
