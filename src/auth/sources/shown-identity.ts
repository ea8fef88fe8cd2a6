import type { ConnectFacts } from '../ports.js';
import type { UserBook } from '../user-book.js';
import { type Grant, IGNORED, type Judgement, type Source } from './source.js';

/**
 * The name that the transport has proven: of a verified client certificate, or of a pre-shared key. Empty: none.
 * A client that gives another user name in its CONNECT wants to be that one, and has to prove it to another source.
 */
export function provenName(kind: 'certificate' | 'psk', { certificate, pskIdentity, userName }: ConnectFacts): string {
  const proven = kind === 'certificate' ? (certificate?.name ?? '') : pskIdentity;
  return userName === null || userName === '' || userName === proven ? proven : '';
}

/** Clients that have shown who they are before they said anything. */
export class ShownIdentity implements Source {
  readonly recheck: null = null;
  readonly tellsChanges = true;
  onChanged: () => void = () => {};
  readonly #kind: 'certificate' | 'psk';
  readonly #users: UserBook;

  constructor(kind: 'certificate' | 'psk', users: UserBook) {
    this.#kind = kind;
    this.#users = users;
  }

  judge(facts: ConnectFacts): Promise<Judgement> {
    const user = provenName(this.#kind, facts);
    if (user === '') return Promise.resolve(IGNORED);
    const isSuperuser = this.#users.find(facts.tenant, user)?.isSuperuser ?? false;
    // A session does not outlive the certificate that it stands on.
    const expiresAtMs = this.#kind === 'certificate' ? (facts.certificate?.notAfterMs ?? 0) : 0;
    const grant: Grant = { user, isSuperuser, rules: null, expiresAtMs, stamp: '' };
    return Promise.resolve({ kind: 'allowed', grant });
  }

  memoryKeyOf(): null {
    return null;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
