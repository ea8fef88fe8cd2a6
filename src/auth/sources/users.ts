import { parseStoredPassword } from '../passwords/stored-password.js';
import type { ConnectFacts } from '../ports.js';
import type { UserBook } from '../user-book.js';
import { type Account, type AccountStore, accountKey } from './account-source.js';

/** Users of the catalogue. What they may do is in the catalogue too, for all that is known of them, so no rules are given here. */
export class CatalogueUsers implements AccountStore {
  readonly places: readonly [] = [];
  readonly tellsChanges = true;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly #users: UserBook;

  constructor(users: UserBook) {
    this.#users = users;
    users.onChanged = (user) => this.onChanged(user === null ? null : [accountKey(user.tenant, user.name)]);
  }

  find({ tenant, userName }: ConnectFacts): Promise<Account | null> {
    const user = this.#users.find(tenant, userName ?? '');
    if (user === null) return Promise.resolve(null);
    return Promise.resolve({ password: parseStoredPassword(user.passwordHash), isSuperuser: user.isSuperuser, rules: null });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
