import type { Stamp } from './self-describing.js';

/*
  What was promised, and what came. Sequences count from 1 for each producer and topic: a lane.

    Ledger     per lane: last sequence sent, which were acknowledged (publisher's side)
    Receipts   per lane: last sequence seen, which were skipped (one subscriber's side)

  First deliveries must come in rising order; a sequence that comes again is a duplicate, one that was skipped before is disorder, and one
  that was acknowledged and stays skipped is lost.
*/

/** Whole numbers that mostly come in rising order, without remembering each. */
class SequenceSet {
  #floor = 0;
  readonly #above = new Set<number>();

  add(sequence: number): void {
    if (sequence <= this.#floor) return;
    this.#above.add(sequence);
    while (this.#above.delete(this.#floor + 1)) this.#floor += 1;
  }

  has(sequence: number): boolean {
    return sequence <= this.#floor || this.#above.has(sequence);
  }

  /** How many are above `sequence`. */
  countAbove(sequence: number): number {
    let count = Math.max(0, this.#floor - sequence);
    for (const member of this.#above) if (member > sequence) count += 1;
    return count;
  }
}

interface Lane {
  /** Of a lane whose messages are delayed: when each was sent, by its sequence; else empty. */
  readonly sentAtMs: number[];
  sent: number;
  readonly accepted: SequenceSet;
  /** Sequences of retained messages. */
  retainedSent: number;
  retainedAccepted: number;
}

const TOPICS_MAX = 100;

function keyOf(producer: number, topic: number): number {
  return producer * TOPICS_MAX + topic;
}

/** The publishers' side. */
export class Ledger {
  acceptedCount = 0;
  readonly #lanes = new Map<number, Lane>();

  lane(producer: number, topic: number): Lane {
    const key = keyOf(producer, topic);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { sentAtMs: [], sent: 0, accepted: new SequenceSet(), retainedSent: 0, retainedAccepted: 0 };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  /** The next sequence of the lane. */
  next(producer: number, topic: number): number {
    const lane = this.lane(producer, topic);
    lane.sent += 1;
    return lane.sent;
  }

  /** A delayed message is on its way: the first time counts. */
  noteSent({ producer, topic, sequence }: Stamp): void {
    this.lane(producer, topic).sentAtMs[sequence] ??= Date.now();
  }

  /** Whether so much time has passed since it was sent first. */
  isDue({ producer, topic, sequence }: Stamp, delayMs: number): boolean {
    return Date.now() - (this.lane(producer, topic).sentAtMs[sequence] ?? Number.NEGATIVE_INFINITY) >= delayMs;
  }

  accept(stamp: Stamp, isRetained: boolean): void {
    const lane = this.lane(stamp.producer, stamp.topic);
    lane.accepted.add(stamp.sequence);
    if (isRetained) lane.retainedAccepted = Math.max(lane.retainedAccepted, stamp.sequence);
    this.acceptedCount += 1;
  }

  /** Keys of all lanes, with their topics. */
  *lanes(): IterableIterator<{ key: number; producer: number; topic: number; lane: Lane }> {
    for (const [key, lane] of this.#lanes) yield { key, producer: Math.floor(key / TOPICS_MAX), topic: key % TOPICS_MAX, lane };
  }
}

/** The side of one subscriber, or of all members of a shared subscription together: those have no order among them. */
export class Receipts {
  readonly isOrdered: boolean;
  received = 0;
  /** Came again with QoS 1, which is allowed. */
  duplicatesQos1 = 0;
  /** Came again with QoS 2, which is not. */
  duplicatesQos2 = 0;
  disorder = 0;
  /** What went wrong first, in words. */
  readonly remarks: string[] = [];
  readonly #lanes = new Map<number, { last: number; readonly missing: Set<number> }>();

  constructor(isOrdered = true) {
    this.isOrdered = isOrdered;
  }

  take(stamp: Stamp, qos: number): void {
    const seen = this.#seen(keyOf(stamp.producer, stamp.topic));
    const { sequence } = stamp;
    if (sequence > seen.last) {
      for (let skipped = seen.last + 1; skipped < sequence; skipped += 1) seen.missing.add(skipped);
      seen.last = sequence;
      this.received += 1;
    } else if (seen.missing.delete(sequence)) {
      this.received += 1;
      if (!this.isOrdered) return;
      this.disorder += 1;
      this.#remark(`producer ${stamp.producer} topic ${stamp.topic}: ${sequence} came after ${seen.last}`);
    } else if (qos === 2) {
      this.duplicatesQos2 += 1;
      this.#remark(`producer ${stamp.producer} topic ${stamp.topic}: ${sequence} came twice with QoS 2 (last ${seen.last})`);
    } else this.duplicatesQos1 += 1;
  }

  /** Whether everything that was sent on a lane has come, or was never acknowledged. */
  hasAll(producer: number, topic: number, { sent, accepted }: Lane): boolean {
    const { last, missing } = this.#seen(keyOf(producer, topic));
    if (last < sent) return false;
    for (const sequence of missing) if (accepted.has(sequence)) return false;
    return true;
  }

  /** What was skipped so far was sent before there was a way for it. */
  forgive(producer: number, topic: number): void {
    this.#seen(keyOf(producer, topic)).missing.clear();
  }

  /** Last sequence seen of a lane. */
  last(producer: number, topic: number): number {
    return this.#seen(keyOf(producer, topic)).last;
  }

  /** Acknowledged messages of the topics that did not come. */
  lost(ledger: Ledger, isWanted: (topic: number) => boolean): number {
    let lost = 0;
    for (const { key, producer, topic, lane } of ledger.lanes()) {
      if (!isWanted(topic)) continue;
      const seen = this.#seen(key);
      const gone = [...seen.missing].filter((sequence) => lane.accepted.has(sequence));
      const behind = lane.accepted.countAbove(seen.last);
      if (gone.length > 0) this.#remark(`producer ${producer} topic ${topic}: lost ${gone.slice(0, 5).join(' ')} (${gone.length} in all)`);
      if (behind > 0) this.#remark(`producer ${producer} topic ${topic}: ${behind} above ${seen.last} did not come`);
      lost += gone.length + behind;
    }
    return lost;
  }

  #seen(key: number): { last: number; readonly missing: Set<number> } {
    let seen = this.#lanes.get(key);
    if (seen === undefined) {
      seen = { last: 0, missing: new Set() };
      this.#lanes.set(key, seen);
    }
    return seen;
  }

  #remark(text: string): void {
    if (this.remarks.length < 10 && !this.remarks.includes(text)) this.remarks.push(text);
  }
}
