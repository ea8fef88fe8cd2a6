import { METER, type Meter, type QuotaRows, type Rates } from '../../../broker/quotas/ports.js';

const MS_PER_TICK = 100;
const MS_PER_SECOND = 1000;
/** Ticks come round again after three years. */
const TICKS_ROUND: number = 2 ** 30;

/** The tick of 100 ms that all threads agree on. */
export function tickOf(nowMs: number): number {
  return Math.floor(nowMs / MS_PER_TICK) % TICKS_ROUND;
}

/** A second's worth of a rate at most; may owe. */
class Bucket {
  readonly #rate: number;
  #tokens: number;
  #filledMs: number;

  constructor(rate: number, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate;
    this.#filledMs = nowMs;
  }

  take(amount: number, nowMs: number): number {
    const gained = (Math.max(0, nowMs - this.#filledMs) * this.#rate) / MS_PER_SECOND;
    this.#filledMs = nowMs;
    this.#tokens = Math.min(this.#rate, this.#tokens + gained) - amount;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * MS_PER_SECOND) / this.#rate);
  }
}

/** What one connection may send and get: its own rates, and those that it shares with others of its address, user, tenant and node. */
export class ConnectionMeter {
  readonly #rows: QuotaRows;
  /** By METER; null: no limit. */
  readonly #own: readonly (Bucket | null)[];
  /** Held rows that limit a rate. */
  readonly #shared: number[] = [];
  /** Something that goes to the client is limited. */
  limitsOutput: boolean;

  constructor(rows: QuotaRows, own: Rates, nowMs: number) {
    this.#rows = rows;
    this.#own = own.map((rate) => (rate === 0 ? null : new Bucket(rate, nowMs)));
    this.limitsOutput = limitsOutput(own);
  }

  share(row: number, rates: Rates): void {
    if (rates.every((rate) => rate === 0)) return;
    this.#shared.push(row);
    this.limitsOutput ||= limitsOutput(rates);
  }

  /** @returns milliseconds until the client may send again; 0: now. What was taken is taken. */
  takeInput(messages: number, bytes: number, nowMs: number): number {
    return Math.max(this.#take(METER.messagesIn, messages, nowMs), this.#take(METER.bytesIn, bytes, nowMs));
  }

  takeOutput(messages: number, bytes: number, nowMs: number): number {
    return Math.max(this.#take(METER.messagesOut, messages, nowMs), this.#take(METER.bytesOut, bytes, nowMs));
  }

  #take(meter: Meter, amount: number, nowMs: number): number {
    let waitMs = this.#own[meter]?.take(amount, nowMs) ?? 0;
    const tick = tickOf(nowMs);
    for (const row of this.#shared) waitMs = Math.max(waitMs, this.#rows.take(row, meter, amount, tick));
    return waitMs;
  }
}

function limitsOutput(rates: Rates): boolean {
  return rates[METER.messagesOut] > 0 || rates[METER.bytesOut] > 0;
}
