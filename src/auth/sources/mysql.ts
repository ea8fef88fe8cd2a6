import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise';
import type { MysqlSettings } from '../../settings/auth-source-schema.js';
import type { ConnectFacts } from '../ports.js';
import { accountOfRow } from './account-row.js';
import type { Account, AccountStore } from './account-source.js';
import { rulesOf } from './outside-rules.js';
import { type Placeholder, Template } from './templates.js';
import { tlsOptions } from './tls-options.js';

/** Accounts and rules in tables of MySQL or MariaDB. Values of clients are parameters of prepared statements. */
export class MysqlAccounts implements AccountStore {
  readonly places: readonly Placeholder[];
  readonly tellsChanges = false;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly #settings: MysqlSettings;
  readonly #pool: Pool;
  readonly #query: Template;
  readonly #rulesQuery: Template | null;

  /** @throws RangeError, BrokerError RMQ-1001. */
  constructor(settings: MysqlSettings) {
    const { host, port, user, password, database, tls, timeout, connections, query, rules_query } = settings;
    this.#settings = settings;
    this.#query = new Template(query);
    this.#rulesQuery = rules_query === '' ? null : new Template(rules_query);
    this.places = [...this.#query.places, ...(this.#rulesQuery?.places ?? [])];
    this.#pool = createPool({
      ...{ host, port, user, password, database, connectionLimit: connections, connectTimeout: timeout },
      // Of itself it believes whoever has a certificate of the authority, of whatever host.
      ...(tls.enabled ? { ssl: { ...tlsOptions(tls), verifyIdentity: tls.verify } } : {}),
    });
  }

  async find(facts: ConnectFacts): Promise<Account | null> {
    const [row] = await this.#rowsOf(this.#query, facts);
    if (row === undefined) return null;
    const rules = this.#rulesQuery === null ? null : rulesOf(await this.#rowsOf(this.#rulesQuery, facts));
    return accountOfRow(row, this.#settings.hash, rules);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #rowsOf(template: Template, facts: ConnectFacts): Promise<RowDataPacket[]> {
    const sql = template.texts.join('?');
    const [rows] = await this.#pool.execute<RowDataPacket[]>({ sql, timeout: this.#settings.timeout }, template.valuesOf(facts));
    return rows;
  }
}
