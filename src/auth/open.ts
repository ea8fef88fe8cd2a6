import { ANONYMOUS, type Authenticator, type ConnectFacts, type Identity } from './ports.js';

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
