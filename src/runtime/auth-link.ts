import type { MessagePort } from 'node:worker_threads';
import type { AdmissionStep, Admitted, Refused } from '../auth/admission.js';
import { type DoorRules, decideAtDoor } from '../auth/door.js';
import type { AuthExchange, Authenticator, ConnectFacts, ExchangeStep, Identity, Verdict } from '../auth/ports.js';
import type { UserBook } from '../auth/user-book.js';
import type { Clock } from '../base/clock.js';
import { type AuthSettings, BUILT_IN_SOURCES, chainOf, type SecurityProfile, takesAnonymous } from '../settings/auth-schema.js';
import type { AuthAnswers, AuthAsk, AuthKeep, AuthStepAsk, AuthTurn } from './auth-orders.js';

/** A chain of sources that all take their time is done by then; the client has gone before, by mqtt.connect_timeout. */
const ANSWER_MS_MAX = 15_000;

interface Pending {
  readonly askedMs: number;
  readonly done: (verdict: Verdict) => void;
}

interface OpenExchange {
  /** null: the thread knows it. */
  begins: AuthStepAsk['begins'];
  askedMs: number;
  done: ((step: ExchangeStep) => void) | null;
}

export interface AuthLinkOptions {
  readonly auth: AuthSettings;
  readonly profile: SecurityProfile;
  readonly users: UserBook;
  readonly clock: Clock;
}

/**
 * A shard's end of authentication. What can be said at once is said within the call, without the other thread; it may not even run. The rest goes
 * there together with all else of the turn. Bounded: beyond `auth.requests_max` clients are told to come later. While there is no thread they
 * wait; what it owed when it died is refused as unavailable.
 */
export class AuthLink implements Authenticator {
  onIdentityChanged: (owner: number, now: Identity | null) => void = () => {};
  /** What it has to tell is a turn of the shard. */
  inTurn: (run: () => void) => void = (run) => run();
  readonly #options: AuthLinkOptions;
  readonly #doors = new Map<string, DoorRules>();
  readonly #pending = new Map<number, Pending>();
  readonly #exchanges = new Map<number, OpenExchange>();
  /** Those whose source may change its mind. Told again to a thread that is new. */
  readonly #kept = new Map<number, AuthKeep>();
  /** Of identities that the thread gave. */
  readonly #stamps = new WeakMap<Identity, string>();
  #port: MessagePort | null = null;
  #ticketLast = 0;
  #isScheduled = false;
  #asks: AuthAsk[] = [];
  #steps: AuthStepAsk[] = [];
  #over: number[] = [];
  #keeps: AuthKeep[] = [];
  #letGo: number[] = [];

  constructor(options: AuthLinkOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#pending.size + this.#exchanges.size;
  }

  authenticate(facts: ConnectFacts, done: (verdict: Verdict) => void): number {
    this.#ticketLast += 1;
    const ticket = this.#ticketLast;
    const atOnce = decideAtDoor(this.#doorOf(facts.listener), this.#options.users, facts);
    if (atOnce !== null) done(atOnce);
    else if (this.waiting >= this.#options.auth.requests_max) done(BUSY);
    else {
      this.#pending.set(ticket, { askedMs: this.#options.clock.monotonicMs(), done });
      this.#asks.push({ ticket, facts: ownCopy(facts) });
      this.#schedule();
    }
    return ticket;
  }

  abandon(ticket: number): void {
    this.#pending.delete(ticket); // Its answer finds nobody.
  }

  methodsOf(listener: string): readonly string[] {
    const { auth, users } = this.#options;
    return this.#doorOf(listener).chain.includes('users') && users.count > 0 ? auth.methods : NO_METHODS;
  }

  beginExchange(method: string, facts: ConnectFacts): AuthExchange {
    this.#ticketLast += 1;
    const ticket = this.#ticketLast;
    const isOffered = this.methodsOf(facts.listener).includes(method);
    if (isOffered && this.waiting < this.#options.auth.requests_max)
      this.#exchanges.set(ticket, { begins: { method, facts: ownCopy(facts) }, askedMs: 0, done: null });
    return {
      step: (data, done) => this.#step(ticket, isOffered, data, done),
      abandon: () => this.#endExchange(ticket),
    };
  }

  keep(owner: number, identity: Identity): void {
    const stamp = this.#stamps.get(identity);
    if (stamp === undefined) {
      this.letGo(owner); // It was let in here: there is no source that could change its mind.
      return;
    }
    const kept: AuthKeep = { owner, identity, stamp };
    this.#kept.set(owner, kept);
    this.#keeps.push(kept);
    this.#schedule();
  }

  letGo(owner: number): void {
    if (!this.#kept.delete(owner)) return;
    // A later `keep` of the same number is in the same message, and letting go is done first.
    this.#keeps = this.#keeps.length > 0 ? this.#keeps.filter((kept) => kept.owner !== owner) : this.#keeps;
    this.#letGo.push(owner);
    this.#schedule();
  }

  /** The thread is there, or there again. */
  connect(port: MessagePort): void {
    this.disconnect();
    this.#port = port;
    port.on('message', (answers: AuthAnswers) => {
      if (this.#port === port) this.inTurn(() => this.#take(answers));
    });
    this.#letGo = [];
    this.#keeps = [...this.#kept.values()];
    this.#schedule();
  }

  /** The thread died: who waits for it is told, and who is connected stays. */
  disconnect(): void {
    if (this.#port === null) return;
    this.#port.close();
    this.#port = null;
    this.inTurn(() => {
      for (const ticket of [...this.#pending.keys()]) this.#answer(ticket, UNAVAILABLE);
      for (const ticket of [...this.#exchanges.keys()]) this.#answerStep(ticket, UNAVAILABLE);
      this.#asks = [];
      this.#steps = [];
      this.#over = [];
    });
  }

  /** Within a turn. Whoever waited too long is told. */
  onTick(): void {
    const dueMs = this.#options.clock.monotonicMs() - ANSWER_MS_MAX;
    for (const [ticket, { askedMs }] of this.#pending) {
      if (askedMs > dueMs) break; // They are in the order in which they came.
      this.#answer(ticket, UNAVAILABLE);
    }
    for (const [ticket, { askedMs, done }] of this.#exchanges) if (done !== null && askedMs <= dueMs) this.#answerStep(ticket, UNAVAILABLE);
    if (this.#port === null) this.#forgetGone();
  }

  close(): void {
    this.#port?.close();
    this.#port = null;
  }

  /** While there is no thread clients come and go: what is kept for it is what still waits. */
  #forgetGone(): void {
    if (this.#asks.length > 0) this.#asks = this.#asks.filter(({ ticket }) => this.#pending.has(ticket));
    if (this.#steps.length > 0) this.#steps = this.#steps.filter(({ ticket }) => this.#exchanges.has(ticket));
    this.#over = [];
    this.#letGo = [];
  }

  #doorOf(listener: string): DoorRules {
    const known = this.#doors.get(listener);
    if (known !== undefined) return known;
    const { auth, profile } = this.#options;
    const chain = chainOf(auth, listener);
    const door: DoorRules = {
      chain,
      takesAnonymous: takesAnonymous(auth, profile, listener),
      hasOutside: chain.some((name) => !BUILT_IN_SOURCES.includes(name)),
    };
    this.#doors.set(listener, door);
    return door;
  }

  #step(ticket: number, isOffered: boolean, data: Uint8Array, done: (step: ExchangeStep) => void): void {
    const exchange = this.#exchanges.get(ticket);
    if (exchange === undefined) {
      done(isOffered ? BUSY : BAD_METHOD);
      return;
    }
    exchange.done = done;
    exchange.askedMs = this.#options.clock.monotonicMs();
    this.#steps.push({ ticket, data: new Uint8Array(data), begins: exchange.begins });
    exchange.begins = null;
    this.#schedule();
  }

  #endExchange(ticket: number): void {
    if (!this.#exchanges.delete(ticket)) return;
    this.#over.push(ticket);
    this.#schedule();
  }

  #take({ verdicts, steps, changes }: AuthAnswers): void {
    for (const { ticket, verdict } of verdicts) this.#answer(ticket, verdict);
    for (const { ticket, step } of steps) this.#answerStep(ticket, step);
    for (const { owner, now, stamp } of changes) {
      if (!this.#kept.has(owner)) continue; // It went while this was under way.
      if (now === null) this.#kept.delete(owner);
      else {
        this.#stamps.set(now, stamp);
        this.#kept.set(owner, { owner, identity: now, stamp });
      }
      this.onIdentityChanged(owner, now);
    }
  }

  #answer(ticket: number, verdict: Admitted | Refused): void {
    const pending = this.#pending.get(ticket);
    if (pending === undefined) return;
    this.#pending.delete(ticket);
    if (verdict.kind === 'admitted') this.#stamps.set(verdict.identity, verdict.stamp);
    pending.done(verdict);
  }

  #answerStep(ticket: number, step: AdmissionStep): void {
    const exchange = this.#exchanges.get(ticket);
    if (exchange === undefined) return;
    const { done } = exchange;
    exchange.done = null;
    if (step.kind !== 'continue') this.#exchanges.delete(ticket);
    if (step.kind === 'admitted') this.#stamps.set(step.identity, step.stamp);
    done?.(step);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#port === null) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#port === null) return;
    const turn: AuthTurn = { asks: this.#asks, steps: this.#steps, over: this.#over, keeps: this.#keeps, letGo: this.#letGo };
    this.#asks = [];
    this.#steps = [];
    this.#over = [];
    this.#keeps = [];
    this.#letGo = [];
    this.#port.postMessage(turn);
  }
}

const NO_METHODS: readonly string[] = [];
const BUSY: Refused = { kind: 'refused', why: 'busy', sentence: 'too many wait to be let in' };
const UNAVAILABLE: Refused = { kind: 'refused', why: 'unavailable', sentence: 'authentication does not answer' };
const BAD_METHOD: Refused = { kind: 'refused', why: 'bad-method', sentence: 'this method of authentication is not offered' };

/** What came in is in memory of the transport: only its own bytes go to the other thread. */
function ownCopy(facts: ConnectFacts): ConnectFacts {
  return facts.password === null ? facts : { ...facts, password: new Uint8Array(facts.password) };
}
