import { createHash } from 'node:crypto';
import type { StoredPassword } from '../passwords/stored-password.js';
import type { AccessRule, ConnectFacts, Identity } from '../ports.js';
import { type Grant, IGNORED, type Judgement, type Recheck, type Source } from './source.js';
import { type Placeholder, valuesAt } from './templates.js';

/** What a source keeps of a user. */
export interface Account {
  /** null: no password lets this user in. */
  readonly password: StoredPassword | null;
  readonly isSuperuser: boolean;
  readonly rules: readonly AccessRule[] | null;
}

/** Where accounts are. */
export interface AccountStore {
  /** null: there is none of this name. Rejects with SourceFault, or whatever its driver throws. */
  find(facts: ConnectFacts): Promise<Account | null>;
  /** What the account depends on, beside tenant and user name. */
  readonly places: readonly Placeholder[];
  /** See Source. */
  readonly tellsChanges: boolean;
  onChanged: (keys: readonly string[] | null) => void;
  close(): Promise<void>;
}

/** A source that keeps accounts with passwords. */
export class AccountSource implements Source {
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly recheck: Recheck;
  readonly tellsChanges: boolean;
  readonly #store: AccountStore;

  constructor(store: AccountStore) {
    this.#store = store;
    this.tellsChanges = store.tellsChanges;
    store.onChanged = (keys) => this.onChanged(keys);
    this.recheck = {
      keyOf: (identity) => JSON.stringify(keyParts(store, factsOf(identity))),
      ask: async (identity) => {
        const account = await store.find(factsOf(identity));
        return account === null ? null : grantOf(account, identity.user);
      },
    };
  }

  async judge(facts: ConnectFacts): Promise<Judgement> {
    const { userName } = facts;
    if (userName === null || userName === '') return IGNORED;
    const account = await this.#store.find(facts);
    return account === null ? IGNORED : { kind: 'account', password: account.password, grant: grantOf(account, userName) };
  }

  memoryKeyOf(facts: ConnectFacts): readonly string[] | null {
    return this.tellsChanges ? null : keyParts(this.#store, facts);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** The key of a recheck where the account depends on tenant and user name alone. */
export function accountKey(tenant: string, user: string): string {
  return JSON.stringify([tenant, user]);
}

function keyParts({ places }: AccountStore, facts: ConnectFacts): string[] {
  return [facts.tenant, facts.userName ?? '', ...valuesAt(places, facts)];
}

function grantOf({ password, isSuperuser, rules }: Account, user: string): Grant {
  return { user, isSuperuser, rules, expiresAtMs: 0, stamp: stampOf(password) };
}

export function stampOf(password: StoredPassword | null): string {
  if (password === null) return 'none';
  const digest = createHash('sha256');
  if (password.kind === 'argon2') digest.update(password.phc);
  else if (password.kind === 'pbkdf2')
    digest.update(`${password.digest} ${password.iterations} `).update(password.salt).update(password.hash);
  else digest.update(`${password.digest} `).update(password.prefix).update(password.suffix).update(password.hash);
  return digest.digest('base64');
}

/** What is known of a client that came earlier: enough to look it up. */
export function factsOf({ tenant, user, clientId, address }: Identity): ConnectFacts {
  return {
    ...{ protocol: 'mqtt', tenant, clientId, userName: user, password: null, listener: '', address, port: 0 },
    ...{ isEncrypted: false, certificate: null, pskIdentity: '' },
  };
}
