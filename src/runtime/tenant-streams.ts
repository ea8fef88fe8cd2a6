import { describeError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import { METER, METERS_COUNT, type TenantLimits } from '../broker/quotas/ports.js';
import { CATCH_ALL, type StreamDefinition } from '../broker/streams/definition.js';
import type { Command } from '../metadata/catalogue/commands.js';
import { NO_QUOTAS, TENANT_DEFAULT, type TenantQuotas } from '../metadata/catalogue/resources.js';
import type { TenantFacts } from '../protocols/mqtt/tenant-space.js';
import type { Propose } from './stream-catalogue.js';
import type { ThreadCatalogue } from './thread-catalogue.js';

/**
 * Sees to it that each tenant has a catch-all stream like that of the default tenant: what its clients publish goes there, and shards know the
 * tenant by the stream's number. On the main thread of every node; whoever comes second is refused, which is well.
 */
export class TenantStreams {
  readonly #catalogue: ThreadCatalogue;
  readonly #propose: Propose;
  readonly #log: Logger;
  #isAsking = false;

  constructor(catalogue: ThreadCatalogue, propose: Propose, log: Logger) {
    this.#catalogue = catalogue;
    this.#propose = propose;
    this.#log = log;
    catalogue.onTenants = () => void this.look();
  }

  /** Once when the node serves, and then for each change of a tenant. */
  async look(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      for (let commands = this.#missing(); commands.length > 0; ) {
        const outcomes = await this.#propose(commands);
        const next = this.#missing();
        // What is refused now would be refused again.
        if (outcomes.every(({ isOk }) => !isOk) && next.length >= commands.length) break;
        commands = next;
      }
    } catch (error) {
      this.#log.warn('tenant.without-stream', 'a tenant has no stream yet: its clients are not let in', { error: describeError(error) });
    } finally {
      this.#isAsking = false;
    }
  }

  #missing(): readonly Command[] {
    const pattern = this.#catalogue.find(CATCH_ALL);
    if (pattern === undefined) return [];
    const numbers = tenantNumbers(this.#catalogue.streams);
    const { id: _id, ...wish } = pattern;
    return this.#catalogue.tenants
      .filter((tenant) => tenant !== TENANT_DEFAULT && !numbers.has(tenant))
      .map((tenant): Command => ({ kind: 'create-stream', stream: { ...wish, tenant, filters: [], origin: 'system' } }));
  }
}

/** The number of each tenant that has its catch-all stream. */
function tenantNumbers(streams: readonly StreamDefinition[]): ReadonlyMap<string, number> {
  return new Map(streams.filter(({ name }) => name === CATCH_ALL).map(({ tenant, id }) => [tenant, id]));
}

/** The tenants whose clients are let in. */
export function tenantFacts(catalogue: ThreadCatalogue): ReadonlyMap<string, TenantFacts> {
  const facts = new Map<string, TenantFacts>();
  for (const [tenant, number] of tenantNumbers(catalogue.streams))
    facts.set(tenant, { number, limits: limitsOf(catalogue.reader.get('tenant', { name: tenant })?.quotas ?? NO_QUOTAS) });
  return facts;
}

function limitsOf(quotas: TenantQuotas): TenantLimits | null {
  const { connections, messagesPerSecond, bytesPerSecond, sessions, subscriptions, storageBytes } = quotas;
  if ([connections, messagesPerSecond, bytesPerSecond, sessions, subscriptions, storageBytes].every((limit) => limit === 0)) return null;
  const rates = new Array<number>(METERS_COUNT).fill(0);
  rates[METER.messagesIn] = messagesPerSecond;
  rates[METER.bytesIn] = bytesPerSecond;
  return { connections, rates, sessions, subscriptions, storageBytes };
}
