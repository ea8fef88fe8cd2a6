import { assert } from '../../src/base/assert.js';
import type { CommandSink, ConnectionId } from '../../src/transport/ports.js';
import { FrameBatch } from './frame-batch.js';
import { type LoadPlan, subscribersOfTopic } from './load-plan.js';
import { TALLY, type Tally } from './tally.js';

/** An unlimited publisher always owes this many. */
const UNLIMITED = 1 << 30;

/** The measured window, microseconds since the load began. */
export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * The publishers of one thread. Each owes a number of messages: what the rate made due, or without end. One that owes, has room in
 * its window and whose socket is not congested stands in the ready ring, once; `pump` serves the ring in turns.
 *
 * With a rate, message m of publisher p is due at (m * publishers + p) / rate, whatever happened before it, and carries that time:
 * a broker that stalls makes the messages behind the stall late too (no coordinated omission).
 */
export class PublisherSet {
  readonly count: number;
  readonly batch: FrameBatch;
  readonly #tally: Tally;
  readonly #qos: number;
  readonly #framesPerTurn: number; // Of one publisher. Enough that the cost of a command is spread, few enough that publishers take turns.
  readonly #window: Window;
  readonly #publishersAll: number;
  readonly #thread: number;
  readonly #threads: number;
  readonly #topics: number;
  readonly #intervalUs: number; // Between two messages of all publishers; 0: unlimited.
  readonly #connection: Int32Array;
  readonly #sequence: Uint32Array; // Of the next message.
  readonly #packetId: Int32Array; // Of the next message.
  readonly #inflight: Int32Array;
  readonly #inflightMax: Int32Array;
  readonly #owed: Int32Array;
  readonly #congested: Uint8Array;
  readonly #receivers: Int32Array; // Subscribers of its topic.
  readonly #sentAt: Uint32Array; // Intended times of messages in flight, #sentSlots per publisher, by packet id.
  readonly #sentSlots: number;
  readonly #ring: Int32Array; // Publishers that can send, oldest first.
  readonly #queued: Uint8Array;
  #ringHead = 0;
  #ringCount = 0;
  #dueRound = 0; // The next message to become due: this round's message of this publisher.
  #duePublisher = 0;
  #isAccruing = false;

  constructor(plan: LoadPlan, run: number, thread: number, window: Window, tally: Tally) {
    this.count = Math.ceil((plan.publishers - thread) / plan.threads);
    assert(this.count > 0, 'the thread has publishers');
    this.batch = new FrameBatch(plan, run);
    this.#tally = tally;
    this.#qos = plan.qos;
    this.#framesPerTurn = plan.batch;
    this.#window = window;
    this.#publishersAll = plan.publishers;
    this.#thread = thread;
    this.#threads = plan.threads;
    this.#topics = plan.topics;
    this.#intervalUs = plan.rate === 0 ? 0 : 1e6 / plan.rate;
    const count = this.count;
    this.#connection = new Int32Array(count).fill(-1);
    this.#sequence = new Uint32Array(count);
    this.#packetId = new Int32Array(count).fill(1);
    this.#inflight = new Int32Array(count);
    this.#inflightMax = new Int32Array(count).fill(plan.qos === 0 ? UNLIMITED : plan.window);
    this.#owed = new Int32Array(count);
    this.#congested = new Uint8Array(count);
    this.#receivers = Int32Array.from({ length: count }, (_, local) => subscribersOfTopic(plan, this.#idOf(local) % plan.topics));
    // One more than the window: packet id 0 is skipped, so ids in flight may span window + 1 numbers.
    this.#sentSlots = plan.qos === 0 ? 1 : 2 ** Math.ceil(Math.log2(plan.window + 1));
    this.#sentAt = new Uint32Array(plan.qos === 0 ? 1 : count * this.#sentSlots);
    this.#ring = new Int32Array(count);
    this.#queued = new Uint8Array(count);
  }

  bind(local: number, connection: ConnectionId): void {
    this.#connection[local] = connection;
  }

  /** MQTT 5 Receive Maximum: the broker takes no more in flight (§3.2.2.3.3). */
  limitInflight(local: number, receiveMaximum: number): void {
    if (this.#qos > 0 && receiveMaximum < this.#inflightMax[local]) this.#inflightMax[local] = receiveMaximum;
  }

  begin(): void {
    this.#isAccruing = true;
    if (this.#intervalUs > 0) return;
    for (let local = 0; local < this.count; local++) {
      if (this.#connection[local] < 0) continue;
      this.#owed[local] = UNLIMITED;
      this.#enqueue(local);
    }
  }

  /** No message becomes due any more. What a rate made due already is still sent; without a rate nothing is left. */
  endAccrual(nowUs: number): void {
    if (!this.#isAccruing) return;
    if (this.#intervalUs > 0) this.#accrue(Math.min(nowUs, this.#window.toUs));
    else this.#owed.fill(0);
    this.#isAccruing = false;
  }

  /** Gives up what was due and not sent. */
  abandon(): void {
    this.#isAccruing = false;
    let unsent = 0;
    if (this.#intervalUs > 0) for (const owed of this.#owed) unsent += owed;
    this.#owed.fill(0);
    this.#tally.add(TALLY.unsent, unsent);
  }

  /** Microseconds since the load began at which the next message is due; Infinity if none will be. */
  nextDueUs(): number {
    if (!this.#isAccruing || this.#intervalUs === 0) return Number.POSITIVE_INFINITY;
    return (this.#dueRound * this.#publishersAll + this.#idOf(this.#duePublisher)) * this.#intervalUs;
  }

  /** Appends sends for what is owed. The batch must have been reset. @returns true if there is more to send at once. */
  pump(nowUs: number, commands: CommandSink): boolean {
    if (nowUs >= this.#window.toUs) this.endAccrual(nowUs);
    else if (this.#isAccruing && this.#intervalUs > 0) this.#accrue(nowUs);
    const { batch } = this;
    let sent = 0;
    let expected = 0;
    for (let turns = this.#ringCount; turns > 0 && batch.free > 0; turns--) {
      const local = this.#dequeue();
      const count = Math.min(this.#sendable(local), this.#framesPerTurn, batch.free);
      if (count === 0) continue;
      this.#sendRun(local, count, nowUs, commands);
      sent += count;
      expected += count * this.#receivers[local];
      if (this.#sendable(local) > 0) this.#enqueue(local);
    }
    if (sent > 0) {
      this.#tally.add(TALLY.sent, sent);
      this.#tally.add(TALLY.expected, expected);
      if (nowUs >= this.#window.fromUs && nowUs < this.#window.toUs) this.#tally.add(TALLY.windowSent, sent);
    }
    return this.#ringCount > 0;
  }

  /** PUBACK or PUBCOMP for `count` consecutive packet ids. */
  onAcknowledged(local: number, firstPacketId: number, count: number, nowUs: number): void {
    const { fromUs, toUs } = this.#window;
    const isInWindow = nowUs >= fromUs && nowUs < toUs;
    const isPaced = this.#intervalUs > 0; // Timed as in SubscriberSet: by due time with a rate, else by arrival.
    const base = local * this.#sentSlots;
    const mask = this.#sentSlots - 1;
    let packetId = firstPacketId;
    let runStart = -1; // Messages sent together carry one time: they are counted together.
    let runLength = 0;
    for (let i = 0; i < count; i++) {
      const sentAt = this.#sentAt[base + (packetId & mask)];
      packetId = packetId === 0xffff ? 1 : packetId + 1;
      if (isPaced ? sentAt < fromUs || sentAt >= toUs : !isInWindow) continue;
      if (sentAt !== runStart) {
        if (runLength > 0) this.#tally.acknowledgeLatency.record((nowUs - runStart) | 0, runLength);
        runStart = sentAt;
        runLength = 0;
      }
      runLength++;
    }
    if (runLength > 0) this.#tally.acknowledgeLatency.record((nowUs - runStart) | 0, runLength);
    this.#tally.add(TALLY.acked, count);
    if (isInWindow) this.#tally.add(TALLY.windowAcked, count);
    this.#inflight[local] = Math.max(0, this.#inflight[local] - count);
    this.#maybeEnqueue(local);
  }

  onCongested(local: number): void {
    this.#congested[local] = 1;
  }

  onRelieved(local: number): void {
    this.#congested[local] = 0;
    this.#maybeEnqueue(local);
  }

  onClosed(local: number): void {
    this.#connection[local] = -1;
    this.#owed[local] = 0;
  }

  #idOf(local: number): number {
    return this.#thread + local * this.#threads;
  }

  #sendable(local: number): number {
    if (this.#congested[local] === 1) return 0;
    return Math.min(this.#owed[local], this.#inflightMax[local] - this.#inflight[local]);
  }

  #sendRun(local: number, count: number, nowUs: number, commands: CommandSink): void {
    const id = this.#idOf(local);
    const sequence = this.#sequence[local];
    const firstPacketId = this.#packetId[local];
    const isPaced = this.#intervalUs > 0;
    const stepUs = isPaced ? this.#publishersAll * this.#intervalUs : 0;
    const sentUs = isPaced ? sequence * stepUs + id * this.#intervalUs : nowUs;
    this.batch.send(commands, this.#connection[local], id, id % this.#topics, sequence, firstPacketId, sentUs, stepUs, count);

    if (this.#qos > 0) {
      const base = local * this.#sentSlots;
      const mask = this.#sentSlots - 1;
      let packetId = firstPacketId;
      for (let i = 0; i < count; i++) {
        this.#sentAt[base + (packetId & mask)] = sentUs + i * stepUs;
        packetId = packetId === 0xffff ? 1 : packetId + 1;
      }
      this.#packetId[local] = packetId;
      this.#inflight[local] += count;
    }
    if (isPaced) {
      this.#owed[local] -= count;
      for (let i = 0; i < count; i++) this.#tally.lag.record((nowUs - sentUs - i * stepUs) | 0, 1);
    }
    this.#sequence[local] = sequence + count;
  }

  #accrue(untilUs: number): void {
    let dueUs = this.nextDueUs();
    while (dueUs <= untilUs && dueUs < this.#window.toUs) {
      const local = this.#duePublisher;
      if (this.#connection[local] >= 0) {
        this.#owed[local]++;
        this.#maybeEnqueue(local);
      }
      if (++this.#duePublisher === this.count) {
        this.#duePublisher = 0;
        this.#dueRound++;
      }
      dueUs = this.nextDueUs();
    }
  }

  #maybeEnqueue(local: number): void {
    if (this.#queued[local] === 0 && this.#sendable(local) > 0) this.#enqueue(local);
  }

  #enqueue(local: number): void {
    assert(this.#queued[local] === 0 && this.#ringCount < this.count, 'a publisher stands in the ring once');
    this.#queued[local] = 1;
    this.#ring[(this.#ringHead + this.#ringCount) % this.count] = local;
    this.#ringCount++;
  }

  #dequeue(): number {
    assert(this.#ringCount > 0, 'the ring is not empty');
    const local = this.#ring[this.#ringHead];
    this.#ringHead = (this.#ringHead + 1) % this.count;
    this.#ringCount--;
    this.#queued[local] = 0;
    return local;
  }
}
