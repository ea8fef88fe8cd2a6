import { isIPv4, isIPv6 } from 'node:net';
import type { PeerAddress } from './ports.js';

/*
  The header by which a proxy says whom it speaks for, before anything else (HAProxy, "The PROXY protocol", versions 1 and 2):

    v1   PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n      TCP4, TCP6, or UNKNOWN and whatever follows
    v2   \r\n\r\n\0\r\nQUIT\n | 0x2 command | family, transport | length:u16 | addresses | what is passed over
*/

export type ProxyVersions = 'v1' | 'v2' | 'any';

export type ProxyHeader =
  /** More bytes are needed. */
  | 'more'
  /** `source` null: the proxy speaks for itself, or does not know. */
  | { readonly length: number; readonly source: PeerAddress | null }
  | { readonly fault: string };

/** With its line end. */
const V1_BYTES_MAX = 107;
const V1_START = Buffer.from('PROXY ');
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEAD_BYTES = 16;
/** Addresses and what else a proxy may tell: longer ones are refused. */
const V2_BODY_BYTES_MAX = 4096;
/** No header is longer. */
export const PROXY_HEADER_BYTES_MAX: number = V2_HEAD_BYTES + V2_BODY_BYTES_MAX;

const COMMAND_LOCAL = 0x20;
const COMMAND_PROXY = 0x21;
const STREAM_IPV4 = 0x11;
const STREAM_IPV6 = 0x21;
const V4_BYTES = 12;
const V6_BYTES = 36;

/** Looks at the first bytes of a connection. */
export function parseProxyHeader(bytes: Uint8Array, versions: ProxyVersions): ProxyHeader {
  if (bytes.length === 0) return 'more';
  if (versions !== 'v1' && startsAlike(bytes, V2_START)) return parseV2(bytes);
  if (versions !== 'v2' && startsAlike(bytes, V1_START)) return parseV1(bytes);
  return { fault: 'it does not begin with a header of the PROXY protocol' };
}

function startsAlike(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length);
  for (let at = 0; at < length; at += 1) if (bytes[at] !== start[at]) return false;
  return true;
}

function parseV1(bytes: Uint8Array): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf(0x0a);
  if (end < 0) return bytes.length < V1_BYTES_MAX ? 'more' : { fault: 'its line does not end' };
  if (bytes[end - 1] !== 0x0d) return { fault: 'its line does not end with CR LF' };
  const [, family, source, target, sourcePort, targetPort, ...rest] = Buffer.from(bytes.subarray(0, end - 1))
    .toString('latin1')
    .split(' ');
  const length = end + 1;
  if (family === 'UNKNOWN') return { length, source: null };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null;
  if (isAddress === null) return { fault: 'it has no such family' };
  const port = portOf(sourcePort);
  const isGood = rest.length === 0 && isAddress(source ?? '') && isAddress(target ?? '') && port >= 0 && portOf(targetPort) >= 0;
  return isGood ? { length, source: { address: source, port } } : { fault: 'its addresses are not good' };
}

function portOf(text: string | undefined): number {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 0xffff ? Number(text) : -1;
}

function parseV2(bytes: Uint8Array): ProxyHeader {
  if (bytes.length < V2_HEAD_BYTES) return 'more';
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const command = head[12];
  const kind = head[13];
  const body = head.readUInt16BE(14);
  const length = V2_HEAD_BYTES + body;
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return { fault: 'it has no such version or command' };
  if (body > V2_BODY_BYTES_MAX) return { fault: 'it is too long' };
  if (bytes.length < length) return 'more';
  if (command === COMMAND_LOCAL) return { length, source: null };
  const addresses = head.subarray(V2_HEAD_BYTES, length);
  if (kind === STREAM_IPV4) {
    if (addresses.length < V4_BYTES) return { fault: 'its addresses are cut short' };
    return { length, source: { address: addresses.subarray(0, 4).join('.'), port: addresses.readUInt16BE(8) } };
  }
  if (kind === STREAM_IPV6) {
    if (addresses.length < V6_BYTES) return { fault: 'its addresses are cut short' };
    return { length, source: { address: ipv6Text(addresses.subarray(0, 16)), port: addresses.readUInt16BE(32) } };
  }
  return { length, source: null }; // Unix sockets, datagrams, unspecified: nobody that we could name.
}

/** RFC 5952: the longest run of zero groups, of two at least, is left out. IPv4 behind the prefix ::ffff is IPv4. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return bytes.subarray(12).join('.');
  let best = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at += 1) {
    let end = at;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - at > bestLength) {
      best = at;
      bestLength = end - at;
    }
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? text(0, 8) : `${text(0, best)}::${text(best + bestLength, 8)}`;
}
