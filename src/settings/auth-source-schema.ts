import { isIP } from 'node:net';
import { z } from 'zod';
import { count, DAY, duration, SECOND } from './forms.js';

/*
  Sources that know who clients are. Where a text has placeholders (${username}, ${clientid}, ${tenant}, ${address}), what takes their place is
  bound as a parameter or escaped, never pasted: a name cannot change what is asked.
*/

interface Basics<T extends string> {
  readonly name: string;
  readonly type: T;
  /** Empty: all. */
  readonly listeners: readonly string[];
  /** Empty: all. */
  readonly tenants: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds; 0: nothing is remembered. */
  readonly cache_ttl: number;
  /** When it does not answer. deny: the client is refused. ignore: the next source is asked. */
  readonly on_failure: 'deny' | 'ignore';
  /** Questions under way at a time, and connections of its pool. */
  readonly connections: number;
}

export interface AuthTlsSettings {
  readonly enabled: boolean;
  /** PEM file of the authority; empty: those of the system. */
  readonly ca: string;
  readonly verify: boolean;
}

/** How a source keeps passwords. */
export interface HashSettings {
  readonly algorithm: 'phc' | 'sha256' | 'sha512' | 'pbkdf2-sha256' | 'pbkdf2-sha512';
  readonly salt: 'none' | 'prefix' | 'suffix';
  readonly iterations: number;
}

export interface PasswordFileSettings extends Basics<'password-file'> {
  readonly path: string;
}

export interface JwtSettings extends Basics<'jwt'> {
  readonly from: 'password' | 'username';
  readonly algorithms: readonly string[];
  readonly secret: string;
  /** PEM file. */
  readonly public_key: string;
  readonly jwks_url: string;
  readonly jwks_refresh: number;
  readonly issuer: string;
  readonly audience: string;
  readonly leeway: number;
  readonly user_claim: string;
  readonly claims: Readonly<Record<string, string>>;
  readonly rules_claim: string;
  readonly superuser_claim: string;
}

export interface HttpSettings extends Basics<'http'> {
  readonly url: string;
  readonly method: 'POST' | 'GET';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
  readonly refresh_url: string;
  readonly tls: AuthTlsSettings;
}

export interface LdapSettings extends Basics<'ldap'> {
  readonly url: string;
  readonly start_tls: boolean;
  readonly tls: AuthTlsSettings;
  readonly bind_dn: string;
  readonly bind_password: string;
  readonly base_dn: string;
  readonly filter: string;
  /** Instead of a search. */
  readonly user_dn: string;
  readonly method: 'bind' | 'compare';
  readonly password_attribute: string;
  readonly superuser_attribute: string;
  readonly publish_attribute: string;
  readonly subscribe_attribute: string;
}

interface Database<T extends string> extends Basics<T> {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly tls: AuthTlsSettings;
  readonly hash: HashSettings;
}

interface Sql<T extends string> extends Database<T> {
  readonly database: string;
  /** Gives password_hash, and if it likes salt and is_superuser. */
  readonly query: string;
  /** Gives permission, action, topic, and if it likes qos and retain, in their order. Empty: no rules from here. */
  readonly rules_query: string;
}

export type PostgresqlSettings = Sql<'postgresql'>;
export type MysqlSettings = Sql<'mysql'>;

export interface RedisSettings extends Database<'redis'> {
  readonly database: number;
  /** Of a hash with password_hash, and if it likes salt and is_superuser. */
  readonly key: string;
  /** Of a hash by topic: publish, subscribe or all; or of a list of rules as JSON. Empty: no rules from here. */
  readonly rules_key: string;
}

export interface MongodbSettings extends Basics<'mongodb'> {
  readonly url: string;
  readonly database: string;
  readonly tls: AuthTlsSettings;
  readonly collection: string;
  readonly filter: Readonly<Record<string, string>>;
  readonly rules_collection: string;
  readonly rules_filter: Readonly<Record<string, string>>;
  readonly hash: HashSettings;
}

export type AuthSourceSettings =
  | PasswordFileSettings
  | JwtSettings
  | HttpSettings
  | LdapSettings
  | PostgresqlSettings
  | MysqlSettings
  | RedisSettings
  | MongodbSettings;

const text = (max = 1024) => z.string().min(1).max(max);
const optional = (max = 1024) => z.string().max(max).default('');

function basics(connections: number) {
  return {
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, . _ - (at most 63)')
      .describe('What the chain calls it'),
    listeners: z.array(z.string().max(64)).max(64).default([]).describe('Only clients of these; none: all'),
    tenants: z.array(z.string().max(255)).max(1000).default([]).describe('Only clients of these; none: all'),
    timeout: duration(3 * SECOND, 10, 60 * SECOND, 'It has to answer within'),
    cache_ttl: duration(5 * SECOND, 0, DAY, 'An answer is remembered for; 0: never'),
    on_failure: z.enum(['deny', 'ignore']).default('deny').describe('Without its answer: deny refuses, ignore asks the next'),
    connections: count(connections, 1, 1000, 'Questions under way at a time'),
  };
}

const tls = z
  .strictObject({
    enabled: z.boolean().default(false),
    ca: optional().describe('PEM file of the authority; empty: those of the system'),
    verify: z.boolean().default(true).describe('false believes every certificate: for tests'),
  })
  .prefault({});

const hash = z
  .strictObject({
    algorithm: z.enum(['phc', 'sha256', 'sha512', 'pbkdf2-sha256', 'pbkdf2-sha512']).default('phc'),
    salt: z.enum(['none', 'prefix', 'suffix']).default('none'),
    iterations: count(100_000, 1, 10_000_000, 'Of PBKDF2'),
  })
  .prefault({});

/** A URL of the operator's: nothing that a client says is ever a part of it. */
function fixedUrl(protocols: readonly string[]) {
  return z
    .string()
    .max(2048)
    .refine(
      (url) => url === '' || (URL.canParse(url) && protocols.includes(new URL(url).protocol)),
      `must begin with ${protocols.join('// or ')}//`,
    )
    .refine((url) => !url.includes('${'), 'has no placeholders: what clients say never becomes part of an address');
}

const templates = z.record(z.string().max(255), z.string().max(1024));
const SYMMETRIC = ['HS256', 'HS384', 'HS512'] as const;
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const passwordFile = z.strictObject({ type: z.literal('password-file'), ...basics(16), path: text().describe('A line is user:hash') });

const jwt = z
  .strictObject({
    type: z.literal('jwt'),
    ...basics(64),
    from: z.enum(['password', 'username']).default('password').describe('Where a client puts its token'),
    algorithms: z
      .array(z.enum([...SYMMETRIC, ...ASYMMETRIC]))
      .min(1)
      .describe('That are taken: no other, whatever a token says'),
    secret: z.string().max(4096).default('').describe('Of HS256, HS384 and HS512'),
    public_key: optional().describe('PEM file of a public key or a certificate'),
    jwks_url: fixedUrl(['https:', 'http:']).default('').describe('Where the public keys are'),
    jwks_refresh: duration(300 * SECOND, SECOND, DAY, 'They are fetched again after'),
    issuer: optional().describe('Claim iss; empty: any'),
    audience: optional().describe('Claim aud; empty: any'),
    leeway: duration(5 * SECOND, 0, 600 * SECOND, 'Clocks may differ by'),
    user_claim: z.string().max(255).default('sub').describe('Claim with the name of the user'),
    claims: templates.default({}).describe('Claims, and what they must be'),
    rules_claim: z.string().max(255).default('acl').describe('Claim with rules'),
    superuser_claim: z.string().max(255).default('').describe('Claim that makes a superuser; empty: none does'),
  })
  .refine(({ secret, public_key, jwks_url }) => [secret, public_key, jwks_url].filter((one) => one !== '').length === 1, {
    message: 'needs one of secret, public_key and jwks_url',
  })
  .refine(({ secret, algorithms }) => algorithms.every((name) => name.startsWith('HS') === (secret !== '')), {
    message: 'algorithms: HS256, HS384 and HS512 go with secret, the others with public_key or jwks_url',
  })
  .refine(({ secret }) => secret === '' || Buffer.byteLength(secret) >= 32, { message: 'secret: must have 32 bytes or more' });

const http = z.strictObject({
  type: z.literal('http'),
  ...basics(32),
  url: fixedUrl(['https:', 'http:'])
    .refine((url) => url !== '', 'is needed')
    .describe('Who is asked'),
  method: z.enum(['POST', 'GET']).default('POST').describe('GET puts the fields of the body into the query'),
  headers: z.record(z.string().max(255), z.string().max(4096)).default({}).describe('Sent with each question'),
  body: templates
    .default({
      username: '${username}',
      password: '${password}',
      clientid: '${clientid}',
      tenant: '${tenant}',
      address: '${address}',
    })
    .describe('Fields of the question'),
  refresh_url: fixedUrl(['https:', 'http:'])
    .default('')
    .describe('Asked for rights of connected clients, without a password; empty: never'),
  tls,
});

const ldap = z
  .strictObject({
    type: z.literal('ldap'),
    ...basics(8),
    url: fixedUrl(['ldap:', 'ldaps:'])
      .refine((url) => url !== '', 'is needed')
      .describe('ldap://host:389 or ldaps://host:636'),
    start_tls: z.boolean().default(false).describe('Encrypts a connection of ldap://'),
    tls,
    bind_dn: optional().describe('Who searches; empty: nobody in particular'),
    bind_password: z.string().max(1024).default(''),
    base_dn: optional().describe('Where users are'),
    filter: optional(4096).describe('Which one it is: (uid=${username})'),
    user_dn: optional(4096).describe('Instead of a search: uid=${username},ou=people,dc=example'),
    method: z.enum(['bind', 'compare']).default('bind').describe('bind: as the user. compare: the hash in password_attribute'),
    password_attribute: z.string().max(255).default('userPassword'),
    superuser_attribute: z.string().max(255).default('').describe('TRUE makes a superuser'),
    publish_attribute: z.string().max(255).default('').describe('Filters that the user may publish to'),
    subscribe_attribute: z.string().max(255).default('').describe('Filters that the user may subscribe to'),
  })
  .refine(({ user_dn, base_dn, filter }) => (user_dn === '') === (base_dn !== '' && filter !== ''), {
    message: 'needs either user_dn, or base_dn and filter',
  })
  .refine(({ user_dn, method }) => user_dn === '' || method === 'bind', { message: 'user_dn goes with method = "bind"' });

function database(port: number) {
  return {
    host: z.string().min(1).max(255).default('127.0.0.1'),
    port: count(port, 1, 65_535, 'Port'),
    user: optional(255),
    password: z.string().max(1024).default(''),
    tls,
    hash,
  };
}

function sql<T extends 'postgresql' | 'mysql'>(type: T, port: number) {
  return z.strictObject({
    type: z.literal(type),
    ...basics(8),
    ...database(port),
    database: text(255),
    query: text(16_384).describe('Gives password_hash, and if it likes salt and is_superuser'),
    rules_query: optional(16_384).describe('Gives permission, action, topic, and if it likes qos and retain'),
  });
}

const redis = z.strictObject({
  type: z.literal('redis'),
  ...basics(64),
  ...database(6379),
  database: count(0, 0, 1_000_000, 'Number of the database'),
  key: z
    .string()
    .min(1)
    .max(1024)
    .default('mqtt:user:${username}')
    .describe('Hash with password_hash, and if it likes salt and is_superuser'),
  rules_key: optional().describe('Hash of topics with publish, subscribe or all, or list of rules as JSON'),
});

const mongodb = z.strictObject({
  type: z.literal('mongodb'),
  ...basics(16),
  url: z
    .string()
    .max(4096)
    .regex(/^mongodb(\+srv)?:\/\//, 'must begin with mongodb:// or mongodb+srv://'),
  database: text(255),
  tls,
  collection: text(255).describe('Documents with password_hash, and if it likes salt and is_superuser'),
  filter: templates.default({ username: '${username}' }),
  rules_collection: optional(255).describe('Documents with permission, action, topic, and if it likes qos and retain'),
  rules_filter: templates.default({ username: '${username}' }),
  hash,
});

export const AUTH_SOURCE_SCHEMA: z.ZodType<AuthSourceSettings, Readonly<Record<string, unknown>>> = z.discriminatedUnion('type', [
  passwordFile,
  jwt,
  http,
  ldap,
  sql('postgresql', 5432),
  sql('mysql', 3306).refine(({ host, tls: { enabled, verify } }) => !enabled || !verify || isIP(host) === 0, {
    message: 'host: must be a name with tls.verify, as its library verifies a certificate by name alone',
  }),
  redis,
  mongodb,
]);
