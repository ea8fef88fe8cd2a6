import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { assert } from '../../src/base/assert.js';
import { type Carried, CarriedConnections, type CarrierSocket, NOBODY } from '../../src/transport/carried-connections.js';
import type { ConnectionId, ConnectionOptions, Transport } from '../../src/transport/ports.js';
import { StreamCarrier } from '../../src/transport/stream-carrier.js';
import type { CarrierChoice, Endpoint } from './load-plan.js';
import { WebSocketCarrier } from './websocket-carrier.js';

/** How long a socket that was told to end may take. */
const END_MS_MAX = 1_000;

export interface CarriedClientEvents {
  /** MQTT may begin. Comes outside a turn of the transport. */
  onReady(connection: ConnectionId): void;
  /** It did not get so far; a `closed` row follows. */
  onUnreachable(connection: ConnectionId, reason: string): void;
}

/** A carrier that begins to read once it knows its connection. */
interface ClientCarrier extends CarrierSocket {
  start(carried: Carried): void;
}

/**
 * Clients whose bytes TLS or WebSocket carry: virtual connections of the load thread's transport, so that frames are built, cut and
 * counted as those of plain TCP are. What a turn has for one connection is one `write` of its socket.
 */
export class CarriedClients {
  readonly #connections: CarriedConnections;
  readonly #events: CarriedClientEvents;
  #opened: ConnectionId = -1; // What `attach` opened last.
  #secureContext: SecureContext | null = null;

  constructor(transport: Transport, options: ConnectionOptions, events: CarriedClientEvents) {
    this.#events = events;
    this.#connections = new CarriedConnections(transport, options, (connection) => {
      this.#opened = connection;
    });
  }

  /** @returns -1 if there is no number left. */
  open(endpoint: Endpoint, choice: CarrierChoice, localAddress: string): ConnectionId {
    const isSecure = choice.scheme !== 'ws';
    const socket = this.#dial(endpoint, choice, localAddress, isSecure);
    const webSocket = choice.scheme === 'mqtts' ? null : new WebSocketCarrier(socket, `${choice.hostName}:${endpoint.port}`, choice.path);
    const carrier: ClientCarrier = webSocket ?? new StreamCarrier(socket, () => NOBODY, destroyLater);
    const carried = this.#connections.attach(carrier);
    if (carried === null) {
      socket.destroy();
      return -1;
    }
    const connection = this.#opened;
    assert(connection >= 0, 'attach tells which connection it opened');
    const onReady = (): void => this.#events.onReady(connection);
    const onUnreachable = (reason: string): void => this.#events.onUnreachable(connection, reason);
    // Before the carrier's own listeners: the reason is told before the end.
    socket.on('error', (error) => onUnreachable('code' in error ? `${error.code}` : error.message));
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      if (webSocket === null) onReady();
      else webSocket.upgrade(onReady, onUnreachable);
    });
    carrier.start(carried);
    return connection;
  }

  #dial({ host, port }: Endpoint, choice: CarrierChoice, localAddress: string, isSecure: boolean): Socket {
    const local = localAddress === '' ? {} : { localAddress };
    if (!isSecure) return connectTcp({ host, port, noDelay: true, ...local });
    this.#secureContext ??= createSecureContext(choice.ca === null ? {} : { ca: choice.ca });
    const serverName = isIP(choice.hostName) === 0 ? { servername: choice.hostName } : {}; // RFC 6066 §3: not for addresses.
    const secureContext = this.#secureContext;
    const socket = connectTls({ host, port, secureContext, rejectUnauthorized: !choice.isInsecure, ...serverName, ...local });
    return socket.setNoDelay(true);
  }
}

function destroyLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), END_MS_MAX);
  socket.once('close', () => clearTimeout(timer));
}
