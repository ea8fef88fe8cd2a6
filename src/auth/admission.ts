import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { BoundedMemory } from './chain/bounded-memory.js';
import type { Chain } from './chain/chain.js';
import { type BackOff, FailedLogins } from './chain/failed-logins.js';
import { parseStoredPassword } from './passwords/stored-password.js';
import type { ConnectFacts, ExchangeStep, Identity, RefusalKind } from './ports.js';
import { ScramServer } from './scram/scram-server.js';
import { isScramMechanism, parseScramKeys, type ScramKeys, type ScramMechanism } from './scram/stored-keys.js';
import { stampOf } from './sources/account-source.js';
import type { Grant } from './sources/source.js';
import type { UserBook } from './user-book.js';

/** Who was let in, and the stamp of what it came with; or why not. */
export type Admitted = { readonly kind: 'admitted'; readonly identity: Identity; readonly stamp: string };
export type Refused = { readonly kind: 'refused'; readonly why: RefusalKind; readonly sentence: string };
/** As ExchangeStep of ports.ts, and with the stamp. */
export type AdmissionStep = Exclude<ExchangeStep, { readonly kind: 'admitted' }> | (Admitted & { readonly data: Uint8Array });

/** An exchange under way. */
export interface OpenExchange {
  step(data: Uint8Array): AdmissionStep;
}

export interface AdmissionParts {
  readonly chainOf: (listener: string) => Chain;
  readonly users: UserBook;
  readonly backOff: BackOff;
  /** For salts of users that are not there: the same after a restart, and on all nodes of the cluster. */
  readonly decoyKey: () => Uint8Array;
  readonly clock: Clock;
  readonly log: Logger;
}

const GOOD_MAX = 50_000;
const GOOD_MS = 60 * 60 * 1000;
/** The source of users of the catalogue, as the chain calls it. */
export const USERS_SOURCE = 'users';

/** Decides about clients on the thread of authentication: back-off, the chain of the listener, enhanced authentication. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #failed: FailedLogins;
  /** Credentials that were good lately: whoever shows them is not kept waiting for what others at its address guess. */
  readonly #good: BoundedMemory<true>;
  readonly #key = randomBytes(32);

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#failed = new FailedLogins(parts.backOff);
    this.#good = new BoundedMemory(GOOD_MAX, () => parts.clock.monotonicMs());
  }

  async admit(facts: ConnectFacts): Promise<Admitted | Refused> {
    const failedKey = FailedLogins.keyOf(facts.tenant, facts.userName ?? '', facts.address);
    const goodKey = this.#goodKeyOf(facts);
    if (this.#mustWait(failedKey) && this.#good.get(goodKey) === undefined) return TOO_MANY;
    const outcome = await this.#parts.chainOf(facts.listener).judge(facts);
    switch (outcome.kind) {
      case 'allowed':
        this.#failed.onSuccess(failedKey);
        if (facts.password !== null) this.#good.set(goodKey, true, GOOD_MS);
        return admitted(facts, outcome.grant, outcome.source);
      case 'denied':
        this.#onFailure(failedKey, facts, facts.userName ?? '');
        return { kind: 'refused', why: 'bad-credentials', sentence: `${outcome.sentence} (${outcome.source})` };
      case 'unknown':
        this.#onFailure(failedKey, facts, facts.userName ?? '');
        return { kind: 'refused', why: 'bad-credentials', sentence: 'no source knows this client' };
      case 'unavailable':
        return { kind: 'refused', why: 'unavailable', sentence: `the source ${outcome.source} does not answer` };
      case 'busy':
        return { kind: 'refused', why: 'busy', sentence: 'too many wait to be let in' };
    }
  }

  /** @returns null: there is no such method. */
  begin(method: string, facts: ConnectFacts): OpenExchange | null {
    return isScramMechanism(method) ? { step: this.#scram(method, facts) } : null;
  }

  #scram(mechanism: ScramMechanism, facts: ConnectFacts): (data: Uint8Array) => AdmissionStep {
    const keysOf = (name: string): ScramKeys | null => this.#keysOf(mechanism, facts.tenant, name);
    const server = new ScramServer({ mechanism, decoyKey: this.#parts.decoyKey(), keysOf });
    return (data) => {
      const step = server.step(data);
      const failedKey = FailedLogins.keyOf(facts.tenant, server.userName, facts.address);
      if (step.kind === 'failed') {
        if (step.why === 'wrong') this.#onFailure(failedKey, facts, server.userName);
        return { kind: 'refused', why: 'bad-credentials', sentence: SCRAM_FAULTS[step.why] };
      }
      if (this.#mustWait(failedKey)) return TOO_MANY;
      if (step.kind === 'continue') return step;
      this.#failed.onSuccess(failedKey);
      return this.#proven(facts, server.userName, step.data);
    };
  }

  #proven(facts: ConnectFacts, name: string, data: Uint8Array): AdmissionStep {
    const user = this.#parts.users.find(facts.tenant, name);
    if (user === null) return { kind: 'refused', why: 'bad-credentials', sentence: 'the user was deleted meanwhile' };
    const stamp = stampOf(parseStoredPassword(user.passwordHash));
    const grant: Grant = { user: name, isSuperuser: user.isSuperuser, rules: null, expiresAtMs: 0, stamp };
    return { ...admitted(facts, grant, USERS_SOURCE), data };
  }

  #keysOf(mechanism: ScramMechanism, tenant: string, name: string): ScramKeys | null {
    for (const text of this.#parts.users.find(tenant, name)?.scram ?? []) {
      const keys = parseScramKeys(text);
      if (keys?.mechanism === mechanism) return keys;
    }
    return null;
  }

  #mustWait(failedKey: string): boolean {
    return this.#failed.waitMs(failedKey, this.#parts.clock.monotonicMs()) > 0;
  }

  #onFailure(failedKey: string, { tenant, address, clientId: client, listener }: ConnectFacts, user: string): void {
    if (this.#failed.onFailure(failedKey, this.#parts.clock.monotonicMs()))
      this.#parts.log.warn('auth.back-off', 'an account was guessed at too often from an address, which has to wait', {
        ...{ tenant, user, address, client, listener },
      });
  }

  #goodKeyOf({ tenant, userName, password, listener }: ConnectFacts): string {
    const hmac = createHmac('sha256', this.#key).update(JSON.stringify([tenant, userName, listener]));
    return hmac.update(password ?? '').digest('base64');
  }
}

const TOO_MANY: Refused = { kind: 'refused', why: 'busy', sentence: 'too many failed attempts: try again later' };

const SCRAM_FAULTS = {
  malformed: 'the words of the exchange are malformed',
  'channel-binding': 'no method that binds the channel is offered',
  wrong: 'wrong name or password',
} as const;

function admitted({ tenant, clientId, address }: ConnectFacts, grant: Grant, source: string): Admitted {
  const { user, isSuperuser, rules, expiresAtMs, stamp } = grant;
  return { kind: 'admitted', identity: { tenant, user, clientId, address, isSuperuser, source, expiresAtMs, rules }, stamp };
}
