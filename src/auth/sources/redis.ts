import { Redis } from 'ioredis';
import type { Logger } from '../../base/logger.js';
import type { RedisSettings } from '../../settings/auth-source-schema.js';
import type { AccessRule, ConnectFacts } from '../ports.js';
import { accountOfRow } from './account-row.js';
import type { Account, AccountStore } from './account-source.js';
import { rulesOf } from './outside-rules.js';
import { SourceFault } from './source.js';
import { type Placeholder, Template } from './templates.js';
import { tlsOptions } from './tls-options.js';

const RULES_READ_MAX = 1001;
const RECONNECT_MS_MAX = 2000;

/*
  Accounts as hashes of Redis, and rules beside them:

    HSET mqtt:user:alice password_hash '$argon2id$...' is_superuser 0
    HSET mqtt:rules:alice site/1/# publish   site/2/# 'deny all'          topics with what they allow or deny; those that deny are looked at first
    RPUSH mqtt:rules:alice '{"permission":"deny","action":"all","topic":"site/2/#"}' ...           or a list in its order
*/
export class RedisAccounts implements AccountStore {
  readonly places: readonly Placeholder[];
  readonly tellsChanges = false;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly #settings: RedisSettings;
  readonly #client: Redis;
  readonly #key: Template;
  readonly #rulesKey: Template | null;

  /** @throws RangeError, BrokerError RMQ-1001. */
  constructor(settings: RedisSettings, log: Logger) {
    const { host, port, user, password, database: db, tls, timeout, key, rules_key } = settings;
    this.#settings = settings;
    this.#key = new Template(key);
    this.#rulesKey = rules_key === '' ? null : new Template(rules_key);
    this.places = [...this.#key.places, ...(this.#rulesKey?.places ?? [])];
    this.#client = new Redis({
      ...{ host, port, db, lazyConnect: true, connectTimeout: timeout, commandTimeout: timeout, maxRetriesPerRequest: 1 },
      ...(user === '' ? {} : { username: user }),
      ...(password === '' ? {} : { password }),
      ...(tls.enabled ? { tls: tlsOptions(tls) } : {}),
      retryStrategy: (attempts) => Math.min(RECONNECT_MS_MAX, attempts * 100),
    });
    this.#client.on('error', (error) => log.debug('auth.connection-lost', 'a source of authentication ended a connection', { error }));
  }

  async find(facts: ConnectFacts): Promise<Account | null> {
    const key = keyOf(this.#key, facts);
    const rulesKey = this.#rulesKey === null ? null : keyOf(this.#rulesKey, facts);
    if (key === null) return null;
    const [fields, rules] = await Promise.all([this.#client.hgetall(key), rulesKey === null ? null : this.#rulesOf(rulesKey)]);
    if (Object.keys(fields).length === 0) return null;
    return accountOfRow(fields, this.#settings.hash, rules);
  }

  close(): Promise<void> {
    this.#client.disconnect();
    return Promise.resolve();
  }

  async #rulesOf(key: string): Promise<AccessRule[]> {
    let topics: Record<string, string>;
    try {
      topics = await this.#client.hgetall(key);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('WRONGTYPE')) throw error;
      return rulesOf((await this.#client.lrange(key, 0, RULES_READ_MAX - 1)).map(parsed));
    }
    const rows = Object.entries(topics).map(([topic, words]) => {
      const [permission, action] = words.includes(' ') ? words.split(' ') : ['allow', words];
      return { permission, action, topic };
    });
    return rulesOf(rows.sort((a, b) => Number(b.permission === 'deny') - Number(a.permission === 'deny')));
  }
}

/** null: no account can have such a name, because parts of the key could not be told apart. */
function keyOf(template: Template, facts: ConnectFacts): string | null {
  if (template.places.length > 1 && template.valuesOf(facts).some((value) => value.includes(':'))) return null;
  return template.fill(facts);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SourceFault('a rule is no JSON', { cause });
  }
}
