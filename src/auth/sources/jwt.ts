import { createPublicKey } from 'node:crypto';
import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import type { Clock } from '../../base/clock.js';
import { BrokerError } from '../../base/errors.js';
import type { JwtSettings } from '../../settings/auth-source-schema.js';
import type { ConnectFacts } from '../ports.js';
import { isTrue } from './account-row.js';
import { rulesOfClaim } from './outside-rules.js';
import { denied, type Grant, IGNORED, type Judgement, type Source, SourceFault } from './source.js';
import { Template } from './templates.js';
import { readPem } from './tls-options.js';

const TOKEN_BYTES_MAX = 16_384;
/** Keys are not fetched more often than that, whatever key a token names. */
const COOLDOWN_MS = 30_000;
const MS_PER_SECOND = 1000;

/** The token is at fault, and not the source of its key. */
const FAULTS_OF_TOKENS = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

/** Signed tokens (RFC 7519). Which algorithms are taken is in the settings, and nothing that a token says changes it. */
export class Jwt implements Source {
  readonly recheck: null = null; // What it may is in the token, until that expires.
  readonly tellsChanges = true;
  onChanged: () => void = () => {};
  readonly #settings: JwtSettings;
  readonly #clock: Clock;
  readonly #keyOf: JWTVerifyGetKey;
  readonly #claims: readonly (readonly [string, Template])[];
  readonly #options: JWTVerifyOptions;

  /** @throws BrokerError RMQ-1001, RMQ-1002; RangeError. */
  constructor(settings: JwtSettings, clock: Clock) {
    const { algorithms, issuer, audience, leeway } = settings;
    this.#settings = settings;
    this.#clock = clock;
    this.#keyOf = openKeys(settings);
    this.#claims = Object.entries(settings.claims).map(([name, text]) => [name, new Template(text)] as const);
    this.#options = {
      algorithms: [...algorithms],
      clockTolerance: leeway / MS_PER_SECOND,
      ...(issuer === '' ? {} : { issuer }),
      ...(audience === '' ? {} : { audience }),
    };
  }

  async judge(facts: ConnectFacts): Promise<Judgement> {
    const token = this.#tokenOf(facts);
    if (token === null) return IGNORED;
    let claims: JWTPayload;
    try {
      claims = (await jwtVerify(token, this.#keyOf, { ...this.#options, currentDate: new Date(this.#clock.nowMs()) })).payload;
    } catch (error) {
      if (FAULTS_OF_TOKENS.some((kind) => error instanceof kind)) return denied(error instanceof Error ? error.message : 'a bad token');
      throw error;
    }
    for (const [name, template] of this.#claims)
      if (String(claims[name] ?? '') !== template.fill(facts)) return denied(`the claim ${name} is another`);
    const user = this.#userOf(claims, facts);
    if (user === null) return denied(`the claim ${this.#settings.user_claim} is missing, or not the user name that was given`);
    return { kind: 'allowed', grant: this.#grantOf(claims, user) };
  }

  memoryKeyOf(): null {
    return null; // A signature is verified faster than it would be found.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** null: what the client shows is no token, and means another source. */
  #tokenOf({ password, userName }: ConnectFacts): string | null {
    const shown = this.#settings.from === 'username' ? userName : password === null ? null : Buffer.from(password).toString('latin1');
    if (shown === null || shown.length > TOKEN_BYTES_MAX || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(shown)) return null;
    try {
      decodeProtectedHeader(shown);
      return shown;
    } catch {
      return null; // Three words with dots between them, and no token.
    }
  }

  /** A token says whose it is: whoever shows it cannot be somebody else. */
  #userOf(claims: JWTPayload, { userName }: ConnectFacts): string | null {
    const given = this.#settings.from === 'username' ? '' : (userName ?? '');
    const claimed = claims[this.#settings.user_claim];
    if (typeof claimed === 'string' && claimed !== '') return given === '' || given === claimed ? claimed : null;
    const isBound = this.#claims.some(([, { places }]) => places.includes('username'));
    return isBound && given !== '' ? given : null;
  }

  #grantOf(claims: JWTPayload, user: string): Grant {
    const { rules_claim, superuser_claim, leeway } = this.#settings;
    const rules = claims[rules_claim];
    return {
      user,
      isSuperuser: superuser_claim !== '' && isTrue(claims[superuser_claim]),
      rules: rules === undefined ? null : rulesOfClaim(rules),
      expiresAtMs: claims.exp === undefined ? 0 : claims.exp * MS_PER_SECOND + leeway,
      stamp: '',
    };
  }
}

/** @throws BrokerError RMQ-1001, RMQ-1002. */
function openKeys({ secret, public_key, jwks_url, jwks_refresh, timeout }: JwtSettings): JWTVerifyGetKey {
  if (jwks_url !== '') {
    const keys = createRemoteJWKSet(new URL(jwks_url), {
      cacheMaxAge: jwks_refresh,
      cooldownDuration: Math.min(COOLDOWN_MS, jwks_refresh),
      timeoutDuration: timeout,
    });
    return async (header, token) => {
      try {
        return await keys(header, token);
      } catch (error) {
        if (FAULTS_OF_TOKENS.some((kind) => error instanceof kind)) throw error;
        throw new SourceFault('the keys cannot be fetched', { cause: error });
      }
    };
  }
  if (secret !== '') {
    const key = Buffer.from(secret);
    return () => key;
  }
  const pem = readPem(public_key);
  try {
    const key = createPublicKey(pem);
    return () => key;
  } catch (error) {
    throw new BrokerError('RMQ-1002', `(auth.sources: ${public_key} has no public key)`, { cause: error });
  }
}
