import { LATENCY_BYTES, LatencyCells } from './latency-cells.js';

/*
  What a load thread tells while it runs. One SharedArrayBuffer per thread, written by that thread once per turn:

    counters  TALLY_CELLS x float64 | latency cells: connect | deliver | acknowledge | lag

  Plain stores: a counter is one aligned 64-bit word, so a reader sees the old value or the new one.
*/
export const TALLY = {
  /** Connections whose CONNECT (and SUBSCRIBE) were accepted. */
  ready: 0,
  connectFailed: 1,
  /** Connections that ended although nobody asked them to. */
  dropped: 2,
  sent: 3,
  acked: 4,
  /** Acknowledgements with an error code (MQTT 5). */
  refused: 5,
  /** Deliveries that our messages owe: each counts once per subscriber of its topic. */
  expected: 6,
  received: 7,
  duplicates: 8,
  /** Came after a later message of the same publisher. */
  reordered: 9,
  /** PUBLISH frames that no publisher of this run made. */
  foreign: 10,
  bytesReceived: 11,
  /** The same counters, within the measured window only. */
  windowSent: 12,
  windowAcked: 13,
  windowReceived: 14,
  /** Messages that were due but did not leave: the broker did not take them in time. */
  unsent: 15,
  /** Subscriptions granted with a lower QoS than asked for. */
  downgraded: 16,
} as const;
const TALLY_CELLS = 17;

const TALLY_BYTES = TALLY_CELLS * 8;
const MEMORY_BYTES = TALLY_BYTES + 4 * LATENCY_BYTES;

export function createTallyMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(MEMORY_BYTES);
}

/** A view of one thread's memory: the thread's own, or the coordinator's. */
export class Tally {
  readonly counters: Float64Array;
  /** From `connect` to the acceptance. */
  readonly connectLatency: LatencyCells;
  /** From the time a message was meant to be sent to its arrival at a subscriber. */
  readonly deliverLatency: LatencyCells;
  /** From the time a message was meant to be sent to PUBACK or PUBCOMP. */
  readonly acknowledgeLatency: LatencyCells;
  /** From the time a message was meant to be sent to the time we sent it: high values mean that the generator is the bottleneck. */
  readonly lag: LatencyCells;

  constructor(memory: SharedArrayBuffer) {
    this.counters = new Float64Array(memory, 0, TALLY_CELLS);
    this.connectLatency = new LatencyCells(memory, TALLY_BYTES);
    this.deliverLatency = new LatencyCells(memory, TALLY_BYTES + LATENCY_BYTES);
    this.acknowledgeLatency = new LatencyCells(memory, TALLY_BYTES + 2 * LATENCY_BYTES);
    this.lag = new LatencyCells(memory, TALLY_BYTES + 3 * LATENCY_BYTES);
  }

  add(counter: number, amount: number): void {
    this.counters[counter] += amount;
  }
}

/** A counter summed over the threads. */
export function totalOf(tallies: readonly Tally[], counter: number): number {
  let total = 0;
  for (const tally of tallies) total += tally.counters[counter];
  return total;
}
