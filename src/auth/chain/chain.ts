import type { PasswordChecker } from '../passwords/password-checker.js';
import type { ConnectFacts } from '../ports.js';
import { type Grant, TooBusy } from '../sources/source.js';
import type { GuardedSource } from './guarded-source.js';

export type ChainOutcome =
  | { readonly kind: 'allowed'; readonly grant: Grant; readonly source: string }
  | { readonly kind: 'denied'; readonly source: string; readonly sentence: string }
  /** No source knows the client. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unavailable'; readonly source: string }
  | { readonly kind: 'busy' };

/*
  Sources in their order, until one decides:

    source says     allowed        denied        ignored    failed: on_failure = "deny"     "ignore"
    chain           lets it in     refuses it    next       refuses it, unavailable         next

  If all have been asked and none knew the client, but one did not answer, it is that one which would have known, perhaps: unavailable.
*/
export class Chain {
  readonly sources: readonly GuardedSource[];
  readonly #checker: PasswordChecker;

  constructor(sources: readonly GuardedSource[], checker: PasswordChecker) {
    this.sources = sources;
    this.#checker = checker;
  }

  /** Never rejects. */
  async judge(facts: ConnectFacts): Promise<ChainOutcome> {
    try {
      return await this.#judge(facts);
    } catch (error) {
      if (error instanceof TooBusy) return { kind: 'busy' };
      throw error;
    }
  }

  async #judge(facts: ConnectFacts): Promise<ChainOutcome> {
    let silent = '';
    for (const guarded of this.sources) {
      const { name: source, on_failure } = guarded.rules;
      const answer = await guarded.judge(facts);
      switch (answer.kind) {
        case 'allowed':
          guarded.counters.success += 1;
          return { kind: 'allowed', grant: answer.grant, source };
        case 'account': {
          const fault = await this.#faultOf(answer.password, facts.password);
          if (fault === null) guarded.counters.success += 1;
          else guarded.counters.failure += 1;
          return fault === null ? { kind: 'allowed', grant: answer.grant, source } : { kind: 'denied', source, sentence: fault };
        }
        case 'denied':
          guarded.counters.failure += 1;
          return { kind: 'denied', source, sentence: answer.sentence };
        case 'busy':
          return { kind: 'busy' };
        case 'failed':
          if (on_failure === 'deny') return { kind: 'unavailable', source };
          silent = source;
          break;
        case 'ignored':
          guarded.counters.ignored += 1;
      }
    }
    if (silent !== '') return { kind: 'unavailable', source: silent };
    if (facts.password !== null && facts.userName !== null) await this.#checker.waste(`${facts.tenant}\n${facts.userName}`, facts.password);
    return { kind: 'unknown' };
  }

  async #faultOf(stored: Parameters<PasswordChecker['check']>[0] | null, password: Uint8Array | null): Promise<string | null> {
    if (stored === null) return 'no password lets this user in';
    if (password === null) return 'no password was given';
    return (await this.#checker.check(stored, password)) ? null : 'wrong password';
  }
}
