import { ANONYMOUS, type Authenticator, type BanBook, type ConnectFacts, type Identity, type RightsBook, UNLIMITED } from './ports.js';

/* A node without authentication: everybody comes in as nobody, and may everything. */

/** Nobody in particular, and what is known of it. */
export function anonymousOf({ tenant, clientId, address }: ConnectFacts): Identity {
  return { tenant, user: ANONYMOUS, clientId, address, isSuperuser: false, source: '', expiresAtMs: 0, rules: null };
}

export function openAuthenticator(): Authenticator {
  return {
    authenticate(facts, done) {
      done({ kind: 'admitted', identity: anonymousOf(facts) });
      return 0;
    },
    abandon() {},
    methodsOf: () => [],
    beginExchange: () => ({
      step: (_data, done) => done({ kind: 'refused', why: 'bad-method', sentence: 'no enhanced authentication method is configured' }),
      abandon() {},
    }),
    keep() {},
    letGo() {},
    onIdentityChanged() {},
  };
}

export function openRights(): RightsBook {
  return { version: 1, compile: () => UNLIMITED, onChanged: () => {} };
}

export function noBans(): BanBook {
  return { banOf: () => null, onAdded: () => {} };
}
