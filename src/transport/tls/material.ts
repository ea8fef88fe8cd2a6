import { constants } from 'node:crypto';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext, type SecureContextOptions } from 'node:tls';
import { BrokerError } from '../../base/errors.js';

export type TlsVersion = '1.2' | '1.3';

/** A certificate with its chain, and its private key: PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What the files of a TLS listener hold. It crosses from main, which reads files, to the shards, which shake hands. */
export interface TlsMaterial extends KeyPair {
  /** PEM; empty: no certificates of clients are asked for. */
  readonly ca: string;
  /** PEM, one list of revoked certificates for each authority; empty: nothing is revoked. */
  readonly crl: string;
  /** By name in lower case; `*.example` stands for one label. */
  readonly byServerName: readonly (KeyPair & { readonly host: string })[];
  /** Keys of clients that show no certificate, by their identity. Empty: TLS with pre-shared keys is not offered. */
  readonly preSharedKeys: ReadonlyMap<string, Uint8Array>;
  /** 48 random bytes, the same on every shard: a client that comes back resumes on any of them. New with every change of the files. */
  readonly ticketKeys: Uint8Array;
}

/** What the settings say of a TLS listener. */
export interface TlsRules {
  readonly verify: 'none' | 'optional' | 'required';
  readonly versionMin: TlsVersion;
  readonly versionMax: TlsVersion;
  /** OpenSSL's notation; empty: Node's choice. */
  readonly ciphers: string;
}

/** Before Node's own first, of 256 bits: 128 are enough, and a message of QoS 0 takes a seventh less of the broker (bench/README.md). */
const CIPHER_FIRST = 'TLS_AES_128_GCM_SHA256';
/**
 * Offered when there are pre-shared keys and nobody chose: before the others, as a client that has a key offers those as well, and would not be
 * asked for its key. In TLS 1.3 a key goes with the first of these alone.
 */
const PSK_CIPHERS =
  'ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES256-GCM-SHA384:DHE-PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:PSK-AES128-GCM-SHA256';

/**
 * Options of a context, for `setSecureContext` and `createSecureContext`.
 *
 * Renegotiation is off: TLS 1.2 clients could make us work by it. A session that began with a pre-shared key is not resumed, because
 * a resumed one would not say whose it is.
 */
export function contextOptionsOf(
  material: TlsMaterial,
  rules: TlsRules,
  { cert, key }: KeyPair = material,
): SecureContextOptions & { ticketKeys: Buffer } {
  const hasKeys = material.preSharedKeys.size > 0;
  const ciphers = hasKeys ? `${CIPHER_FIRST}:${PSK_CIPHERS}:${DEFAULT_CIPHERS.replace(':!PSK', '')}` : `${CIPHER_FIRST}:${DEFAULT_CIPHERS}`;
  return {
    cert,
    key,
    ...(rules.verify === 'none' ? {} : { ca: material.ca, ...(material.crl === '' ? {} : { crl: material.crl }) }),
    minVersion: `TLSv${rules.versionMin}`,
    maxVersion: `TLSv${rules.versionMax}`,
    ciphers: rules.ciphers === '' ? ciphers : rules.ciphers,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (hasKeys ? constants.SSL_OP_NO_TICKET : 0),
    sessionIdContext: 'robustmq',
    ticketKeys: Buffer.from(material.ticketKeys),
  };
}

/** Contexts by server name, exact or with a wildcard for its first label. */
export class ServerNames {
  readonly #contexts: ReadonlyMap<string, SecureContext>;

  constructor(material: TlsMaterial, rules: TlsRules) {
    this.#contexts = new Map(
      material.byServerName.map((pair) => [pair.host.toLowerCase(), createSecureContext(contextOptionsOf(material, rules, pair))]),
    );
  }

  /** Undefined: the listener's own. */
  contextOf(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase();
    const exact = this.#contexts.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf('.');
    return dot < 0 ? undefined : this.#contexts.get(`*${name.slice(dot)}`);
  }
}

/** Everything that OpenSSL can say of the files before a client comes. @throws BrokerError RMQ-1038. */
export function checkMaterial(material: TlsMaterial, rules: TlsRules): void {
  try {
    createSecureContext(contextOptionsOf(material, rules));
    new ServerNames(material, rules).contextOf('');
  } catch (error) {
    throw new BrokerError('RMQ-1038', `(${error instanceof Error ? error.message : String(error)})`, { cause: error });
  }
}
