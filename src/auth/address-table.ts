import { type IpAddress, type IpNetwork, networkKey } from '../base/ip-network.js';

/**
 * Values by network. An address is looked up once for each length of a prefix that occurs, however many networks there are:
 *
 *   10.0.0.0/8  10.1.0.0/16  10.2.0.0/16   --> lengths 8 and 16: two look-ups
 */
export class AddressTable<V> {
  /** By family, then by the number of leading bits, then by key. */
  readonly #families = { 4: new Map<number, Map<string, V>>(), 6: new Map<number, Map<string, V>>() } as const;

  get(network: IpNetwork): V | undefined {
    return this.#families[network.family].get(network.bits)?.get(networkKey(network, network.bits));
  }

  set(network: IpNetwork, value: V): void {
    const family = this.#families[network.family];
    let ofLength = family.get(network.bits);
    if (ofLength === undefined) {
      ofLength = new Map();
      family.set(network.bits, ofLength);
    }
    ofLength.set(networkKey(network, network.bits), value);
  }

  delete(network: IpNetwork): void {
    const family = this.#families[network.family];
    const ofLength = family.get(network.bits);
    if (ofLength?.delete(networkKey(network, network.bits)) === true && ofLength.size === 0) family.delete(network.bits);
  }

  /** Calls `visit` for the value of each network that holds the address, until it returns true. */
  find(address: IpAddress, visit: (value: V) => boolean): void {
    for (const [bits, ofLength] of this.#families[address.family]) {
      const value = ofLength.get(networkKey(address, bits));
      if (value !== undefined && visit(value)) return;
    }
  }
}
