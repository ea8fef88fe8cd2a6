import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { assert } from '../../base/assert.js';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import { type Carried, type CarrierEnd, type CarrierSocket, NOBODY } from '../carried-connections.js';
import { CLOSE, type PeerFacts } from '../ports.js';
import { BY_OTHERS, chooseSubProtocol, closeFrameOf, type OnWebSocket, WS_CLOSE, type WsEngine, type WsEngineOptions } from './engine.js';

/** A connection that has not asked for the upgrade by then is closed. */
const HEADERS_TIMEOUT_MS = 10_000;

/** Streams that others brought: who their peer is, and whom to tell of the upgrade. */
type Brought = WeakMap<Duplex, { readonly peer: () => PeerFacts; readonly onUpgraded: () => void }>;

/** WebSocket by ws on node:http. Threads share the port by a descriptor that the main thread bound, or others bring the streams. */
export class WsNodeEngine implements WsEngine {
  readonly kind = 'ws';
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<NodeWsSocket>;
  readonly #brought: Brought;

  static open(options: WsEngineOptions, onOpen: OnWebSocket): Promise<WsNodeEngine> {
    const sockets = new Set<NodeWsSocket>();
    const brought: Brought = new WeakMap();
    const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, noDelay: true });
    route(server, options, onOpen, sockets, brought);
    if (options.descriptor === BY_OTHERS) return Promise.resolve(new WsNodeEngine(server, 0, sockets, brought));
    return new Promise((resolve, reject) => {
      const refuse = (error: Error): void => {
        const why = systemCodeOf(error) === 'EADDRINUSE' ? 'the port is in use' : error.message;
        reject(new BrokerError('RMQ-1003', `on ${options.host}:${options.port} (mqtt ws): ${why}`, { cause: error }));
      };
      server.once('error', refuse);
      server.listen(options.descriptor >= 0 ? { fd: options.descriptor } : { host: options.host, port: options.port }, () => {
        server.off('error', refuse);
        server.on('error', () => {}); // Of single accepts, when descriptors run out: the next one may succeed.
        const address = server.address();
        assert(address !== null && typeof address === 'object', 'a TCP server has an address');
        resolve(new WsNodeEngine(server, address.port, sockets, brought));
      });
    });
  }

  private constructor(server: Server, port: number, sockets: Set<NodeWsSocket>, brought: Brought) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
    this.#brought = brought;
  }

  /** Node serves HTTP on any stream that it is told of. */
  accept(stream: Duplex, peer: () => PeerFacts, onUpgraded: () => void): void {
    this.#brought.set(stream, { peer, onUpgraded });
    this.#server.emit('connection', stream);
  }

  /**
   * Nothing to do: libuv turns those who wait away, by a descriptor that it keeps in reserve. Closing would be wrong, for the
   * listening descriptor belongs to all threads.
   */
  pauseAccepting(): void {}

  resumeAccepting(): boolean {
    return true;
  }

  close(): void {
    for (const socket of this.#sockets) {
      socket.isOpen = false; // No call comes after this one.
      socket.terminate();
    }
    this.#sockets.clear();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function route(server: Server, options: WsEngineOptions, onOpen: OnWebSocket, sockets: Set<NodeWsSocket>, brought: Brought): void {
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    skipUTF8Validation: true, // Text is refused whatever is in it.
    maxPayload: options.messageBytesMax,
    handleProtocols: (offered) => chooseSubProtocol([...offered].join(',')) ?? false,
  });
  server.on('request', (request, response) => {
    const isPath = pathOf(request) === options.path;
    response.writeHead(isPath ? 426 : 404, isPath ? { upgrade: 'websocket', connection: 'close' } : { connection: 'close' });
    response.end(isPath ? 'MQTT over WebSocket.' : 'Nothing here.');
  });
  server.on('upgrade', (request, stream, head) => {
    stream.on('error', () => stream.destroy());
    if (pathOf(request) !== options.path) refuse(stream, '404 Not Found');
    else if (chooseSubProtocol(request.headers['sec-websocket-protocol'] ?? '') === null) refuse(stream, '400 Bad Request');
    else
      upgrader.handleUpgrade(request, stream, head, (ws) => {
        const from = brought.get(stream);
        from?.onUpgraded();
        adopt(ws, from?.peer ?? (() => plainPeer(request)), onOpen, sockets);
      });
  });
}

function adopt(ws: WebSocket, peer: () => PeerFacts, onOpen: OnWebSocket, sockets: Set<NodeWsSocket>): void {
  const socket = new NodeWsSocket(ws, peer);
  sockets.add(socket);
  ws.on('error', () => {}); // `close` follows and says all that we tell.
  ws.on('message', (data, isBinary) => {
    if (!socket.isOpen) return;
    assert(Buffer.isBuffer(data), 'ws gives one buffer per message');
    if (isBinary) socket.carried?.onBytes(data);
    else ws.close(WS_CLOSE.unsupported, 'MQTT is binary');
  });
  ws.on('close', (code) => {
    socket.isOpen = false;
    if (sockets.delete(socket)) socket.carried?.onGone(code === WS_CLOSE.abnormal ? CLOSE.error : CLOSE.byPeer);
  });
  socket.carried = onOpen(socket);
}

function plainPeer({ socket }: IncomingMessage): PeerFacts {
  return { ...NOBODY, address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?')[0];
}

function refuse(stream: Duplex, status: string): void {
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

class NodeWsSocket implements CarrierSocket {
  readonly canPause = true;
  isOpen = true;
  carried: Carried | null = null;
  readonly peer: () => PeerFacts;
  readonly #ws: WebSocket;
  readonly #onWritten: () => void;

  constructor(ws: WebSocket, peer: () => PeerFacts) {
    this.#ws = ws;
    this.peer = peer;
    this.#onWritten = (): void => {
      if (this.isOpen) this.carried?.onDrain();
    };
  }

  send(bytes: Uint8Array): void {
    if (this.isOpen) this.#ws.send(Buffer.from(bytes), { binary: true }, this.#onWritten); // A copy: ws keeps it until it is written.
  }

  buffered(): number {
    return this.#ws.bufferedAmount;
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  end(why: CarrierEnd): void {
    this.#ws.close(...closeFrameOf(why));
  }

  terminate(): void {
    this.#ws.terminate();
  }
}
