import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import { type AuthSettings, chainOf } from '../../settings/auth-schema.js';
import type { PasswordChecker } from '../passwords/password-checker.js';
import { AccountSource } from '../sources/account-source.js';
import { openSource } from '../sources/open-source.js';
import { ShownIdentity } from '../sources/shown-identity.js';
import type { Source } from '../sources/source.js';
import { CatalogueUsers } from '../sources/users.js';
import type { UserBook } from '../user-book.js';
import { Chain } from './chain.js';
import { GuardedSource, type SourceRules } from './guarded-source.js';

export interface AllSourcesParts {
  readonly auth: AuthSettings;
  readonly users: UserBook;
  readonly checker: PasswordChecker;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of sources that answer from memory: nothing of this is ever reached. */
const BUILT_IN: Omit<SourceRules, 'name'> = {
  ...{ listeners: [], tenants: [], timeout: 60_000, cache_ttl: 0, on_failure: 'deny', connections: 65_536 },
};

/** The sources that some chain names, and the chains. */
export class AllSources {
  readonly byName: ReadonlyMap<string, GuardedSource>;
  readonly #auth: AuthSettings;
  readonly #checker: PasswordChecker;
  readonly #chains = new Map<string, Chain>();

  /** @throws BrokerError if one cannot be opened; the others are closed then. */
  static async open(parts: AllSourcesParts): Promise<AllSources> {
    const { auth, users, clock, log } = parts;
    const named = new Set([auth.chain, ...auth.listeners.map(({ chain }) => chain)].flat());
    const sources = new Map<string, GuardedSource>();
    const add = (rules: SourceRules, source: Source): void => {
      sources.set(rules.name, new GuardedSource(rules, source, clock, log));
    };
    add({ ...BUILT_IN, name: 'users' }, new AccountSource(new CatalogueUsers(users))); // Also of enhanced authentication.
    for (const name of ['certificate', 'psk'] as const) add({ ...BUILT_IN, name }, new ShownIdentity(name, users));
    try {
      for (const settings of auth.sources) if (named.has(settings.name)) add(settings, await openSource(settings, clock, log));
    } catch (error) {
      for (const source of sources.values()) await source.close();
      throw error;
    }
    return new AllSources(parts, sources);
  }

  private constructor({ auth, checker }: AllSourcesParts, sources: ReadonlyMap<string, GuardedSource>) {
    this.#auth = auth;
    this.#checker = checker;
    this.byName = sources;
  }

  chainOf(listener: string): Chain {
    const known = this.#chains.get(listener);
    if (known !== undefined) return known;
    const sources = chainOf(this.#auth, listener).flatMap((name) => this.byName.get(name) ?? []); // The settings were checked: there are all.
    const chain = new Chain(sources, this.#checker);
    this.#chains.set(listener, chain);
    return chain;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.byName.values()].map((source) => source.close()));
  }
}
