import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { PeerAddress, PeerCertificate, PeerFacts } from '../ports.js';
import type { SocketDeadlines } from '../socket-deadlines.js';
import { contextOptionsOf, ServerNames, type TlsMaterial, type TlsRules } from './material.js';
import { type IdentityFrom, peerCertificateOf } from './peer-certificate.js';

export interface TlsGateOptions extends TlsRules {
  readonly identityFrom: IdentityFrom;
  /** Handshakes at once. */
  readonly handshakesMax: number;
  /** Sockets that wait for their turn; more are closed. */
  readonly waitingMax: number;
  /** Milliseconds from the accept to the end of the handshake. */
  readonly handshakeTimeoutMs: number;
  /** Empty: whatever the client offers is passed over. */
  readonly alpn: readonly string[];
  /** Pre-shared keys are offered: known before there is material. */
  readonly hasPreSharedKeys: boolean;
}

export interface TlsCounters {
  handshakes: number;
  handshakesFailed: number;
  /** Closed because too many waited. */
  handshakesRefused: number;
}

/** A socket that was accepted. */
interface Arrival {
  readonly socket: Socket;
  /** Who is behind the proxy that connected; null: it is the client itself. */
  readonly proxied: PeerAddress | null;
}

type OnSecure = (socket: TLSSocket, peer: () => PeerFacts) => void;

/**
 * Handshakes of one listener on one shard: sockets in, those that are through it out.
 *
 *   accept --> line (no material yet, or too many at once) --> handshake --> onSecure
 *
 * tls.Server never listens here: it is told of each socket. For each it says once how it went, `secureConnection` or
 * `tlsClientError`. Nothing that its callbacks do may throw: that would end the process (CVE-2026-21637).
 */
export class TlsGate {
  readonly counters: TlsCounters = { handshakes: 0, handshakesFailed: 0, handshakesRefused: 0 };
  readonly #options: TlsGateOptions;
  readonly #deadlines: SocketDeadlines;
  readonly #onSecure: OnSecure;
  readonly #server: Server;
  /** In order; those that closed meanwhile are passed over. */
  #line: Arrival[] = [];
  #inFlight = 0;
  #material: TlsMaterial | null = null;
  #serverNames: ServerNames | null = null;
  /** In their handshake, by what a TLS socket and the one under it have in common: the two addresses. */
  readonly #shaking: Map<string, Arrival> = new Map();
  /** Who named a pre-shared key that we have, until the connection is open. */
  readonly #identities: WeakMap<TLSSocket, string> = new WeakMap();

  constructor(options: TlsGateOptions, deadlines: SocketDeadlines, onSecure: OnSecure) {
    this.#options = options;
    this.#deadlines = deadlines;
    this.#onSecure = onSecure;
    this.#server = createServer({
      requestCert: options.verify !== 'none',
      rejectUnauthorized: options.verify === 'required',
      SNICallback: (serverName, done) => done(null, this.#serverNames?.contextOf(serverName)),
      ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
      ...(options.hasPreSharedKeys ? { pskCallback: (socket: TLSSocket, identity: string) => this.#keyOf(socket, identity) } : {}),
    });
    this.#server.on('secureConnection', (socket) => this.#onHandshake(socket));
    this.#server.on('tlsClientError', (_error, socket) => {
      this.counters.handshakesFailed += 1;
      socket.destroy();
      this.#leave();
    });
  }

  /** Sockets on their way. */
  get waiting(): number {
    return this.#inFlight + this.#line.length;
  }

  /** From now on: handshakes under way end by what they began with. @throws if it is not good; `checkMaterial` looked before. */
  setMaterial(material: TlsMaterial): void {
    const serverNames = new ServerNames(material, this.#options);
    this.#server.setSecureContext(contextOptionsOf(material, this.#options));
    this.#serverNames = serverNames;
    this.#material = material;
    this.#advance();
  }

  /** @param proxied who is behind the proxy that connected; null: it is the client itself. */
  accept(socket: Socket, proxied: PeerAddress | null, nowMs: number): void {
    if (this.#line.length >= this.#options.waitingMax) this.#line = this.#line.filter(({ socket: other }) => !other.destroyed);
    if (this.#line.length >= this.#options.waitingMax) {
      this.counters.handshakesRefused += 1;
      socket.destroy();
      return;
    }
    socket.on('error', () => socket.destroy());
    this.#deadlines.set(socket, nowMs + this.#options.handshakeTimeoutMs);
    this.#line.push({ socket, proxied });
    this.#advance();
  }

  close(): void {
    for (const { socket } of this.#line) socket.destroy();
    this.#line = [];
    this.#server.close();
  }

  #advance(): void {
    if (this.#material === null) return;
    let taken = 0;
    while (taken < this.#line.length && this.#inFlight < this.#options.handshakesMax) {
      const arrival = this.#line[taken];
      const { socket } = arrival;
      taken += 1;
      if (socket.destroyed) continue;
      const key = addressKey(socket);
      this.#shaking.set(key, arrival);
      socket.once('close', () => {
        if (this.#shaking.get(key) === arrival) this.#shaking.delete(key);
      });
      this.#inFlight += 1;
      this.#server.emit('connection', socket);
    }
    if (taken > 0) this.#line.splice(0, taken);
  }

  #leave(): void {
    this.#inFlight -= 1;
    if (this.#line.length > 0) setImmediate(() => this.#advance());
  }

  #onHandshake(socket: TLSSocket): void {
    this.counters.handshakes += 1;
    this.#leave();
    const key = addressKey(socket);
    const arrival = this.#shaking.get(key);
    this.#shaking.delete(key);
    // Optional: no certificate is fine, one that is not good is not. Without an arrival it has gone again.
    const isBad = this.#options.verify === 'optional' && !socket.authorized && socket.getPeerX509Certificate() !== undefined;
    if (arrival === undefined || isBad || (this.#identities.has(socket) && !hasProvenKey(socket))) {
      this.counters.handshakesFailed += 1;
      socket.destroy();
      return;
    }
    this.#deadlines.clear(arrival.socket);
    this.#onSecure(socket, () => this.#factsOf(socket, arrival.proxied));
  }

  #factsOf(socket: TLSSocket, proxied: PeerAddress | null): PeerFacts {
    return {
      address: proxied?.address ?? socket.remoteAddress ?? '',
      port: proxied?.port ?? socket.remotePort ?? 0,
      isEncrypted: true,
      certificate: this.#certificateOf(socket),
      pskIdentity: this.#identities.get(socket) ?? '',
    };
  }

  #certificateOf(socket: TLSSocket): PeerCertificate | null {
    if (this.#options.verify === 'none' || !socket.authorized) return null;
    const certificate = socket.getPeerX509Certificate();
    return certificate === undefined ? null : peerCertificateOf(certificate, this.#options.identityFrom);
  }

  #keyOf(socket: TLSSocket, identity: string): Uint8Array | null {
    const key = this.#material?.preSharedKeys.get(identity) ?? null;
    if (key !== null) this.#identities.set(socket, identity);
    return key;
  }
}

/**
 * Whether the handshake was made with a pre-shared key. That OpenSSL asked for one proves nothing: in TLS 1.3 it goes on with a certificate if the
 * key is of no use with the cipher that was chosen, and a client that only knows a name would have it. Nothing else is resumed here.
 */
function hasProvenKey(socket: TLSSocket): boolean {
  return socket.getProtocol() === 'TLSv1.3' ? socket.isSessionReused() : socket.getCipher().name.includes('PSK');
}

function addressKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
