import { Agent, request } from 'undici';
import type { Clock } from '../../base/clock.js';
import type { HttpSettings } from '../../settings/auth-source-schema.js';
import type { ConnectFacts } from '../ports.js';
import { isTrue } from './account-row.js';
import { factsOf } from './account-source.js';
import { rulesOfClaim } from './outside-rules.js';
import { denied, type Grant, IGNORED, type Judgement, type Recheck, type Source, SourceFault } from './source.js';
import { TemplateTable, valuesAt } from './templates.js';
import { tlsOptions } from './tls-options.js';

const ANSWER_BYTES_MAX = 256 * 1024;
const MS_PER_SECOND = 1000;

/*
  A server that is asked about each client, as JSON (or in the query of a GET), and answers

    200 { "result": "allow" | "deny" | "ignore", "is_superuser": false, "username": "alice", "acl": [rules], "expire_at": seconds since 1970 }
    204 allow      401, 403 deny      404 ignore      anything else is a failure

  Its address is the operator's alone, redirects are not followed, and answers are bounded.
*/
export class HttpSource implements Source {
  readonly recheck: Recheck | null;
  readonly tellsChanges = false;
  onChanged: () => void = () => {};
  readonly #settings: HttpSettings;
  readonly #clock: Clock;
  readonly #body: TemplateTable;
  readonly #agent: Agent;

  /** @throws RangeError, BrokerError RMQ-1001. */
  constructor(settings: HttpSettings, clock: Clock) {
    const { body, refresh_url, tls, timeout, connections } = settings;
    this.#settings = settings;
    this.#clock = clock;
    this.#body = new TemplateTable(body);
    this.#agent = new Agent({
      ...{ connections, connectTimeout: timeout, headersTimeout: timeout, bodyTimeout: timeout, maxResponseSize: ANSWER_BYTES_MAX },
      connect: tlsOptions(tls),
    });
    this.recheck =
      refresh_url === ''
        ? null
        : {
            keyOf: (identity) => JSON.stringify([identity.user, ...valuesAt(this.#body.places, factsOf(identity))]),
            ask: async (identity) => {
              const judgement = await this.#ask(refresh_url, factsOf(identity));
              return judgement.kind === 'allowed' ? judgement.grant : null;
            },
          };
  }

  judge(facts: ConnectFacts): Promise<Judgement> {
    return this.#ask(this.#settings.url, facts);
  }

  memoryKeyOf(facts: ConnectFacts): readonly (string | Uint8Array)[] {
    return [facts.userName ?? '', facts.userName === null ? '0' : '1', facts.password ?? '', ...valuesAt(this.#body.places, facts)];
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask(url: string, facts: ConnectFacts): Promise<Judgement> {
    const { method, headers } = this.#settings;
    const fields = this.#body.fill(facts);
    const isPost = method === 'POST';
    const { statusCode, body } = await request(url, {
      method,
      dispatcher: this.#agent,
      headers: { accept: 'application/json', ...(isPost ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(isPost ? { body: JSON.stringify(fields) } : { query: fields }),
    });
    const text = await body.text();
    switch (statusCode) {
      case 200:
        return this.#judgementOf(text, facts);
      case 204:
        return { kind: 'allowed', grant: this.#grantOf({}, facts) };
      case 401:
      case 403:
        return denied(`the server answers ${statusCode}`);
      case 404:
        return IGNORED;
      default:
        throw new SourceFault(`the server answers ${statusCode}`);
    }
  }

  #judgementOf(text: string, facts: ConnectFacts): Judgement {
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch (cause) {
      throw new SourceFault('the answer is no JSON', { cause });
    }
    if (typeof answer !== 'object' || answer === null) throw new SourceFault('the answer is no object');
    switch (Reflect.get(answer, 'result')) {
      case 'allow':
        return { kind: 'allowed', grant: this.#grantOf(answer, facts) };
      case 'deny':
        return denied('the server denies it');
      case 'ignore':
        return IGNORED;
      default:
        throw new SourceFault('result of the answer is none of allow, deny and ignore');
    }
  }

  #grantOf(answer: object, { userName }: ConnectFacts): Grant {
    const user: unknown = Reflect.get(answer, 'username');
    const rules: unknown = Reflect.get(answer, 'acl') ?? null;
    const expireAt: unknown = Reflect.get(answer, 'expire_at') ?? 0;
    if (typeof expireAt !== 'number' || !(expireAt >= 0)) throw new SourceFault('expire_at of the answer is no time');
    const expiresAtMs = Math.floor(expireAt * MS_PER_SECOND);
    if (expiresAtMs > 0 && expiresAtMs <= this.#clock.nowMs()) throw new SourceFault('expire_at of the answer is over');
    return {
      user: typeof user === 'string' && user !== '' ? user : (userName ?? ''),
      isSuperuser: isTrue(Reflect.get(answer, 'is_superuser')),
      rules: rules === null ? null : rulesOfClaim(rules),
      expiresAtMs,
      stamp: '',
    };
  }
}
