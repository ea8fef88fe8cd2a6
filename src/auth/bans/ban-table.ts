import { parseAddress, parseNetwork } from '../../base/ip-network.js';
import { AddressTable } from '../address-table.js';
import type { BanBook, BanVerdict } from '../ports.js';
import { PatternTable } from './pattern-table.js';

/** As a record of the catalogue has it. */
export interface Ban extends BanVerdict {
  readonly tenant: string;
  readonly kind: 'client' | 'user' | 'address' | 'client-pattern' | 'user-pattern';
  readonly value: string;
}

/** Which ban it is: there is one of a kind for a value. */
export type BanKey = Pick<Ban, 'tenant' | 'kind' | 'value'>;

interface TenantBans {
  readonly clients: Map<string, Ban>;
  readonly users: Map<string, Ban>;
  /** Several texts may mean one network. */
  readonly networks: AddressTable<Set<Ban>>;
  readonly clientPatterns: PatternTable<Ban>;
  readonly userPatterns: PatternTable<Ban>;
  count: number;
}

/**
 * The bans of all tenants. Whoever follows the catalogue puts and deletes them, and says `commit` when those of a batch are made. A connect costs a
 * few look-ups, however many there are. A ban that is over is as good as none, whether or not somebody deletes it.
 */
export class BanTable implements BanBook {
  onAdded: () => void = () => {};
  readonly #tenants = new Map<string, TenantBans>();
  /** What is put now, to know which are new. */
  readonly #keys = new Map<string, Ban>();
  #hasNew = false;

  get size(): number {
    return this.#keys.size;
  }

  put(ban: Ban): void {
    const key = keyOf(ban);
    const before = this.#keys.get(key);
    if (before !== undefined) this.#remove(before);
    this.#keys.set(key, ban);
    this.#add(ban);
    this.#hasNew = true;
  }

  delete(key: BanKey): void {
    const ban = this.#keys.get(keyOf(key));
    if (ban === undefined) return;
    this.#keys.delete(keyOf(key));
    this.#remove(ban);
  }

  /** Forgets all, because all of them come anew. */
  clear(): void {
    this.#keys.clear();
    this.#tenants.clear();
  }

  /** What was put since the last time keeps out who is there. */
  commit(): void {
    if (!this.#hasNew) return;
    this.#hasNew = false;
    this.onAdded();
  }

  banOf(tenant: string, clientId: string, user: string, address: string, nowMs: number): BanVerdict | null {
    const bans = this.#tenants.get(tenant);
    if (bans === undefined) return null;
    let found: Ban | null = null;
    const take = (ban: Ban | undefined): boolean => {
      if (ban !== undefined && (ban.untilMs === 0 || ban.untilMs > nowMs)) found = ban;
      return found !== null;
    };
    if (clientId !== '') {
      if (take(bans.clients.get(clientId))) return found;
      bans.clientPatterns.find(clientId, take);
      if (found !== null) return found;
    }
    if (user !== '') {
      if (take(bans.users.get(user))) return found;
      bans.userPatterns.find(user, take);
      if (found !== null) return found;
    }
    const parsed = address === '' ? null : parseAddress(address);
    if (parsed !== null) bans.networks.find(parsed, (ofNetwork) => [...ofNetwork].some(take));
    return found;
  }

  #add(ban: Ban): void {
    let bans = this.#tenants.get(ban.tenant);
    if (bans === undefined) {
      bans = emptyBans();
      this.#tenants.set(ban.tenant, bans);
    }
    bans.count += 1;
    switch (ban.kind) {
      case 'client':
        bans.clients.set(ban.value, ban);
        return;
      case 'user':
        bans.users.set(ban.value, ban);
        return;
      case 'client-pattern':
        bans.clientPatterns.set(ban.value, ban);
        return;
      case 'user-pattern':
        bans.userPatterns.set(ban.value, ban);
        return;
      case 'address':
        addToNetwork(bans.networks, ban);
    }
  }

  #remove(ban: Ban): void {
    const bans = this.#tenants.get(ban.tenant);
    if (bans === undefined) return;
    bans.count -= 1;
    if (bans.count === 0) this.#tenants.delete(ban.tenant);
    switch (ban.kind) {
      case 'client':
        bans.clients.delete(ban.value);
        return;
      case 'user':
        bans.users.delete(ban.value);
        return;
      case 'client-pattern':
        bans.clientPatterns.delete(ban.value);
        return;
      case 'user-pattern':
        bans.userPatterns.delete(ban.value);
        return;
      case 'address':
        removeFromNetwork(bans.networks, ban);
    }
  }
}

/** The catalogue takes no text that is no network. */
function addToNetwork(networks: AddressTable<Set<Ban>>, ban: Ban): void {
  const network = parseNetwork(ban.value);
  if (network === null) return;
  const known = networks.get(network);
  if (known === undefined) networks.set(network, new Set([ban]));
  else known.add(ban);
}

function removeFromNetwork(networks: AddressTable<Set<Ban>>, ban: Ban): void {
  const network = parseNetwork(ban.value);
  const known = network === null ? undefined : networks.get(network);
  if (network === null || known === undefined) return;
  known.delete(ban);
  if (known.size === 0) networks.delete(network);
}

function emptyBans(): TenantBans {
  return {
    clients: new Map(),
    users: new Map(),
    networks: new AddressTable(),
    clientPatterns: new PatternTable(),
    userPatterns: new PatternTable(),
    count: 0,
  };
}

function keyOf({ tenant, kind, value }: BanKey): string {
  return `${tenant}\0${kind}\0${value}`;
}
