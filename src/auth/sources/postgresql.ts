import pg from 'pg';
import type { Logger } from '../../base/logger.js';
import type { PostgresqlSettings } from '../../settings/auth-source-schema.js';
import type { ConnectFacts } from '../ports.js';
import { accountOfRow } from './account-row.js';
import type { Account, AccountStore } from './account-source.js';
import { rulesOf } from './outside-rules.js';
import { type Placeholder, Template } from './templates.js';
import { tlsOptions } from './tls-options.js';

/** Accounts and rules in tables of PostgreSQL. Values of clients are parameters of prepared statements: $1, $2. */
export class PostgresqlAccounts implements AccountStore {
  readonly places: readonly Placeholder[];
  readonly tellsChanges = false;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly #settings: PostgresqlSettings;
  readonly #pool: pg.Pool;
  readonly #query: Template;
  readonly #rulesQuery: Template | null;

  /** @throws RangeError, BrokerError RMQ-1001. */
  constructor(settings: PostgresqlSettings, log: Logger) {
    const { host, port, user, password, database, tls, timeout, connections, query, rules_query } = settings;
    this.#settings = settings;
    this.#query = new Template(query);
    this.#rulesQuery = rules_query === '' ? null : new Template(rules_query);
    this.places = [...this.#query.places, ...(this.#rulesQuery?.places ?? [])];
    this.#pool = new pg.Pool({
      ...{ host, port, user, password, database, max: connections },
      ...{ connectionTimeoutMillis: timeout, query_timeout: timeout, application_name: 'robustmq' },
      ssl: tls.enabled ? tlsOptions(tls) : false,
    });
    // Of a connection that nobody uses at the time: the pool makes another.
    this.#pool.on('error', (error) => log.debug('auth.connection-lost', 'a source of authentication ended a connection', { error }));
  }

  async find(facts: ConnectFacts): Promise<Account | null> {
    const [row] = await this.#rowsOf('account', this.#query, facts);
    if (row === undefined) return null;
    const rules = this.#rulesQuery === null ? null : rulesOf(await this.#rowsOf('rules', this.#rulesQuery, facts));
    return accountOfRow(row, this.#settings.hash, rules);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #rowsOf(name: string, template: Template, facts: ConnectFacts): Promise<object[]> {
    const [first, ...rest] = template.texts;
    const text = first + rest.map((part, index) => `$${index + 1}${part}`).join('');
    return (await this.#pool.query<object>({ name, text, values: template.valuesOf(facts) })).rows;
  }
}
