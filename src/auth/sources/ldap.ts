import { Client, type Entry, Filter, InvalidCredentialsError, NoSuchObjectError } from 'ldapts';
import type { LdapSettings } from '../../settings/auth-source-schema.js';
import type { AccessRule, ConnectFacts, Identity } from '../ports.js';
import { isTrue } from './account-row.js';
import { accountKey, factsOf, stampOf } from './account-source.js';
import { parseLdapPassword } from './ldap-password.js';
import { grantedTopics, rulesOf } from './outside-rules.js';
import { denied, type Grant, IGNORED, type Judgement, type Recheck, type Source, SourceFault } from './source.js';
import { Template } from './templates.js';
import { type SourceTls, tlsOptions } from './tls-options.js';

/*
  A directory. Three ways:

    user_dn                                  bind as uid=alice,ou=people,...: the directory decides
    base_dn, filter, method = "bind"         search the entry (as bind_dn), then bind as it
    base_dn, filter, method = "compare"      search the entry, and compare with the hash in it

  Names of clients are escaped where they stand: in a filter by RFC 4515, in a name by RFC 4514. An empty password never binds: directories take that for
  an anonymous bind, and say yes.
*/
export class Ldap implements Source {
  readonly recheck: Recheck | null;
  readonly tellsChanges = false;
  onChanged: () => void = () => {};
  readonly #settings: LdapSettings;
  readonly #tls: SourceTls;
  /** Whose certificate is believed. */
  readonly #host: string;
  readonly #filter: Template;
  readonly #userDn: Template | null;
  /** Connections that nobody uses: bound as bind_dn, or as whoever came last. At most `connections` are in use, so at most as many wait here. */
  readonly #searchers: Client[] = [];
  readonly #binders: Client[] = [];
  #isClosed = false;

  /** @throws RangeError, BrokerError RMQ-1001. */
  constructor(settings: LdapSettings) {
    this.#settings = settings;
    this.#tls = tlsOptions(settings.tls);
    this.#host = new URL(settings.url).hostname.replace(/^\[|\]$/g, '');
    this.#filter = new Template(settings.filter);
    this.#userDn = settings.user_dn === '' ? null : new Template(settings.user_dn);
    this.recheck =
      this.#userDn === null
        ? {
            keyOf: ({ tenant, user, clientId }) =>
              this.#filter.places.some((place) => place !== 'username')
                ? JSON.stringify([tenant, user, clientId])
                : accountKey(tenant, user),
            ask: (identity) => this.#recheck(identity),
          }
        : null;
  }

  async judge(facts: ConnectFacts): Promise<Judgement> {
    const { userName, password } = facts;
    if (userName === null || userName === '') return IGNORED;
    if (this.#userDn !== null) {
      if (password === null || password.length === 0) return denied('no password was given');
      const isRight = await this.#bind(this.#userDn.fill(facts, escapeDn), password);
      const grant: Grant = { user: userName, isSuperuser: false, rules: null, expiresAtMs: 0, stamp: '' };
      return isRight ? { kind: 'allowed', grant } : denied('the directory refuses it');
    }
    const entry = await this.#search(facts);
    if (entry === null) return IGNORED;
    const grant = this.#grantOf(entry, userName);
    if (this.#settings.method === 'compare') return { kind: 'account', password: this.#passwordOf(entry), grant };
    if (password === null || password.length === 0) return denied('no password was given');
    return (await this.#bind(entry.dn, password)) ? { kind: 'allowed', grant } : denied('the directory refuses it');
  }

  memoryKeyOf(facts: ConnectFacts): readonly (string | Uint8Array)[] {
    const password = this.#settings.method === 'bind' ? (facts.password ?? '') : '';
    return [password, facts.userName ?? '', facts.tenant, facts.clientId];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const idle = [...this.#searchers.splice(0), ...this.#binders.splice(0)];
    await Promise.allSettled(idle.map((client) => client.unbind()));
  }

  async #recheck(identity: Identity): Promise<Grant | null> {
    const entry = await this.#search(factsOf(identity));
    return entry === null ? null : this.#grantOf(entry, identity.user);
  }

  /** null: there is none. */
  #search(facts: ConnectFacts): Promise<Entry | null> {
    const { base_dn, bind_dn, bind_password, publish_attribute, subscribe_attribute, superuser_attribute, method, password_attribute } =
      this.#settings;
    const wanted = [publish_attribute, subscribe_attribute, superuser_attribute, method === 'compare' ? password_attribute : ''];
    const attributes = wanted.filter((name) => name !== '');
    return this.#with(
      this.#searchers,
      async (client) => {
        if (bind_dn !== '') await client.bind(bind_dn, bind_password);
      },
      async (client) => {
        const filter = this.#filter.fill(facts, (value) => Filter.escape(value));
        // 1.1: no attributes (RFC 4511 §4.5.1.8).
        const found = await client.search(base_dn, {
          scope: 'sub',
          filter,
          sizeLimit: 2,
          attributes: attributes.length > 0 ? attributes : ['1.1'],
        });
        if (found.searchEntries.length > 1) throw new SourceFault('the filter finds more than one entry');
        return found.searchEntries[0] ?? null;
      },
    );
  }

  /** Whether the directory lets it in. */
  #bind(dn: string, password: Uint8Array): Promise<boolean> {
    return this.#with(
      this.#binders,
      () => Promise.resolve(),
      async (client) => {
        try {
          await client.bind(dn, Buffer.from(password).toString());
          return true;
        } catch (error) {
          if (error instanceof InvalidCredentialsError || error instanceof NoSuchObjectError) return false;
          throw error;
        }
      },
    );
  }

  /** With a connection that waits, or a new one. One that failed is not used again. */
  async #with<T>(idle: Client[], prepare: (client: Client) => Promise<void>, use: (client: Client) => Promise<T>): Promise<T> {
    let client = idle.pop();
    if (client !== undefined && !client.isConnected) client = undefined;
    const isNew = client === undefined;
    client ??= this.#open();
    try {
      if (isNew && this.#settings.start_tls) await client.startTLS({ ...this.#tls, host: this.#host });
      if (isNew) await prepare(client);
      const answer = await use(client);
      if (this.#isClosed) await client.unbind();
      else idle.push(client);
      return answer;
    } catch (error) {
      void client.unbind().catch(() => {}); // What is broken cannot always say good-bye.
      throw error;
    }
  }

  #open(): Client {
    const { url, timeout } = this.#settings;
    return new Client({
      url,
      timeout,
      connectTimeout: timeout,
      strictDN: false,
      ...(url.startsWith('ldaps') ? { tlsOptions: this.#tls } : {}),
    });
  }

  #grantOf(entry: Entry, user: string): Grant {
    const { publish_attribute, subscribe_attribute, superuser_attribute, method } = this.#settings;
    return {
      user,
      isSuperuser: superuser_attribute !== '' && valuesOf(entry, superuser_attribute).some(isTrue),
      rules: publish_attribute === '' && subscribe_attribute === '' ? null : this.#rulesOf(entry),
      expiresAtMs: 0,
      stamp: method === 'compare' ? stampOf(this.#passwordOf(entry)) : '',
    };
  }

  #rulesOf(entry: Entry): AccessRule[] {
    const { publish_attribute, subscribe_attribute } = this.#settings;
    const rows = [
      ...(publish_attribute === '' ? [] : grantedTopics('publish', valuesOf(entry, publish_attribute))),
      ...(subscribe_attribute === '' ? [] : grantedTopics('subscribe', valuesOf(entry, subscribe_attribute))),
    ];
    return rulesOf(rows);
  }

  #passwordOf(entry: Entry): ReturnType<typeof parseLdapPassword> {
    for (const value of valuesOf(entry, this.#settings.password_attribute)) {
      const password = parseLdapPassword(value);
      if (password !== null) return password;
    }
    return null;
  }
}

function valuesOf(entry: Entry, attribute: string): string[] {
  const name = Object.keys(entry).find((key) => key.toLowerCase() === attribute.toLowerCase());
  const value = name === undefined ? [] : entry[name];
  return (Array.isArray(value) ? value : [value]).map((one) => one.toString());
}

/** A value in a distinguished name, RFC 4514 §2.4. */
export function escapeDn(value: string): string {
  const escaped = value.replace(/[\\,+"<>;=]/g, '\\$&').replaceAll('\0', '\\00');
  return escaped.replace(/^[ #]/, '\\$&').replace(/ $/, '\\ ');
}
