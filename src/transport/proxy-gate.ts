import { BlockList, isIPv6, type Socket } from 'node:net';
import type { PeerAddress } from './ports.js';
import { PROXY_HEADER_BYTES_MAX, type ProxyVersions, parseProxyHeader } from './proxy-protocol.js';
import type { SocketDeadlines } from './socket-deadlines.js';

/** A header is there at once, or it was lost. */
const HEADER_MS_MAX = 5000;

export interface ProxyGateOptions {
  readonly versions: ProxyVersions;
  /** Addresses and networks of proxies; null: of a unix socket, whose mode says who may connect. */
  readonly trusted: readonly string[] | null;
}

export interface ProxyCounters {
  headers: number;
  /** From an address that is no proxy's. */
  strangers: number;
  badHeaders: number;
}

/** The headers of one listener's connections on one shard: each is read and taken away before anything else sees the socket. */
export class ProxyGate {
  readonly counters: ProxyCounters = { headers: 0, strangers: 0, badHeaders: 0 };
  readonly #versions: ProxyVersions;
  readonly #isOpen: boolean;
  readonly #trusted: BlockList = new BlockList();
  readonly #deadlines: SocketDeadlines;

  constructor({ versions, trusted }: ProxyGateOptions, deadlines: SocketDeadlines) {
    this.#versions = versions;
    this.#deadlines = deadlines;
    this.#isOpen = trusted === null;
    for (const network of trusted ?? []) {
      const [address, bits] = network.split('/');
      this.#trusted.addSubnet(address, bits === undefined ? (isIPv6(address) ? 128 : 32) : Number(bits), familyOf(address));
    }
  }

  /**
   * `onHeader` when the header was read, with what follows it still in the socket: whom the proxy speaks for, or null if it speaks for
   * itself. A socket whose header is not good, or late, is destroyed.
   */
  accept(socket: Socket, nowMs: number, onHeader: (source: PeerAddress | null) => void): void {
    if (!this.#isTrusted(socket)) {
      this.counters.strangers += 1;
      socket.destroy();
      return;
    }
    this.#deadlines.set(socket, nowMs + HEADER_MS_MAX);
    let seen: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      const chunk: unknown = socket.read();
      if (!Buffer.isBuffer(chunk)) return;
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const header = parseProxyHeader(seen.subarray(0, PROXY_HEADER_BYTES_MAX), this.#versions);
      if (header === 'more') return;
      socket.off('readable', onReadable);
      if ('fault' in header) {
        this.counters.badHeaders += 1;
        socket.destroy();
        return;
      }
      this.counters.headers += 1;
      this.#deadlines.clear(socket);
      if (seen.length > header.length) socket.unshift(seen.subarray(header.length));
      onHeader(header.source);
    };
    socket.on('readable', onReadable);
  }

  #isTrusted({ remoteAddress, remoteFamily }: Socket): boolean {
    if (this.#isOpen) return true;
    return remoteAddress !== undefined && this.#trusted.check(remoteAddress, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4');
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
