import { assert } from '../../base/assert.js';
import { BrokerError } from '../../base/errors.js';
import { type Carried, type CarrierEnd, type CarrierSocket, NOBODY } from '../carried-connections.js';
import { CLOSE, type PeerFacts } from '../ports.js';
import { chooseSubProtocol, closeFrameOf, type OnWebSocket, WS_CLOSE, type WsEngine, type WsEngineOptions } from './engine.js';
import type { UwsApp, UwsModule, UwsResponse, UwsSocket } from './uws-binary.js';

const DISABLED = 0;
/** Our own budgets act long before this; it only keeps uWebSockets.js from dropping messages at its default of 64 KiB. */
const BACKPRESSURE_BYTES_MAX = 1 << 30;

/**
 * WebSocket by uWebSockets.js: every shard listens on the same port (SO_REUSEPORT), the kernel deals connections out.
 *
 * Three traps. It would also share the port with another process, so the main thread claims the port first (claim-port.ts).
 * A thread that ends while its app is open aborts the whole process: `close` comes before the thread ends, whatever
 * the reason it ends for (websocket-listener.ts says how). And without a free descriptor it tries to accept again and again, for
 * which it takes a whole processor: `pauseAccepting` closes the listener, so that clients are refused instead of waiting. Once
 * every thread has done so the port is nobody's, until `resumeAccepting`.
 */
export class UwsEngine implements WsEngine {
  readonly kind = 'uws';
  readonly port: number;
  readonly #module: UwsModule;
  readonly #app: UwsApp;
  readonly #host: string;
  readonly #sockets: Set<UwsWsSocket>;
  /** uWebSockets.js' token of the open listener; null while accepting is paused. */
  #listening: object | null;
  #isClosed = false;

  static open(module: UwsModule, options: WsEngineOptions, onOpen: OnWebSocket): Promise<UwsEngine> {
    const app = module.App();
    const sockets = new Set<UwsWsSocket>();
    route(app, options, onOpen, sockets);
    return new Promise((resolve, reject) => {
      app.listen(options.host, options.port, (listening) => {
        if (listening !== false) {
          resolve(new UwsEngine(module, app, options.host, listening, sockets));
          return;
        }
        app.close();
        reject(new BrokerError('RMQ-1003', `on ${options.host}:${options.port} (mqtt ws)`));
      });
    });
  }

  private constructor(module: UwsModule, app: UwsApp, host: string, listening: object, sockets: Set<UwsWsSocket>) {
    this.#module = module;
    this.#app = app;
    this.#host = host;
    this.port = module.us_socket_local_port(listening);
    this.#sockets = sockets;
    this.#listening = listening;
  }

  accept(): void {
    assert(false, 'it listens by itself');
  }

  pauseAccepting(): void {
    if (this.#isClosed || this.#listening === null) return;
    this.#module.us_listen_socket_close(this.#listening);
    this.#listening = null;
  }

  resumeAccepting(): boolean {
    if (this.#isClosed || this.#listening !== null) return true;
    this.#app.listen(this.#host, this.port, (listening) => {
      if (listening !== false) this.#listening = listening;
    }); // It calls back before it returns. With sockets still open it can, as it set SO_REUSEPORT on a port that was not 0.
    return this.#listening !== null;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.isOpen = false; // No call comes after this one.
    this.#sockets.clear();
    this.#app.close();
  }
}

function route(app: UwsApp, options: WsEngineOptions, onOpen: OnWebSocket, sockets: Set<UwsWsSocket>): void {
  const bySocket = new Map<UwsSocket, UwsWsSocket>();
  app.ws(options.path, {
    maxPayloadLength: options.messageBytesMax,
    maxBackpressure: BACKPRESSURE_BYTES_MAX,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    compression: DISABLED,
    upgrade: (response, request, context) => {
      const protocol = chooseSubProtocol(request.getHeader('sec-websocket-protocol'));
      if (protocol === null) {
        answer(response, '400 Bad Request', 'MQTT needs the WebSocket sub-protocol mqtt.');
        return;
      }
      const extensions = request.getHeader('sec-websocket-extensions');
      response.upgrade({}, request.getHeader('sec-websocket-key'), protocol, extensions, context);
    },
    open: (uws) => {
      const socket = new UwsWsSocket(uws);
      bySocket.set(uws, socket);
      sockets.add(socket);
      socket.carried = onOpen(socket);
    },
    message: (uws, message, isBinary) => {
      const socket = bySocket.get(uws);
      if (socket === undefined || !socket.isOpen) return;
      if (isBinary) socket.carried?.onBytes(new Uint8Array(message));
      else socket.refuseText();
    },
    drain: (uws) => {
      const socket = bySocket.get(uws);
      if (socket?.isOpen) socket.carried?.onDrain();
    },
    close: (uws, code) => {
      const socket = bySocket.get(uws);
      bySocket.delete(uws);
      if (socket === undefined) return;
      socket.isGone = true;
      socket.isOpen = false;
      if (sockets.delete(socket)) socket.carried?.onGone(code === WS_CLOSE.abnormal ? CLOSE.error : CLOSE.byPeer);
    },
  });
  app.any(options.path, (response) => {
    response.writeStatus('426 Upgrade Required').writeHeader('Upgrade', 'websocket').end('MQTT over WebSocket.');
  });
  app.any('/*', (response) => answer(response, '404 Not Found', 'Nothing here.'));
}

function answer(response: UwsResponse, status: string, sentence: string): void {
  response.writeStatus(status).end(sentence);
}

class UwsWsSocket implements CarrierSocket {
  /** This version of uWebSockets.js cannot stop reading a WebSocket. */
  readonly canPause = false;
  /** Events are still to be told. */
  isOpen = true;
  /** The object underneath must not be touched any more. */
  isGone = false;
  carried: Carried | null = null;
  readonly #uws: UwsSocket;
  readonly #peer: PeerFacts;

  constructor(uws: UwsSocket) {
    this.#uws = uws;
    this.#peer = { ...NOBODY, address: addressText(new Uint8Array(uws.getRemoteAddress())) }; // It does not tell the port.
  }

  send(bytes: Uint8Array): void {
    if (!this.isGone) this.#uws.send(bytes, true);
  }

  buffered(): number {
    return this.isGone ? 0 : this.#uws.getBufferedAmount();
  }

  pause(): void {}

  resume(): void {}

  end(why: CarrierEnd): void {
    if (!this.isGone) this.#uws.end(...closeFrameOf(why));
  }

  refuseText(): void {
    if (!this.isGone) this.#uws.end(WS_CLOSE.unsupported, 'MQTT is binary');
  }

  peer(): PeerFacts {
    return this.#peer;
  }
}

/** Four bytes are IPv4. Sixteen are IPv6, or IPv4 behind the prefix ::ffff. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return '';
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (isMapped) return bytes.subarray(12).join('.');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] << 8) | bytes[i + 1]).toString(16));
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}
