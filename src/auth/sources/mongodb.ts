import { MongoClient } from 'mongodb';
import type { MongodbSettings } from '../../settings/auth-source-schema.js';
import type { ConnectFacts } from '../ports.js';
import { accountOfRow } from './account-row.js';
import type { Account, AccountStore } from './account-source.js';
import { rulesOf } from './outside-rules.js';
import { type Placeholder, TemplateTable } from './templates.js';
import { readPem } from './tls-options.js';

const RULES_READ_MAX = 1001;

/** What is asked of the driver. */
export interface Documents {
  find(collection: string, filter: Readonly<Record<string, string>>, limit: number): Promise<object[]>;
  close(): Promise<void>;
}

/** Accounts and rules as documents of MongoDB. What a client says is always a text in a field, so it is compared and never read as an operator. */
export class MongodbAccounts implements AccountStore {
  readonly places: readonly Placeholder[];
  readonly tellsChanges = false;
  onChanged: (keys: readonly string[] | null) => void = () => {};
  readonly #settings: MongodbSettings;
  readonly #documents: Documents;
  readonly #filter: TemplateTable;
  readonly #rulesFilter: TemplateTable;

  /** @throws RangeError. */
  constructor(settings: MongodbSettings, documents: Documents) {
    this.#settings = settings;
    this.#documents = documents;
    this.#filter = new TemplateTable(settings.filter);
    this.#rulesFilter = new TemplateTable(settings.rules_collection === '' ? {} : settings.rules_filter);
    this.places = [...this.#filter.places, ...this.#rulesFilter.places];
  }

  async find(facts: ConnectFacts): Promise<Account | null> {
    const { collection, rules_collection, hash } = this.#settings;
    const [document] = await this.#documents.find(collection, this.#filter.fill(facts), 1);
    if (document === undefined) return null;
    if (rules_collection === '') return accountOfRow(document, hash, null);
    const rows = await this.#documents.find(rules_collection, this.#rulesFilter.fill(facts), RULES_READ_MAX);
    return accountOfRow(document, hash, rulesOf(rows));
  }

  close(): Promise<void> {
    return this.#documents.close();
  }
}

/** The driver. It connects with the first question. @throws BrokerError RMQ-1001, and whatever the driver says of the URL. */
export function openDocuments({ url, database, tls, timeout, connections }: MongodbSettings): Documents {
  const client = new MongoClient(url, {
    ...{
      appName: 'robustmq',
      maxPoolSize: connections,
      connectTimeoutMS: timeout,
      serverSelectionTimeoutMS: timeout,
      socketTimeoutMS: timeout,
    },
    ...(tls.enabled ? { tls: true, tlsAllowInvalidCertificates: !tls.verify } : {}),
    ...(tls.enabled && tls.ca !== '' ? { ca: readPem(tls.ca) } : {}),
  });
  return {
    find: (collection, filter, limit) =>
      client
        .db(database)
        .collection(collection)
        .find({ ...filter }, { maxTimeMS: timeout, limit })
        .toArray(),
    close: () => client.close(),
  };
}
