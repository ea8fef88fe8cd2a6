import type { RawClient } from '../clients/raw-client.js';

const TICK_MS = 5;
/** Time stamp in ms, then a sequence number, both as Float64; padding. */
const STAMP_AT = 0;
const SEQUENCE_AT = 8;

/** Publishes at a steady rate. Each message says when it was due, so that a load that falls behind shows as latency. */
export class PacedLoad {
  /** Sequence number of the next message: how many were published. */
  sent = 0;
  readonly #publisher: RawClient;
  readonly #topic: string;
  readonly #qos: 0 | 1;
  readonly #payload: Buffer;
  readonly #periodMs: number;
  #dueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(publisher: RawClient, topic: string, qos: 0 | 1, payloadBytes: number, perSecond: number) {
    this.#publisher = publisher;
    this.#topic = topic;
    this.#qos = qos;
    this.#payload = Buffer.alloc(payloadBytes);
    this.#periodMs = 1000 / perSecond;
  }

  start(): void {
    this.#dueMs = performance.now();
    this.#timer = setInterval(() => this.#publishDue(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #publishDue(): void {
    const nowMs = performance.now();
    for (; this.#dueMs <= nowMs; this.#dueMs += this.#periodMs) {
      this.#payload.writeDoubleBE(this.#dueMs, STAMP_AT);
      this.#payload.writeDoubleBE(this.sent, SEQUENCE_AT);
      const messageId = (this.sent % 65535) + 1;
      this.#publisher.say({
        cmd: 'publish',
        topic: this.#topic,
        payload: this.#payload,
        qos: this.#qos,
        messageId,
        dup: false,
        retain: false,
      });
      this.sent += 1;
    }
  }
}

export function stampOf(payload: string | Buffer): { dueMs: number; sequence: number } {
  if (typeof payload === 'string') throw new Error('a paced load has a binary payload');
  return { dueMs: payload.readDoubleBE(STAMP_AT), sequence: payload.readDoubleBE(SEQUENCE_AT) };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
