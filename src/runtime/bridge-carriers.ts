import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../base/clock.js';
import type { Carrier, WireClient } from '../connectors/mqtt/wire-client.js';
import type { BridgeSettings } from '../settings/bridge-schema.js';
import { CLOSE, type ConnectionId, type ConnectionOptions, type Transport, type VirtualSink } from '../transport/ports.js';

/* The two ways of a bridge: a socket to the other broker, and a connection without one to this. */

/** Output that waits for the socket from which on nothing more is taken for it. */
const SOCKET_BYTES_HIGH: number = 2 ** 20;
const PORT_PLAIN = 1883;
const PORT_TLS = 8883;

/** A connection to the other broker. Whatever is wrong with it is told to the client. */
export function openSocket(settings: BridgeSettings, client: WireClient, clock: Clock): Carrier {
  const { protocol, hostname, port } = new URL(settings.url);
  const isTls = protocol === 'mqtts:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const target = { host, port: port === '' ? (isTls ? PORT_TLS : PORT_PLAIN) : Number(port) };
  let socket: Socket;
  try {
    socket = isTls ? connectTls({ ...target, ...tlsOptions(settings, host) }) : connect(target);
  } catch (error) {
    queueMicrotask(() => client.onGone(describe(error))); // A file that cannot be read: the client hears it as any other fault.
    return NOWHERE;
  }
  socket.setNoDelay(true);
  socket.on('data', (bytes) => client.take(bytes, clock.monotonicMs()));
  socket.on('drain', () => client.onDrained());
  socket.on('error', (error) => client.onGone(describe(error)));
  socket.on('close', () => client.onGone('the connection is closed'));
  return {
    write: (bytes) => socket.write(bytes) || socket.writableLength < SOCKET_BYTES_HIGH,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.destroySoon(),
  };
}

function tlsOptions({ ca, cert, key, verify }: BridgeSettings, host: string): object {
  return {
    ...(ca === '' ? {} : { ca: readFileSync(ca) }),
    ...(cert === '' ? {} : { cert: readFileSync(cert) }),
    ...(key === '' ? {} : { key: readFileSync(key) }),
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    rejectUnauthorized: verify,
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const NOWHERE: Carrier = { write: () => true, pause: () => {}, resume: () => {}, close: () => {} };

/** A connection of this node to itself: a client like any other, that needs no socket. */
export class LocalCarrier implements Carrier, VirtualSink {
  readonly connection: ConnectionId;
  readonly #transport: Transport;
  readonly #client: WireClient;
  readonly #clock: Clock;
  /** From the broker, until the turn is over in which it came. */
  #received: Buffer[] = [];
  #isScheduled = false;
  #unacknowledged = 0;
  #isPaused = false;
  /** For the broker, while it takes no more. */
  #backlog: Uint8Array[] = [];
  #isFull = false;
  #isClosed = false;

  constructor(transport: Transport, options: ConnectionOptions, client: WireClient, clock: Clock) {
    this.#transport = transport;
    this.#client = client;
    this.#clock = clock;
    this.connection = transport.openVirtual(options, this);
    if (this.connection < 0) {
      this.#isClosed = true;
      queueMicrotask(() => client.onGone('there are too many connections'));
    }
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed) return true;
    if (this.#isFull) this.#backlog.push(bytes);
    else this.#isFull = !this.#transport.pushVirtual(this.connection, bytes);
    return !this.#isFull;
  }

  /** What is not acknowledged counts as output of the connection: the broker's own limits hold it back. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#acknowledge();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#transport.closeVirtual(this.connection, CLOSE.byPeer);
  }

  // From the transport.

  onOutput(_connection: ConnectionId, bytes: Uint8Array): void {
    this.#received.push(Buffer.from(bytes));
    this.#unacknowledged += bytes.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#deliver());
  }

  onReadable(): void {
    this.#isFull = false;
    while (!this.#isFull) {
      const bytes = this.#backlog.shift();
      if (bytes === undefined) break;
      this.#isFull = !this.#transport.pushVirtual(this.connection, bytes);
    }
    if (!this.#isFull) this.#client.onDrained();
  }

  onClose(): void {
    if (this.#isClosed) return;
    // What it said last is heard first.
    setImmediate(() => {
      this.#deliver();
      this.#isClosed = true;
      this.#client.onGone('the connection is closed');
    });
  }

  #deliver(): void {
    this.#isScheduled = false;
    const received = this.#received;
    this.#received = [];
    for (const bytes of received) this.#client.take(bytes, this.#clock.monotonicMs());
    if (!this.#isPaused) this.#acknowledge();
  }

  #acknowledge(): void {
    const bytes = this.#unacknowledged;
    this.#unacknowledged = 0;
    if (bytes > 0 && !this.#isClosed) this.#transport.acknowledgeOutput(this.connection, bytes);
  }
}
