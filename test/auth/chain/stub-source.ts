import { GuardedSource, type SourceRules } from '../../../src/auth/chain/guarded-source.js';
import type { HashPool } from '../../../src/auth/passwords/password-checker.js';
import { verifyPassword } from '../../../src/auth/passwords/verify.js';
import type { ConnectFacts, Identity } from '../../../src/auth/ports.js';
import { denied, type Grant, IGNORED, type Judgement, type Recheck, type Source } from '../../../src/auth/sources/source.js';
import { ManualClock } from '../../../src/base/clock.js';
import { RecordingLogger } from '../../../src/base/logger.js';

export const GRANT: Grant = { user: 'alice', isSuperuser: false, rules: null, expiresAtMs: 0, stamp: '1' };
export const ALLOWED: Judgement = { kind: 'allowed', grant: GRANT };
export const DENIED: Judgement = denied('wrong');

/** Answers as it is told to; a promise that never ends is a source that hangs. */
export class StubSource implements Source {
  asked = 0;
  recheck: Recheck | null = null;
  tellsChanges = false;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  answer: () => Promise<Judgement>;
  memoryKey: (facts: ConnectFacts) => readonly string[] | null = () => null;

  constructor(answer: Judgement | (() => Promise<Judgement>) = IGNORED) {
    this.answer = typeof answer === 'function' ? answer : () => Promise.resolve(answer);
  }

  judge(): Promise<Judgement> {
    this.asked += 1;
    return this.answer();
  }

  memoryKeyOf(facts: ConnectFacts): readonly string[] | null {
    return this.memoryKey(facts);
  }

  /** What the accounts are, by user. */
  recheckWith(grants: ReadonlyMap<string, Grant>): void {
    this.recheck = {
      keyOf: ({ user }: Identity) => user,
      ask: ({ user }) => {
        this.asked += 1;
        return Promise.resolve(grants.get(user) ?? null);
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export function guard(source: Source, rules: Partial<SourceRules> = {}, clock: ManualClock = new ManualClock()): GuardedSource {
  const all: SourceRules = {
    ...{ name: 's', listeners: [], tenants: [], timeout: 50, cache_ttl: 1000, on_failure: 'deny', connections: 4 },
    ...rules,
  };
  return new GuardedSource(all, source, clock, new RecordingLogger());
}

/** Verifies here and now, and counts. */
export class CountingPool implements HashPool {
  verified = 0;
  readonly waiting = 0;

  verify(...[stored, password]: Parameters<HashPool['verify']>): Promise<boolean> {
    this.verified += 1;
    return Promise.resolve(verifyPassword(stored, password));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export const HANGS: () => Promise<never> = () => new Promise(() => {});
export const FAILS: () => Promise<never> = () => Promise.reject(new Error('down'));
