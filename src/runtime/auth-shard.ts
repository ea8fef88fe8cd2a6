import type { MessagePort } from 'node:worker_threads';
import type { Admission, AdmissionStep, Admitted, OpenExchange, Refused } from '../auth/admission.js';
import type { Watchlist } from '../auth/chain/watchlist.js';
import type { Identity } from '../auth/ports.js';
import type { AuthAnswers, AuthStepAsk, AuthTurn } from './auth-orders.js';

/** One shard, as the thread of authentication sees it. Answers of one turn go together. */
export class AuthShard {
  admitted = 0;
  refused = 0;
  readonly #shard: number;
  readonly #port: MessagePort;
  readonly #admission: Admission;
  readonly #watchlist: Watchlist;
  /** The shard bounds how many there are. */
  readonly #exchanges = new Map<number, OpenExchange>();
  #verdicts: { ticket: number; verdict: Admitted | Refused }[] = [];
  #steps: { ticket: number; step: AdmissionStep }[] = [];
  #changes: { owner: number; now: Identity | null; stamp: string }[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(shard: number, port: MessagePort, admission: Admission, watchlist: Watchlist) {
    this.#shard = shard;
    this.#port = port;
    this.#admission = admission;
    this.#watchlist = watchlist;
    port.on('message', (turn: AuthTurn) => this.#onTurn(turn));
  }

  tellChange(owner: number, now: Identity | null, stamp: string): void {
    this.#changes.push({ owner, now, stamp });
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#port.close();
    this.#watchlist.letGoAll(this.#shard);
  }

  #onTurn({ asks, steps, over, keeps, letGo }: AuthTurn): void {
    for (const owner of letGo) this.#watchlist.letGo({ shard: this.#shard, owner });
    for (const { owner, identity, stamp } of keeps) this.#watchlist.keep({ shard: this.#shard, owner }, identity, stamp);
    for (const { ticket, facts } of asks)
      void this.#admission.admit(facts).then((verdict) => {
        this.#verdicts.push({ ticket, verdict });
        this.#count(verdict.kind === 'admitted');
      });
    for (const ask of steps) this.#onStep(ask);
    for (const ticket of over) this.#exchanges.delete(ticket);
  }

  #onStep({ ticket, data, begins }: AuthStepAsk): void {
    if (begins !== null) {
      const exchange = this.#admission.begin(begins.method, begins.facts);
      if (exchange !== null) this.#exchanges.set(ticket, exchange);
    }
    const exchange = this.#exchanges.get(ticket);
    const step: AdmissionStep = exchange?.step(data) ?? { kind: 'refused', why: 'bad-method', sentence: 'there is no such exchange' };
    this.#steps.push({ ticket, step });
    if (step.kind === 'continue') {
      this.#schedule();
      return;
    }
    this.#exchanges.delete(ticket);
    this.#count(step.kind === 'admitted');
  }

  #count(isAdmitted: boolean): void {
    if (isAdmitted) this.admitted += 1;
    else this.refused += 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#isClosed) return;
      const answers: AuthAnswers = { verdicts: this.#verdicts, steps: this.#steps, changes: this.#changes };
      this.#verdicts = [];
      this.#steps = [];
      this.#changes = [];
      this.#port.postMessage(answers);
    });
  }
}
