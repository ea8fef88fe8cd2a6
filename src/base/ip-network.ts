import { isIPv4, isIPv6 } from 'node:net';

/*
  Addresses and networks of both families as numbers:

    10.1.2.3            family 4, [0x0a010203]
    2001:db8::1         family 6, [0x20010db8, 0, 0, 1]
    ::ffff:10.1.2.3     is 10.1.2.3: how a socket of both families shows a client of IPv4
    fe80::1%eth0        the zone says nothing about who it is

  A network of IPv6, however large, holds no address of IPv4: who writes ::/0 means IPv6.
*/

export interface IpAddress {
  readonly family: 4 | 6;
  /** One word of 32 bits, unsigned, or four. */
  readonly words: readonly number[];
}

export interface IpNetwork extends IpAddress {
  /** Leading bits that count: 32 or 128 for a single address. */
  readonly bits: number;
}

const MAPPED_WORD = 0xffff;
const MAPPED_BITS = 96;

/** Null if the text is none. */
export function parseAddress(text: string): IpAddress | null {
  if (isIPv4(text)) return { family: 4, words: [wordOfIPv4(text)] };
  const zone = text.indexOf('%');
  const plain = zone < 0 ? text : text.slice(0, zone);
  if (!isIPv6(plain)) return null;
  const words = wordsOfIPv6(plain);
  return isMapped(words) ? { family: 4, words: [words[3]] } : { family: 6, words };
}

/** An address, or one with the number of its leading bits that count: 10.0.0.0/8. Null if the text is neither. */
export function parseNetwork(text: string): IpNetwork | null {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const bitsMax = address.words.length * 32;
  if (slash < 0) return { ...address, bits: bitsMax };
  const written = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(written)) return null;
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const bits = address.family === 4 && text.includes(':') ? Number(written) - MAPPED_BITS : Number(written);
  if (bits < 0 || bits > bitsMax) return null;
  return { family: address.family, words: address.words.map((word, index) => maskedWord(word, bits - index * 32)), bits };
}

/** Null is neither a network nor an address of one. */
export function containsAddress(network: IpNetwork | null, address: IpAddress | null): boolean {
  if (network === null || address === null || network.family !== address.family) return false;
  return network.words.every((word, index) => word === maskedWord(address.words[index], network.bits - index * 32));
}

/** A text that is the same for all addresses of the network, and for no other network. */
export function networkKey({ family, words }: IpAddress, bits: number): string {
  if (family === 4) return `${bits}/${maskedWord(words[0], bits)}`;
  let key = `${bits}`;
  for (let index = 0; index < words.length; index += 1) key += `:${maskedWord(words[index], bits - index * 32)}`;
  return key;
}

/** The leading `bits` of a word; those that are left for it may be none, or more than it has. */
function maskedWord(word: number, bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? word : (word & (-1 << (32 - bits))) >>> 0;
}

function wordOfIPv4(text: string): number {
  return text.split('.').reduce((word, part) => word * 256 + Number(part), 0);
}

/** Of text that is an address: at most one `::`, perhaps dotted at its end. */
function wordsOfIPv6(text: string): readonly number[] {
  const dotted = text.includes('.') ? text.lastIndexOf(':') + 1 : -1;
  const tail = dotted < 0 ? [] : halvesOf(wordOfIPv4(text.slice(dotted)));
  const [before, after] = (dotted < 0 ? text : text.slice(0, dotted)).split('::');
  const front = groupsOf(before);
  const back = [...groupsOf(after ?? ''), ...tail];
  const groups = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return [0, 2, 4, 6].map((index) => groups[index] * 0x1_0000 + groups[index + 1]);
}

function groupsOf(text: string): readonly number[] {
  return text
    .split(':')
    .filter((group) => group !== '')
    .map((group) => Number.parseInt(group, 16));
}

function halvesOf(word: number): readonly number[] {
  return [word >>> 16, word & 0xffff];
}

function isMapped(words: readonly number[]): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED_WORD;
}
