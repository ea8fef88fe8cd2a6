import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { describeError } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import type { ConnectFacts, Identity } from '../ports.js';
import { type Grant, IGNORED, type Judgement, type Source, TooBusy } from '../sources/source.js';
import { BoundedMemory } from './bounded-memory.js';
import { Breaker } from './breaker.js';
import { Gate } from './gate.js';

/** What the settings say of every source alike. */
export interface SourceRules {
  readonly name: string;
  readonly listeners: readonly string[];
  readonly tenants: readonly string[];
  readonly timeout: number;
  readonly cache_ttl: number;
  readonly on_failure: 'deny' | 'ignore';
  readonly connections: number;
}

/** Since the thread started. Latencies are those of questions that the source answered, in milliseconds. */
export interface SourceCounters {
  success: number;
  failure: number;
  ignored: number;
  errors: number;
  timeouts: number;
  busy: number;
  fromMemory: number;
  rechecks: number;
  answered: number;
  latencyMsSum: number;
  latencyMsMax: number;
}

export type Answer = Judgement | { readonly kind: 'failed' } | { readonly kind: 'busy' };

const WAITING_PER_CONNECTION = 64;
const REMEMBERED_MAX = 20_000;
const FAILED: Answer = { kind: 'failed' };
const BUSY: Answer = { kind: 'busy' };

/** A source, and around it what protects it and those who wait for it: its limits, its memory, its breaker and its counters. */
export class GuardedSource {
  readonly rules: SourceRules;
  readonly source: Source;
  readonly counters: SourceCounters = {
    ...{ success: 0, failure: 0, ignored: 0, errors: 0, timeouts: 0, busy: 0, fromMemory: 0, rechecks: 0 },
    ...{ answered: 0, latencyMsSum: 0, latencyMsMax: 0 },
  };
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #gate: Gate;
  readonly #breaker = new Breaker();
  readonly #memory: BoundedMemory<Judgement>;
  /** Of questions that are under way: who asks the same waits for the same answer. */
  readonly #open = new Map<string, Promise<Answer>>();
  /** What clients show of themselves is remembered by an HMAC alone. */
  readonly #key = randomBytes(32);

  constructor(rules: SourceRules, source: Source, clock: Clock, log: Logger) {
    this.rules = rules;
    this.source = source;
    this.#clock = clock;
    this.#log = log;
    this.#gate = new Gate(rules.connections, rules.connections * WAITING_PER_CONNECTION);
    this.#memory = new BoundedMemory(REMEMBERED_MAX, () => clock.monotonicMs());
  }

  /** It did not answer, and is spared for a while. */
  get isDown(): boolean {
    return this.#breaker.isOpen;
  }

  /** Never rejects. */
  judge(facts: ConnectFacts): Promise<Answer> {
    const { listeners, tenants } = this.rules;
    if (listeners.length > 0 && !listeners.includes(facts.listener)) return Promise.resolve(IGNORED);
    if (tenants.length > 0 && !tenants.includes(facts.tenant)) return Promise.resolve(IGNORED);
    const parts = this.source.memoryKeyOf(facts);
    if (parts === null) return this.#ask(() => this.source.judge(facts));
    const key = this.#keyOf(parts);
    const known = this.#memory.get(key);
    if (known !== undefined) {
      this.counters.fromMemory += 1;
      return Promise.resolve(known);
    }
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    const answer = this.#ask(() => this.source.judge(facts)).then((given) => {
      this.#open.delete(key);
      if (given.kind !== 'failed' && given.kind !== 'busy' && this.rules.cache_ttl > 0) this.#memory.set(key, given, this.#lifeOf(given));
      return given;
    });
    this.#open.set(key, answer);
    return answer;
  }

  /** What the source gives a client that it let in, now. null: the account is gone. undefined: it cannot be said now. */
  async recheck(identity: Identity): Promise<Grant | null | undefined> {
    const { recheck } = this.source;
    if (recheck === null) return undefined;
    this.counters.rechecks += 1;
    let given: Grant | null | undefined;
    await this.#ask(async () => {
      given = await recheck.ask(identity);
      return IGNORED;
    });
    return given;
  }

  /** Nothing that it said before counts any more. */
  forget(): void {
    this.#memory.clear();
  }

  close(): Promise<void> {
    return this.source.close();
  }

  async #ask(question: () => Promise<Judgement>): Promise<Answer> {
    if (!this.#breaker.allows(this.#clock.monotonicMs())) return FAILED;
    const startedMs = this.#clock.monotonicMs();
    try {
      const answer = await this.#inTime(question);
      this.#breaker.onSuccess();
      this.#count(this.#clock.monotonicMs() - startedMs);
      return answer;
    } catch (error) {
      if (error instanceof TooBusy) {
        this.counters.busy += 1;
        this.#breaker.onBusy();
        return BUSY;
      }
      this.#onFailure(error);
      return FAILED;
    }
  }

  /** What comes late is of no use any more, but keeps its place until it is there: a source that hangs is not asked by more than its limit. */
  async #inTime(question: () => Promise<Judgement>): Promise<Judgement> {
    const { timeout } = this.rules;
    let state: 'waiting' | 'asked' | 'late' = 'waiting';
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const wasAsked = state === 'asked';
        state = 'late';
        if (wasAsked) this.counters.timeouts += 1;
        reject(wasAsked ? new Error(`no answer within ${timeout} ms`) : new TooBusy('too many wait'));
      }, timeout);
    });
    const asked = this.#gate.run(() => {
      if (state === 'late') return Promise.resolve(IGNORED);
      state = 'asked';
      return question();
    });
    asked.catch(() => {}); // If it fails after its time nobody listens; if before, the race tells.
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #onFailure(error: unknown): void {
    this.counters.errors += 1;
    const { name: source } = this.rules;
    const why = describeError(error);
    if (this.#breaker.onFailure(this.#clock.monotonicMs()))
      this.#log.error('auth.source-down', 'a source of authentication does not answer and is spared for a while', { source, why });
    else this.#log.debug('auth.source-failed', 'a source of authentication failed', { source, why });
  }

  #count(ms: number): void {
    const { counters } = this;
    counters.answered += 1;
    counters.latencyMsSum += ms;
    if (ms > counters.latencyMsMax) counters.latencyMsMax = ms;
  }

  /** No longer than the credentials last. */
  #lifeOf(judgement: Judgement): number {
    const expiresAtMs = judgement.kind === 'allowed' ? judgement.grant.expiresAtMs : 0;
    return expiresAtMs === 0 ? this.rules.cache_ttl : Math.min(this.rules.cache_ttl, expiresAtMs - this.#clock.nowMs());
  }

  #keyOf(parts: readonly (string | Uint8Array)[]): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of parts) hmac.update(`${part.length}:`).update(part); // With lengths, so that no two lists read alike.
    return hmac.digest('base64');
  }
}
