import { containsAddress, type IpNetwork, parseAddress, parseNetwork } from '../../base/ip-network.js';
import { AddressTable } from '../address-table.js';
import type { AccessRule, Identity } from '../ports.js';
import { type ParsedRule, parseRule } from './parsed-rule.js';

type Bucket = Map<string, ParsedRule>;

/** Where the rules of one principal are. */
interface Place {
  readonly bucket: Bucket;
  /** The bucket has become empty: it goes. */
  readonly close: () => void;
}

/**
 * The rules of one tenant, parsed once, by principal: a client's are found without looking at those of others. `select` costs what it finds.
 * A rule whose address is none concerns nobody.
 */
export class RuleSet {
  readonly #places = new Map<string, Place>();
  readonly #any: Bucket = new Map();
  readonly #users = new Map<string, Bucket>();
  readonly #clients = new Map<string, Bucket>();
  readonly #networks = new AddressTable<Bucket>();

  get size(): number {
    return this.#places.size;
  }

  put(name: string, rule: AccessRule): void {
    this.delete(name);
    const place = this.#placeOf(rule.principal);
    place.bucket.set(name, parseRule(name, rule));
    this.#places.set(name, place);
  }

  delete(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#places.delete(name);
    place.bucket.delete(name);
    if (place.bucket.size === 0) place.close();
  }

  /** Adds to `found` the rules that are about the client, in no order. */
  select({ user, clientId, address }: Identity, found: ParsedRule[]): void {
    take(this.#any, found);
    take(this.#users.get(user), found);
    take(this.#clients.get(clientId), found);
    const parsed = address === '' ? null : parseAddress(address);
    if (parsed === null) return;
    this.#networks.find(parsed, (bucket) => {
      take(bucket, found);
      return false;
    });
  }

  #placeOf({ kind, value }: AccessRule['principal']): Place {
    switch (kind) {
      case 'any':
        return { bucket: this.#any, close: () => {} };
      case 'user':
        return { bucket: bucketOf(this.#users, value), close: () => this.#users.delete(value) };
      case 'client':
        return { bucket: bucketOf(this.#clients, value), close: () => this.#clients.delete(value) };
      case 'address': {
        const network = parseNetwork(value);
        if (network === null) return { bucket: new Map(), close: () => {} };
        return { bucket: this.#bucketOfNetwork(network), close: () => this.#networks.delete(network) };
      }
    }
  }

  #bucketOfNetwork(network: IpNetwork): Bucket {
    const known = this.#networks.get(network);
    if (known !== undefined) return known;
    const bucket: Bucket = new Map();
    this.#networks.set(network, bucket);
    return bucket;
  }
}

function bucketOf(buckets: Map<string, Bucket>, value: string): Bucket {
  const known = buckets.get(value);
  if (known !== undefined) return known;
  const bucket: Bucket = new Map();
  buckets.set(value, bucket);
  return bucket;
}

function take(bucket: Bucket | undefined, found: ParsedRule[]): void {
  if (bucket !== undefined) for (const rule of bucket.values()) found.push(rule);
}

/** Whether a rule with this principal is about the client. */
export function concerns({ kind, value }: AccessRule['principal'], { user, clientId, address }: Identity): boolean {
  switch (kind) {
    case 'any':
      return true;
    case 'user':
      return value === user;
    case 'client':
      return value === clientId;
    case 'address':
      return containsAddress(parseNetwork(value), parseAddress(address));
  }
}
