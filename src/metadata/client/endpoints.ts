import { type ChannelCredentials, Client, credentials, Metadata } from '@grpc/grpc-js';
import { assert } from '../../base/assert.js';

/** Of an answer: a page has some MiB at most. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 1000;
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_ANSWER_MS = 5000;

export interface ClientTls {
  readonly ca: Buffer;
  /** null: the node asks for none. */
  readonly own: { readonly cert: Buffer; readonly key: Buffer } | null;
}

/** The nodes that a client knows, one of which it uses until that fails. Connections are made when they are needed. */
export class Endpoints {
  readonly #addresses: readonly string[];
  readonly #credentials: ChannelCredentials;
  readonly #clients = new Map<string, Client>();
  #at = 0;

  /** @param addresses host:port of each. */
  constructor(addresses: readonly string[], tls: ClientTls | null) {
    assert(addresses.length > 0, 'a client knows at least one address');
    this.#addresses = addresses;
    this.#credentials =
      tls === null ? credentials.createInsecure() : credentials.createSsl(tls.ca, tls.own?.key ?? null, tls.own?.cert ?? null);
  }

  get count(): number {
    return this.#addresses.length;
  }

  /** The one in use. */
  get current(): Client {
    const address = this.#addresses[this.#at];
    const known = this.#clients.get(address);
    if (known !== undefined) return known;
    const client = new Client(address, this.#credentials, {
      'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0, // What may be repeated is known here, and where.
    });
    this.#clients.set(address, client);
    return client;
  }

  /** @param failed the one that is of no use now. Somebody else may have gone on already. */
  leave(failed: Client): void {
    if (this.#clients.get(this.#addresses[this.#at]) === failed) this.#at = (this.#at + 1) % this.#addresses.length;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}

export function metadataOf(token: string): Metadata {
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}
