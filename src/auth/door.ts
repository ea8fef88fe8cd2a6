import { anonymousOf } from './open.js';
import { ANONYMOUS, type ConnectFacts, type Verdict } from './ports.js';
import { provenName } from './sources/shown-identity.js';
import type { UserBook } from './user-book.js';

/** What the settings say of a listener. */
export interface DoorRules {
  /** Whether clients that say nothing of themselves are let in. */
  readonly takesAnonymous: boolean;
  readonly chain: readonly string[];
  /** The chain has a source outside: a file, a database, a server. */
  readonly hasOutside: boolean;
}

/*
  What can be said of a client at once, on its shard, without asking anybody:

    the client              nobody has to prove anything here (1)      somebody has to
    says nothing            in, as nobody                              in as nobody, or refused: auth.anonymous
    shows a proven name     in, as that                                the chain is asked
    says a name             in, as nobody (2)                          the chain is asked

  (1) Clients without a name are let in, no source outside is in the chain, and the catalogue has no user of the tenant.
  (2) A name that nobody has checked gives no rights, and opens nobody's session.
*/
export function decideAtDoor(rules: DoorRules, users: UserBook, facts: ConnectFacts): Verdict | null {
  const { userName, password, certificate, pskIdentity, tenant } = facts;
  const isNamed = userName !== null && userName !== '';
  const saysNothing = !isNamed && password === null && (certificate?.name ?? '') === '' && pskIdentity === '';
  if (saysNothing) return rules.takesAnonymous ? { kind: 'admitted', identity: anonymousOf(facts) } : NAMELESS;
  const mustProve = !rules.takesAnonymous || rules.hasOutside || (rules.chain.includes('users') && users.hasAny(tenant));
  if (mustProve) return null;
  for (const kind of ['certificate', 'psk'] as const) {
    const user = rules.chain.includes(kind) ? provenName(kind, facts) : ANONYMOUS;
    if (user === ANONYMOUS) continue;
    const expiresAtMs = kind === 'certificate' ? (certificate?.notAfterMs ?? 0) : 0;
    return { kind: 'admitted', identity: { ...anonymousOf(facts), user, source: kind, expiresAtMs } };
  }
  return { kind: 'admitted', identity: anonymousOf(facts) };
}

const NAMELESS: Verdict = { kind: 'refused', why: 'bad-credentials', sentence: 'clients without a name are not let in' };
